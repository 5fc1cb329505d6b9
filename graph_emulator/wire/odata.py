"""OData query options: `$select`, `$top`, pages with their continuation, and `$filter` on objects."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from graph_emulator.wire.odata_syntax import (
    AnyOf,
    Comparison,
    FilterSyntaxError,
    Junction,
    Negation,
    Node,
    Value,
    parse_filter,
)
from graph_emulator.wire.problems import GraphProblem, bad_request, malformed, unsupported_query


@lru_cache(maxsize=512)
def read_options(query: str) -> Mapping[str, str]:
    """The query string as a dictionary; `$` options must not be repeated."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in found and name.startswith("$"):  # others may repeat: they are ignored anyway
            raise malformed(f"Query option '{name}' was specified more than once.")
        found[name] = value
    return found


def allow_options(options: Mapping[str, str], allowed: Iterable[str]) -> None:
    """Refuse a `$` option that the resource does not support."""
    for name in options:
        # Others pass: Graph ignores unknown query options (recorded).
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
    # Opaque on purpose: a client that builds one itself breaks here as it would at Graph.
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
    # As text: a filter that is parsed and written again might be escaped otherwise.
    kept = [part for part in query.split("&") if part and unquote(part.split("=", 1)[0]) not in names]
    kept += [f"${name}={quote(value, safe='')}" for name, value in changes.items()]
    return f"{address}?{'&'.join(kept)}"


Predicate = Callable[[Any], bool]
Compare = Callable[[Any, Any], bool]

COMPARE: dict[str, Compare] = {
    "eq": lambda have, want: bool(have == want),
    "ne": lambda have, want: bool(have != want),
    "gt": lambda have, want: bool(have > want),
    "lt": lambda have, want: bool(have < want),
    "ge": lambda have, want: bool(have >= want),
    "le": lambda have, want: bool(have <= want),
    "in": lambda have, want: have in want,
    "startswith": lambda have, want: bool(have.startswith(want)),
    "endswith": lambda have, want: bool(have.endswith(want)),
    "contains": lambda have, want: want in have,
}


@dataclass(frozen=True, slots=True)
class Field:
    """How a property may be filtered: in any query, and only in an advanced one."""

    read: Callable[[Any], Any]
    operators: frozenset[str]
    advanced: frozenset[str] = frozenset()
    convert: Callable[[Value], Any] | None = None
    folded: bool = True
    """Whether comparison ignores case, as in the directory."""
    collection: bool = False


@dataclass(frozen=True, slots=True)
class Filterable:
    """The filterable properties of a resource, by lower-case name."""

    resource: str
    fields: Mapping[str, Field]

    def predicate(self, text: str, *, advanced: bool = False) -> Predicate:
        """The filter as a function of one object.

        Raises:
            GraphProblem: 400, the text is no filter or asks for something undocumented.
        """
        try:
            node = parse_filter(text)
        except FilterSyntaxError as error:
            raise malformed(f"Invalid filter clause: {error}") from None
        return self._compile(node, advanced)

    def _compile(self, node: Node, advanced: bool) -> Predicate:
        if isinstance(node, Junction):
            parts = [self._compile(part, advanced) for part in node.parts]
            if node.word == "and":
                return lambda item: all(part(item) for part in parts)
            return lambda item: any(part(item) for part in parts)
        if isinstance(node, Negation):
            if not advanced:
                raise self._unsupported("not")
            inner = self._compile(node.inner, advanced)
            return lambda item: not inner(item)
        if isinstance(node, AnyOf):
            field = self._field(node.path, node.inner.operator, advanced, collection=True)
            test = _test(field, node.inner)
            return lambda item: any(test(value) for value in field.read(item) or ())
        field = self._field(node.path, node.operator, advanced, collection=False)
        read, test = field.read, _test(field, node)
        return lambda item: test(read(item))

    def _field(self, path: str, operator: str, advanced: bool, *, collection: bool) -> Field:
        field = self.fields.get(path.lower())
        if field is None or field.collection != collection:
            raise self._unsupported(path)
        if operator not in field.operators and not (advanced and operator in field.advanced):
            raise self._unsupported(path)
        return field

    def _unsupported(self, path: str) -> GraphProblem:
        return unsupported_query(
            f"Unsupported or invalid query filter clause specified for property '{path[:100]}' "
            f"of resource '{self.resource}'."
        )


def _test(field: Field, node: Comparison) -> Predicate:
    want: Any = node.value
    want = tuple(_literal(field, value) for value in want) if isinstance(want, tuple) else _literal(field, want)
    if node.operator in ("contains", "startswith", "endswith", "gt", "lt", "ge", "le") and (
        want is None or isinstance(want, bool)
    ):
        raise malformed(f"Invalid filter clause: '{node.operator}' needs a value of another type.")
    compare, fold = COMPARE[node.operator], field.folded or node.lowered

    def test(have: Any) -> bool:
        if isinstance(have, str) and fold:
            have = have.lower()
        # A missing value has no order and no beginning.
        if have is None and node.operator not in ("eq", "ne", "in"):
            return False
        return compare(have, want)

    return test


def _literal(field: Field, value: Value) -> Any:
    if field.convert is not None:
        try:
            return field.convert(value)
        except (ValueError, TypeError, AttributeError, OverflowError):
            raise malformed(f"Invalid filter clause: a value of another type than '{value}' is needed.") from None
    if isinstance(value, float):
        raise malformed("Invalid filter clause: a string is needed where a number stands.")
    return value.lower() if isinstance(value, str) and field.folded else value  # once, not for each object
