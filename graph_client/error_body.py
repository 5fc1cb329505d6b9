"""Graph's error body, read tolerantly: it may be nested, misspelt, empty, or an HTML page.

Any field may quote what was sent. So each text is redacted whole, before whitespace is collapsed and it is cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic_core import from_json

from graph_client.redaction import mask

__all__ = ["ErrorBody", "read_error", "read_json"]

_LONGEST_MESSAGE = 400
# Longer texts are whole pages. A secret that is cut here is still masked: redaction knows beginnings of secrets.
_LONGEST_FIELD = 65_536


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The parts of an error body: Graph's code and message, and the ids that Microsoft's support asks for."""

    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    client_request_id: str | None = None
    # All codes, the outer one first: the specific one may be nested.
    codes: tuple[str, ...] = ()


def read_json(content: bytes) -> Any:
    """The JSON value of a body; lone surrogates, which databases reject, are replaced.

    Raises:
        ValueError: when the body is not JSON.
    """
    # The byte order mark of UTF-8, which JSON's parsers refuse.
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        pass
    try:
        # The slower parser of the standard library accepts lone surrogates, which the fast one refuses.
        text = json.dumps(json.loads(content.decode("utf-8", "replace")), ensure_ascii=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def read_error(headers: Mapping[str, str], content: bytes, secrets: Iterable[str] = ()) -> ErrorBody:
    """The error of an answer, whatever its body is.

    Args:
        headers: of the answer.
        content: its body.
        secrets: values that were sent and must not appear, in addition to the secrets that the process knows.

    https://learn.microsoft.com/graph/errors
    """
    try:
        body = read_json(content)
    except ValueError:
        body = None
    error = _either(body, "error") if isinstance(body, dict) else None
    if isinstance(error, str):
        # As OAuth words its errors.
        error = {"code": error, "message": _either(body, "error_description", "message")}
    inner = _either(error, "innerError", "innererror")  # Graph writes both
    text = partial(_text, secrets=tuple(secrets))
    # The headers first: they have the ids even when the body is an HTML page or empty.
    return ErrorBody(
        code=text(_either(error, "code")) or None,
        message=text(_message(error)) or text(_of_html(content, body)) or None,
        request_id=text(headers.get("request-id") or _deep(inner, "request-id")) or None,
        client_request_id=text(headers.get("client-request-id") or _deep(inner, "client-request-id")) or None,
        codes=tuple(filter(None, map(text, _codes(error)))),
    )


def _message(error: Any) -> str:
    own = _plain(_either(error, "message"))
    # The synchronization service sends an empty message with its 401; then the details may say more.
    if own.strip():
        return own
    details = _either(error, "details")
    if not isinstance(details, list):
        return ""
    return "; ".join(filter(None, (_plain(_either(detail, "message", "code")) for detail in details)))


# The depth is limited because an answer is not trusted to end.
def _codes(error: Any, depth: int = 10) -> Iterator[Any]:
    if not isinstance(error, dict) or not depth:
        return
    yield error.get("code")
    details = error.get("details")
    for each in (_either(error, "innerError", "innererror"), *(details if isinstance(details, list) else ())):
        yield from _codes(each, depth - 1)


def _of_html(content: bytes, body: Any) -> str:
    """The title of an HTML page that a gateway sent instead of Graph's answer."""
    if body is not None or not content.lstrip().startswith(b"<"):
        return ""
    # Of a gateway's page only the title says what went wrong.
    title = re.search(rb"<title[^>]*>(.*?)</title>", content[:_LONGEST_FIELD], re.IGNORECASE | re.DOTALL)
    return title.group(1).decode("utf-8", "replace") if title else ""


def _deep(inner: Any, name: str) -> str:
    """A value of the innermost error that has it."""
    found = ""
    for _ in range(10):
        if not isinstance(inner, dict):
            break
        found = _plain(inner.get(name)) or found  # the innermost one counts
        inner = _either(inner, "innerError", "innererror")
    return found


def _either(value: Any, *names: str) -> Any:
    if not isinstance(value, dict):
        return None
    return next((value[name] for name in names if value.get(name) is not None), None)


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, (str, int)) else ""


def _text(value: Any, secrets: Iterable[str]) -> str:
    redacted = mask(_plain(value)[:_LONGEST_FIELD], secrets)
    return " ".join(redacted.split())[:_LONGEST_MESSAGE]
