"""Where the values behind references come from."""

import asyncio
import os.path
import re
from collections.abc import Awaitable, Callable, Mapping
from fnmatch import fnmatchcase
from functools import partial
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from flows.configuration.environment import KEY_SUFFIX, environment
from flows.configuration.sign_in import Identity
from flows.credentials.references import Secret, Source, SourceError, read_secret_file
from graph_client.errors import BadSettings

if TYPE_CHECKING:
    from flows.credentials.key_vault import KeyVaults

T = TypeVar("T")


MEMORY_SECONDS = 30.0
"""How long what a block or a vault answered is good: many instances, and an instance's steps, then share one read."""


# Not files that a person wrote: environments and memory of processes, devices.
_SHOWN_BY_KERNEL = re.compile(r"/(proc|sys|dev(?!/shm/))/")


class Sources:
    """The sources of secrets of one run; leave the `async with` to close the connections to key vaults.

    Args:
        identity: Who signs in to key vaults; None where they cannot be read.
        memory_seconds: How long an answer of a block or a vault is good.
    """

    def __init__(self, identity: Identity | None, memory_seconds: float = MEMORY_SECONDS) -> None:
        self._identity = identity
        self._vaults: KeyVaults | None = None
        block = cache_values(_load_block, memory_seconds)

        async def from_block(name: str) -> str:
            return await _field(block, name)

        sources: dict[str, Source] = {"env": _from_environment, "file": read_secret_file, "block": from_block}
        if identity:
            sources["keyvault"] = cache_values(self._from_key_vault, memory_seconds)
        guarded = {scheme: _guarded(scheme, source) for scheme, source in sources.items()}
        self.by_scheme: Mapping[str, Source] = MappingProxyType(guarded)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._vaults:
            await self._vaults.aclose()

    async def _from_key_vault(self, name: str) -> Secret:
        if self._vaults is None:
            try:
                # The SDK is an extra, and takes a moment to import.
                from flows.credentials.key_vault import KeyVaults  # noqa: PLC0415
            except ModuleNotFoundError:
                what = "the Azure SDK for Key Vault is not installed"
                raise SourceError(
                    what, "Install it where the flow runs: pip install 'entra-fleet[keyvault]'."
                ) from None
            if self._identity is None:
                raise AssertionError("without an identity there is no such source")
            try:
                self._vaults = self._vaults or KeyVaults(self._identity)
            except BadSettings as error:
                raise SourceError(error.what, error.hint or "") from None
        return await self._vaults.read(name)


def _guarded(scheme: str, source: Source) -> Source:
    """Return a source that has nothing but what the one who runs this process lets a fleet file have."""

    def read(name: str) -> str | Secret | Awaitable[str | Secret]:
        # What a link leads to is what is read.
        place = os.path.realpath(name) if scheme == "file" else name
        if (scheme == "env" and environment().is_own(name)) or (scheme == "file" and _is_own_file(place)):
            # Cause: The variable or file signs in, or is a key of entra-fleet.
            raise SourceError("belongs to entra-fleet itself", "Keep secrets of target systems under other names.")
        allowed = environment().allowed_references
        if allowed is not None and not any(fnmatchcase(f"{scheme}:{place}", pattern) for pattern in allowed):
            what = "is not among the references that ENTRA_FLEET_REFERENCES allows here"
            raise SourceError(what, "Add it there, where the flow runs, or correct the reference.")
        return source(name)

    return read


def _is_own_file(place: str) -> bool:
    own = {os.path.realpath(path) for path in environment().own_files}
    return place in own or place.endswith(KEY_SUFFIX) or _SHOWN_BY_KERNEL.match(place) is not None


def cache_values(read: Callable[[str], Awaitable[T]], seconds: float) -> Callable[[str], Awaitable[T]]:
    """Return a function that gives the same answer for a while, and asks once for all who ask at the same time."""
    answers: dict[str, asyncio.Future[T]] = {}

    def forget_in_time(name: str, answer: asyncio.Future[T]) -> None:
        # A failure is not remembered: the next one may ask again.
        failed = answer.cancelled() or answer.exception()
        if failed or not seconds:
            del answers[name]
        else:
            # Not for the whole run: a secret that is rotated meanwhile is to be seen.
            answer.get_loop().call_later(seconds, answers.pop, name)

    async def remembered(name: str) -> T:
        if name not in answers:
            answers[name] = asyncio.ensure_future(read(name))
            answers[name].add_done_callback(partial(forget_in_time, name))
        # Others wait for it too: one that gives up must not take it away from them.
        return await asyncio.shield(answers[name])

    return remembered


def _from_environment(name: str) -> str:
    value = environment().get(name)
    if value is None:
        raise KeyError(name)
    return value


async def _load_block(name: str) -> Mapping[str, str]:
    # Prefect takes a second to import, and only a reference to a block needs it.
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415

    from flows.configuration.blocks import load_credentials  # noqa: PLC0415

    if not PREFECT_API_URL.value():
        raise SourceError("no Prefect server is configured, which keeps the blocks", "Set PREFECT_API_URL.")
    try:
        return await load_credentials(name)
    except ValueError:
        return {}


async def _field(block: Callable[[str], Awaitable[Mapping[str, str]]], name: str) -> str:
    """Return one field of an `AppCredentials` block, `name` being BLOCK/FIELD."""
    of, _, field = name.partition("/")
    value = (await block(of)).get(field)
    if value is None:
        raise SourceError(
            f"there is no Prefect block {of!r} with a field {field!r}",
            "Create an AppCredentials block of that name in the Prefect UI, or correct the reference.",
        )
    return value
