"""Expressions of attribute mappings: parsed far enough to locate errors and to compare two.

What a function does with its arguments is up to Graph; `parseExpression` decides.

https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 10_000  # Graph's limit
DEEPEST = 50  # the reader is recursive
_TOKEN = re.compile(
    r'(?P<blank>\s+)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_]\w*|%[^%\s]+%)'
    r"|(?P<operator>[=<>!&|+*/-]+)|(?P<mark>[(),])",
    re.DOTALL,
)
_IN_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]]')


class ExpressionError(Exception):
    """A text is not an expression: what is wrong, and at which character, counted from 1."""

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(what, offset)
        self.what = what
        self.at = offset + 1


@dataclass(frozen=True)
class Token:
    """A part of an expression."""

    kind: str
    """attribute, text, number, word, operator or mark."""
    text: str
    offset: int

    @property
    def attribute(self) -> str:
        """The name in the brackets."""
        return self.text[1:-1]


@dataclass(frozen=True)
class FunctionCall:
    """A function that an expression calls."""

    name: str
    arguments: int
    offset: int


@dataclass(frozen=True)
class Expression:
    """The parts of an expression."""

    tokens: tuple[Token, ...]
    calls: tuple[FunctionCall, ...]

    @property
    def attributes(self) -> tuple[Token, ...]:
        """The source attributes that it reads."""
        return tuple(token for token in self.tokens if token.kind == "attribute")

    @property
    def normalize(self) -> str:
        """The expression without blanks, with functions in lower case; equal for equal expressions."""
        # Functions regardless of case; attributes and texts unchanged.
        return "".join(token.text.casefold() if token.kind == "word" else token.text for token in self.tokens)


@lru_cache(maxsize=4096)  # one file serves a thousand jobs
def read_expression(text: str) -> Expression:
    """Read an expression.

    Raises:
        ExpressionError: It cannot be one.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"is {len(text):,} characters long; Graph allows {LONGEST:,}", LONGEST)
    tokens = tuple(_tokens(text))
    reader = _Reader(tokens, len(text))
    reader.operands(0)
    if reader.here:
        raise ExpressionError(f"unexpected {reader.here.text}", reader.here.offset)
    return Expression(tokens, tuple(reader.calls))


@lru_cache(maxsize=4096)
def normalize_expression(text: str) -> str:
    """Return the normalized text of an expression; the text itself if it is not one."""
    try:
        return read_expression(text).normalize
    except ExpressionError:
        # Not an expression as we know them: compared as text.
        return text.strip()


def quote_text(constant: str) -> str:
    """Return a constant as written in an expression."""
    return '"' + constant.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        if text[at] == "[":
            end = _closing(text, at)
            yield Token("attribute", text[at:end], at)
            at = end
            continue
        found = _TOKEN.match(text, at)
        if found is None:
            what = "a text is not closed" if text[at] == '"' else f"{text[at]!r} is not allowed here"
            raise ExpressionError(what, at)
        if found.lastgroup != "blank":
            yield Token(found.lastgroup or "", found[0], at)
        at = found.end()


def _closing(text: str, start: int) -> int:
    """The end of an attribute in brackets, which may contain brackets itself: `[emails[type eq "work"].value]`."""
    depth = 0
    for found in _IN_BRACKETS.finditer(text, start):
        depth += {"[": 1, "]": -1}.get(found[0], 0)  # names such as emails[type eq "work"].value nest them
        if depth == 0:
            if not text[start + 1 : found.start()].strip():
                raise ExpressionError("the brackets contain no attribute", start)
            return found.end()
    raise ExpressionError("a bracket is not closed", start)


class _Reader:
    def __init__(self, tokens: tuple[Token, ...], length: int) -> None:
        self.tokens = tokens
        self.length = length
        self.at = 0
        self.calls: list[FunctionCall] = []

    @property
    def here(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, text: str) -> bool:
        # A quoted "(" is a text.
        taken = self.here is not None and self.here.text == text and self.here.kind != "text"
        self.at += taken
        return taken

    def operands(self, depth: int) -> None:
        """One operand, or several with operators between them."""
        self.operand(depth)
        while self.here and self.here.kind == "operator":
            self.at += 1
            self.operand(depth)

    def operand(self, depth: int) -> None:
        token = self.here
        if depth > DEEPEST:
            raise ExpressionError(f"functions are nested more than {DEEPEST} deep", token.offset if token else 0)
        if token is None or (token.kind in {"mark", "operator"} and token.text != "("):
            what = "an attribute, a text or a function is missing"
            raise ExpressionError(what, token.offset if token else self.length)
        self.at += 1
        if token.text == "(":
            self.operands(depth + 1)
            self.close(token)
        elif token.kind == "word" and self.take("("):
            self.calls.append(FunctionCall(token.text, self.arguments(token, depth + 1), token.offset))

    def arguments(self, function: Token, depth: int) -> int:
        """Read the arguments of a call, any of which may be omitted; return their number."""
        if self.take(")"):
            return 0
        count = 1
        while True:
            if self.here and (self.here.kind != "mark" or self.here.text == "("):
                self.operands(depth)
            if self.take(","):
                count += 1
                continue
            self.close(function)
            return count

    def close(self, opening: Token) -> None:
        if self.take(")"):
            return
        if self.here is None:
            raise ExpressionError(f"the parenthesis of {opening.text} is not closed", opening.offset)
        raise ExpressionError(f"a comma or a parenthesis is missing before {self.here.text}", self.here.offset)
