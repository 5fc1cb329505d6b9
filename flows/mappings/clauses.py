"""Scoping filters in a readable form: `department equals Sales and accountEnabled is true`.

The clauses of a line must all be true; of several lines, one is enough. What has no readable form is written literally:
an operator in braces, a name in brackets, a value in double quotes.

https://learn.microsoft.com/entra/identity/app-provisioning/define-conditional-rules-for-provisioning-user-accounts
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

UNARY = ("IS TRUE", "IS FALSE", "IS NULL", "IS NOT NULL")
BINARY = (
    "EQUALS",
    "NOT EQUALS",
    "REGEX MATCH",
    "NOT REGEX MATCH",
    "GREATER_THAN_OR_EQUALS",
    "GREATER_THAN",
    "INCLUDES",
    "ENDS_WITH",
    "IsMemberOf",
)
_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|\[(?P<name>"(?:[^"\\]|\\.)*"|[^\]"]+)\]'
    r'|\{(?P<operator>"(?:[^"\\]|\\.)*"|[^}"]+)\}|(?P<comma>,)|(?P<word>[^\s,"\[\]{}]+))'
)
_WORD = re.compile(r'[^\s,"\[\]{}]+')


class ClauseError(Exception):
    """A line is not a scoping filter: what is wrong, and at which character, counted from 1."""

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(what, offset)
        self.what = what
        self.at = offset + 1


def fold_name(operator: str) -> str:
    """Return the normalized name of an operator: without case, `_` as a blank."""
    return " ".join(operator.casefold().replace("_", " ").split())  # Graph has EQUALS, GREATER_THAN and IsMemberOf


_PHRASES = {"is member of" if name == "IsMemberOf" else fold_name(name): name for name in (*UNARY, *BINARY)}
_OPERATORS = {fold_name(name): name for name in (*UNARY, *BINARY)} | _PHRASES
_LONGEST = max(len(phrase.split()) for phrase in _PHRASES)
_PHRASE_OF = {fold_name(name): phrase for phrase, name in _PHRASES.items()}
_UNARY = {fold_name(name) for name in UNARY}


@dataclass(frozen=True)
class Clause:
    """A condition on one attribute; equal to another with the same meaning."""

    attribute: str
    operator: str
    values: tuple[str, ...] = ()

    @property
    def normalize(self) -> tuple[str, str, tuple[str, ...]]:
        """Equal for clauses with the same meaning."""
        return self.attribute, fold_name(self.operator), self.values

    def __str__(self) -> str:
        phrase = _PHRASE_OF.get(fold_name(self.operator))
        # An operator that Graph uses in an unusual way is written literally, so that it is read back the same.
        if phrase is None or bool(self.values) == (fold_name(self.operator) in _UNARY):
            phrase = f"{{{_bare(self.operator, '}')}}}"
        values = ", ".join(value if _is_word(value) else _quoted(value) for value in self.values)
        attribute = self.attribute if _is_word(self.attribute) else f"[{_bare(self.attribute, ']')}]"
        return f"{attribute} {phrase} {values}".rstrip()


def format_clause(clauses: Sequence[Clause]) -> str:
    """Return a line of clauses that must all be true."""
    return " and ".join(map(str, clauses))


@lru_cache(maxsize=4096)  # one file serves a thousand jobs
def parse_clause(text: str) -> tuple[Clause, ...]:
    """Read the clauses of a line.

    Raises:
        ClauseError: It is not a scoping filter.
    """
    reader = _Reader(text)
    clauses = [reader.clause()]
    while reader.more:
        reader.conjunction()
        clauses.append(reader.clause())
    return tuple(clauses)


def _is_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None and text.casefold() != "and"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _bare(text: str, end: str) -> str:
    plain = text == text.strip() and text.isprintable() and text and not {end, '"', "\\"} & set(text)
    # Braces and brackets hold a plain name, or one quoted like JSON where it could be misread.
    return text if plain else _quoted(text)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[re.Match[str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                what = "a quote, bracket or brace is not closed, or empty"
                raise ClauseError(what, len(text) - len(text[at:].lstrip()))
            self.tokens.append(found)
            at = found.end()
        self.at = 0

    @property
    def more(self) -> bool:
        return self.at < len(self.tokens)

    def fail(self, what: str) -> ClauseError:
        if not self.more:
            return ClauseError(what, len(self.text))
        token = self.tokens[self.at]
        return ClauseError(what, token.start(token.lastgroup or 0))

    def kind(self, ahead: int = 0) -> str | None:
        place = self.at + ahead
        return self.tokens[place].lastgroup if place < len(self.tokens) else None

    def take(self) -> str:
        token = self.tokens[self.at]
        self.at += 1
        text = token[token.lastgroup or 0]
        if token.lastgroup != "word" and text.startswith('"'):
            try:
                return str(json.loads(text))
            except ValueError:
                self.at -= 1  # so that the error points at this token
                raise self.fail(f"{text} is not escaped like JSON") from None
        return text.strip()

    def clause(self) -> Clause:
        if self.kind() not in {"word", "name"} or self._is_and():
            raise self.fail("the name of an attribute is missing")
        attribute = self.take()
        if self.kind() == "operator":
            return Clause(attribute, self.take(), self.values())
        operator = self.operator()
        if fold_name(operator) in _UNARY:
            if self.more and not self._is_and():
                raise self.fail(f"'{_PHRASE_OF[fold_name(operator)]}' takes no value; write 'and' between two clauses")
            return Clause(attribute, operator)
        values = self.values()
        if not values:
            raise self.fail(f"'{_PHRASE_OF[fold_name(operator)]}' needs a value")
        return Clause(attribute, operator, values)

    def operator(self) -> str:
        words = [token["word"] for token in self.tokens[self.at : self.at + _LONGEST]]
        # The longest first: "greater than" is also the beginning of "greater than or equals".
        for length in range(len(words), 0, -1):
            name = None if None in words[:length] else _OPERATORS.get(fold_name(" ".join(words[:length])))
            if name:
                self.at += length
                return name
        raise self.fail(f"an operator is missing: {', '.join(_PHRASES)}")

    def values(self) -> tuple[str, ...]:
        values: list[str] = []
        while self.kind() in {"word", "text"} and not self._is_and():
            values.append(self.take())
            if self.kind() != "comma":
                break
            self.at += 1
            if self.kind() not in {"word", "text"} or self._is_and():
                raise self.fail("a value is missing after the comma")
        return tuple(values)

    def conjunction(self) -> None:
        if not self._is_and():
            raise self.fail("'and' is missing; put a value of several words in double quotes")
        self.at += 1

    def _is_and(self) -> bool:
        return self.kind() == "word" and self.tokens[self.at]["word"].casefold() == "and"
