"""Graph's error envelope, read with tolerance: it may be nested, misspelt, empty, or HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic_core import from_json

__all__ = ["ErrorBody", "masked", "read_error", "read_json"]

_LONGEST_MESSAGE = 400
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error answer tells: Graph's code and message, and the ids for support."""

    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    client_request_id: str | None = None


def read_json(content: bytes) -> Any:
    """The JSON value of a body; characters that no database takes (lone surrogates) are replaced.

    Raises:
        ValueError: when the body is not JSON.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        pass
    try:
        text = json.dumps(json.loads(content.decode("utf-8", "replace")), ensure_ascii=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def read_error(headers: Mapping[str, str], content: bytes) -> ErrorBody:
    """The error of an answer, whatever its body is.

    https://learn.microsoft.com/graph/errors
    """
    try:
        body = read_json(content)
    except ValueError:
        body = None
    error = _either(body, "error") if isinstance(body, dict) else None
    if isinstance(error, str):
        error = {"code": error, "message": _either(body, "error_description", "message")}
    inner = _either(error, "innerError", "innererror")
    return ErrorBody(
        code=_text(_either(error, "code")) or None,
        message=_message(error) or _of_html(content, body) or None,
        request_id=headers.get("request-id") or _deep(inner, "request-id") or None,
        client_request_id=headers.get("client-request-id") or _deep(inner, "client-request-id") or None,
    )


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, plain or in the encodings in which services quote them."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) < _SHORTEST_SECRET:
            continue
        quoted = json.dumps(secret)[1:-1]
        unescaped = json.dumps(secret, ensure_ascii=False)[1:-1]
        for form in (secret, unescaped, quoted, quote(secret, safe=""), quote(secret)):
            text = text.replace(form, "***")
    return text


def _message(error: Any) -> str:
    own = _text(_either(error, "message"))
    if own:
        return own
    details = _either(error, "details")
    if not isinstance(details, list):
        return ""
    return "; ".join(filter(None, (_text(_either(detail, "message", "code")) for detail in details)))


def _of_html(content: bytes, body: Any) -> str:
    """The title of an HTML page that a gateway sent in Graph's place."""
    if body is not None or not content.lstrip().startswith(b"<"):
        return ""
    title = re.search(rb"<title[^>]*>(.*?)</title>", content[:4096], re.IGNORECASE | re.DOTALL)
    return _text(title.group(1).decode("utf-8", "replace")) if title else ""


def _deep(inner: Any, name: str) -> str:
    """A value of the innermost inner error that has one."""
    found = ""
    for _ in range(10):
        if not isinstance(inner, dict):
            break
        found = _text(inner.get(name)) or found
        inner = _either(inner, "innerError", "innererror")
    return found


def _either(value: Any, *names: str) -> Any:
    if not isinstance(value, dict):
        return None
    return next((value[name] for name in names if value.get(name) is not None), None)


def _text(value: Any) -> str:
    if not isinstance(value, (str, int)):
        return ""
    return " ".join(str(value).split())[:_LONGEST_MESSAGE]
