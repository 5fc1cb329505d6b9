"""References to secrets (`${env:NAME}` and others): reading them as text and turning them into values.

This file knows no environment, no Prefect and no vault: the caller hands over a source for each scheme.
"""

from __future__ import annotations

import inspect
import re
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import SecretStr

from flows.base_error import EntraFleetError
from flows.errors import StepFailed
from graph_client.redaction import learn_secrets

SECRET_FILE_BYTES_MAX = 65_536

WHOLE = re.compile(r"\$\{([A-Za-z][A-Za-z0-9-]*):([^{}\r\n]*)\}")
NAMES = {
    "env": (re.compile(r"[A-Za-z_][A-Za-z0-9_]*"), "${env:NAME}"),
    "file": (re.compile(r"(/|[A-Za-z]:[\\/]).+"), "${file:/absolute/path}"),
    "block": (re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z_][A-Za-z0-9_.-]*"), "${block:name/field}"),
    "keyvault": (re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9-]+"), "${keyvault:vault/name}"),
}
FORMS = ", ".join(form for _, form in list(NAMES.values())[:-1]) + f" or {NAMES['keyvault'][1]}"


class ReferenceUnresolved(StepFailed):
    """A reference that leads to no value; the text names instance, key and reference, never a value."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__("ReferenceUnresolved", message, hint)


@dataclass(frozen=True, slots=True)
class Secret:
    """A value, and the id of its version where its source has versions."""

    value: SecretStr
    version: str | None = None


Source = Callable[[str], str | Secret | Awaitable[str | Secret]]
"""From a name to a value; raises `SourceError`, or `KeyError` for a name it does not have."""


class SourceError(EntraFleetError):
    """What a source raises when it has no value: what is wrong and what to do, both safe to show."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a value is kept."""

    scheme: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Reference | None:
        """Read a text as a reference.

        Returns:
            None if it is a literal.

        Raises:
            ValueError: it looks like a reference but is none; the message does not hold the text.
        """
        # Anything with "${" is meant as a reference: a misspelt one must not be sent as a literal.
        if "${" not in text:
            return None
        whole = WHOLE.fullmatch(text)
        if whole is None:
            raise ValueError("is not one whole reference")
        scheme, name = whole.groups()
        if scheme not in NAMES:
            raise ValueError("is a reference of an unknown kind")
        pattern, form = NAMES[scheme]
        if not pattern.fullmatch(name):
            raise ValueError(f"is not a reference of the form {form}")
        return cls(scheme, name)

    def __str__(self) -> str:
        return f"${{{self.scheme}:{self.name}}}"


async def resolve(text: str, sources: Mapping[str, Source], *, instance: str, key: str) -> Secret:
    """Return the value of a credential: a literal unchanged, a reference by the source for its scheme.

    Args:
        text: the credential as the fleet has it.
        sources: by scheme; plain or async functions.
        instance: key of the instance, for errors.
        key: credential key, for errors.

    Raises:
        ReferenceUnresolved: there is no such value, or it is empty.
    """
    try:
        reference = Reference.parse(text)
    except ValueError as error:
        raise ReferenceUnresolved(f"{instance}: credentials.{key}: {error}", f"Use {FORMS}.") from None
    if reference is None:
        return Secret(SecretStr(text))
    try:
        return await _value(reference, sources)
    except SourceError as error:
        where = f"{instance}: credentials.{key}: {reference}"
        raise ReferenceUnresolved(f"{where}: {error.message}", error.hint) from None


async def _value(reference: Reference, sources: Mapping[str, Source]) -> Secret:
    source = sources.get(reference.scheme)
    if source is None:
        known = ", ".join(sorted(sources)) or "none"
        what = f"{reference.scheme} references cannot be read here"
        raise SourceError(what, f"Use one of the kinds that can: {known}.")
    try:
        found = source(reference.name)
        given = await found if inspect.isawaitable(found) else found
    except SourceError:
        raise
    except KeyError:
        raise _missing(reference) from None
    except Exception as error:  # noqa: BLE001
        # Sources may fail in any way, and the text of a foreign error may quote what it read.
        what = f"cannot be read ({type(error).__name__})"
        raise SourceError(what, "Check the name, and that this process may read it.") from None
    secret = given if isinstance(given, Secret) else Secret(SecretStr(given))
    value = secret.value.get_secret_value()
    # Before anything can fail with it.
    learn_secrets(value)
    # Most editors and shells end what they write with a newline.
    value = value.removesuffix("\n").removesuffix("\r") if value.endswith("\r\n") else value.removesuffix("\n")
    _check(value)
    return replace(secret, value=SecretStr(value))


def _check(value: str) -> None:
    if not value:
        raise SourceError("is empty", "Add the secret; an empty value would delete it in Entra ID.")
    try:
        value.encode()
    except UnicodeEncodeError:
        # What no request could carry; later errors would quote it.
        raise SourceError("is not UTF-8 text", "Save the secret as UTF-8.") from None


def _missing(reference: Reference) -> SourceError:
    if reference.scheme == "env":
        what = "the environment variable is not set"
        return SourceError(what, f"Set {reference.name} where the flow runs, or correct the reference.")
    return SourceError("does not exist", "Create it, or correct the reference.")


def read_secret_file(name: str) -> str:
    """The source of `${file:…}` references: the text of a file.

    Raises:
        SourceError: there is no such file, or it is no text.
    """
    try:
        if not stat.S_ISREG(Path(name).stat().st_mode):
            # A pipe or a device may never end.
            raise SourceError("is not a regular file", "Use a file that contains only the secret.")
        with Path(name).open("rb") as file:
            content = file.read(SECRET_FILE_BYTES_MAX + 1)
    except OSError as error:
        what = f"the file cannot be read ({error.strerror or type(error).__name__})"
        raise SourceError(what, "Check the path, and that this process may read it.") from None
    if len(content) > SECRET_FILE_BYTES_MAX:
        what = f"the file is larger than {SECRET_FILE_BYTES_MAX:,} bytes"
        raise SourceError(what, "Use a file that contains only the secret.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise SourceError("the file is not UTF-8 text", "Save the secret as UTF-8.") from None
