"""`$filter` on objects: which properties may be filtered with which operators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
from graph_emulator.wire.problems import GraphProblem, malformed, unsupported_query

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
    return value.lower() if isinstance(value, str) and field.folded else value
