"""Query options other than `$filter`: `$select`, `$top`, and pages with their continuation."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from graph_emulator.wire.problems import bad_request, malformed


@lru_cache(maxsize=512)
def read_options(query: str) -> Mapping[str, str]:
    """The query string as a dictionary; `$` options must not be repeated."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in found and name.startswith("$"):
            raise malformed(f"Query option '{name}' was specified more than once.")
        found[name] = value
    return found


def allow_options(options: Mapping[str, str], allowed: Iterable[str]) -> None:
    """Refuse a `$` option that the resource does not support."""
    for name in options:
        if name.startswith("$") and name not in allowed:
            raise malformed(f"The query parameter '{name}' is not supported.")


def whole_number(options: Mapping[str, str], name: str, default: int, maximum: int, minimum: int = 1) -> int:
    """The value of a `$top` or `$skip`.

    Raises:
        GraphProblem: 400, not a number, or out of range.
    """
    text = options.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise malformed(f"Invalid value '{text[:50]}' for {name} query option found.")
    number = int(text)
    if not minimum <= number <= maximum:
        raise bad_request(
            f"Invalid page size specified: '{number}'. Must be between {minimum} and {maximum} inclusive."
        )
    return number


def select(value: Mapping[str, Any], names: frozenset[str] | None) -> dict[str, Any]:
    """The object with only the selected properties."""
    if names is None:
        return dict(value)
    return {name: value[name] for name in value if name in names}


def selected(options: Mapping[str, str], resource: str, known: Iterable[str]) -> frozenset[str] | None:
    """The names of a `$select`.

    Raises:
        GraphProblem: 400, a name that the type does not have.
    """
    text = options.get("$select")
    if text is None or text.strip() == "*":
        return None
    by_folded = {name.lower(): name for name in known}
    names = set()
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name.lower() not in by_folded:
            raise malformed(
                f"Parsing OData Select and Expand failed: Could not find a property named '{name[:100]}' "
                f"on type 'microsoft.graph.{resource}'."
            )
        names.add(by_folded[name.lower()])
    return frozenset(names)


def write_skip_token(position: str) -> str:
    """A position as an opaque token."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def read_skip_token(options: Mapping[str, str]) -> str | None:
    """The position at which the previous page ended."""
    token = options.get("$skiptoken")
    if token is None:
        return None
    try:
        position = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        position = ""
    if not position:
        raise malformed("The value of $skiptoken is not valid.")
    return position


def next_link(address: str, query: str, **changes: str) -> str:
    """The URL of the same request with changed options."""
    names = {f"${name}" for name in changes}
    kept = [part for part in query.split("&") if part and unquote(part.split("=", 1)[0]) not in names]
    kept += [f"${name}={quote(value, safe='')}" for name, value in changes.items()]
    return f"{address}?{'&'.join(kept)}"
