"""Parses an OData `$filter` into a tree, whatever properties it names."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

LONGEST_FILTER = 8_000
DEEPEST_FILTER = 40
TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')"
    r"|(?P<moment>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_@][\w.]*(?:/[A-Za-z_][\w.]*)*)"
    r"|(?P<mark>[(),:]))"
)
OPERATORS = frozenset({"eq", "ne", "gt", "lt", "ge", "le"})
FUNCTIONS = frozenset({"startswith", "contains", "endswith"})
Value = str | bool | float | None


class FilterSyntaxError(Exception):
    """The filter is not valid OData."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path operator value`; functions such as startsWith count as operators."""

    path: str
    operator: str
    value: "Value | tuple[Value, ...]"
    lowered: bool = False


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`path/any(v:v eq 'x')`: the inner comparison is true for one of the values."""

    path: str
    inner: Comparison


@dataclass(frozen=True, slots=True)
class Negation:
    """`not …`."""

    inner: "Node"


@dataclass(frozen=True, slots=True)
class Junction:
    """`… and …` or `… or …`."""

    word: str
    parts: "tuple[Node, ...]"


Node = Comparison | AnyOf | Negation | Junction


@lru_cache(maxsize=2048)
def parse_filter(text: str) -> Node:
    """Parse a filter.

    Raises:
        FilterSyntaxError: the text is not a filter in this grammar.
    """
    if len(text) > LONGEST_FILTER:
        raise FilterSyntaxError("The filter is too long.")
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = TOKEN.match(text, position)
        if not match or match.end() > end:
            raise FilterSyntaxError(f"Syntax error at position {position} in '{text[:200]}'.")
        kind = match.lastgroup or ""
        found.append((kind, match.group(kind)))
        position = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._or()
        if self._at < len(self._tokens):
            raise FilterSyntaxError(f"Syntax error at '{self._tokens[self._at][1][:50]}'.")
        return node

    def _or(self) -> Node:
        return self._joined("or", self._and)

    def _and(self) -> Node:
        return self._joined("and", self._not)

    def _joined(self, word: str, part: Callable[[], Node]) -> Node:
        parts = [part()]
        while self._word() == word:
            self._at += 1
            parts.append(part())
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def _not(self) -> Node:
        if self._word() != "not":
            return self._primary()
        self._at += 1
        self._deeper()
        return Negation(self._not())

    def _primary(self) -> Node:
        if self._peek() == ("mark", "("):
            self._deeper()
            self._at += 1
            node = self._or()
            self._mark(")")
            self._depth -= 1
            return node
        if self._word() in FUNCTIONS:
            return self._function()
        return self._comparison()

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST_FILTER:
            raise FilterSyntaxError("The filter is nested too deeply.")

    def _function(self) -> Node:
        name = self._name().lower()
        self._mark("(")
        path, lowered = self._operand()
        self._mark(",")
        value = self._value()
        self._mark(")")
        if self._word() == "eq":
            self._at += 1
            # "startswith(x,'y') eq true" is the long form of the same.
            if self._value() is not True:
                raise FilterSyntaxError("A function can only be compared with true.")
        return Comparison(path, name, value, lowered)

    def _comparison(self) -> Node:
        path, lowered = self._operand()
        if path.lower().endswith("/any") and self._peek() == ("mark", "("):
            return self._any(path[:-4])
        word = self._name().lower()
        if word == "in":
            return Comparison(path, "in", self._list(), lowered)
        if word not in OPERATORS:
            raise FilterSyntaxError(f"Unknown operator '{word[:50]}'.")
        return Comparison(path, word, self._value(), lowered)

    def _any(self, path: str) -> Node:
        self._mark("(")
        variable = self._name()
        self._mark(":")
        inner = self._function() if self._word() in FUNCTIONS else self._comparison()
        self._mark(")")
        if not isinstance(inner, Comparison) or inner.path != variable:
            raise FilterSyntaxError("A lambda can only compare its own variable.")
        return AnyOf(path, inner)

    def _operand(self) -> tuple[str, bool]:
        name = self._name()
        if name.lower() != "tolower" or self._peek() != ("mark", "("):
            return name, False
        self._mark("(")
        path = self._name()
        self._mark(")")
        return path, True

    def _list(self) -> tuple[Value, ...]:
        self._mark("(")
        values = [self._value()]
        while self._peek() == ("mark", ","):
            self._at += 1
            values.append(self._value())
        self._mark(")")
        return tuple(values)

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")

    def _word(self) -> str:
        kind, text = self._peek()
        return text.lower() if kind == "name" else ""

    def _mark(self, mark: str) -> None:
        if self._peek() != ("mark", mark):
            raise FilterSyntaxError(f"'{mark}' expected at '{self._peek()[1][:50]}'.")
        self._at += 1

    def _name(self) -> str:
        kind, text = self._peek()
        if kind != "name":
            raise FilterSyntaxError(f"A name is expected at '{text[:50]}'.")
        self._at += 1
        return text

    def _value(self) -> Value:
        kind, text = self._peek()
        self._at += 1
        if kind == "string":
            return text[1:-1].replace("''", "'")
        if kind in ("moment", "guid"):
            return text
        if kind == "number":
            return float(text)
        if kind == "name" and text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text]
        raise FilterSyntaxError(f"A value is expected at '{text[:50]}'.")
