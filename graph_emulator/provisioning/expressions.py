"""Expressions of attribute mappings: parsed into a tree, and evaluated if they only combine texts.

https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 10_000  # documented as a known issue
DEEPEST = 40  # far below Python's own limit
TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:[^\"\\]|\\.)*\")|\[(?P<attribute>[^\]\[]+)\]"
    r"|(?P<name>[A-Za-z]\w*)|(?P<number>-?\d+)|(?P<mark>[(),]))"
)

# name -> parameters as (name, type, required, may be repeated)
FUNCTIONS: dict[str, tuple[tuple[str, str, bool, bool], ...]] = {
    "Append": (("source", "String", True, False), ("suffix", "String", True, False)),
    "AppRoleAssignmentsComplex": (("appRoleAssignments", "String", True, False),),
    "BitAnd": (("value1", "Integer", True, False), ("value2", "Integer", True, False)),
    "Coalesce": (("source", "String", True, True),),
    "ConvertToBase64": (("source", "String", True, False),),
    "Count": (("attribute", "String", True, False),),
    "IIF": (
        ("condition", "Boolean", True, False),
        ("valueIfTrue", "String", True, False),
        ("valueIfFalse", "String", True, False),
    ),
    "IsPresent": (("expression", "String", True, False),),
    "Item": (("attribute", "String", True, False), ("index", "Integer", True, False)),
    "Join": (("separator", "String", True, False), ("source", "String", True, True)),
    "Left": (("source", "String", True, False), ("count", "Integer", True, False)),
    "Mid": (("source", "String", True, False), ("start", "Integer", True, False), ("length", "Integer", True, False)),
    "NormalizeDiacritics": (("source", "String", True, False),),
    "Not": (("source", "Boolean", True, False),),
    "Replace": (
        ("source", "String", True, False),
        ("find", "String", False, False),
        ("regexPattern", "String", False, False),
        ("regexGroupName", "String", False, False),
        ("replacementValue", "String", False, False),
    ),
    "SelectUniqueValue": (("uniqueValueRule", "String", True, True),),
    "SingleAppRoleAssignment": (("appRoleAssignments", "String", True, False),),
    "StripSpaces": (("source", "String", True, False),),
    "Switch": (
        ("source", "String", True, False),
        ("defaultValue", "String", True, False),
        ("keyAndValue", "String", True, True),
    ),
    "ToLower": (("source", "String", True, False), ("culture", "String", False, False)),
    "ToUpper": (("source", "String", True, False), ("culture", "String", False, False)),
    "Trim": (("source", "String", True, False),),
}
EVALUATE: Mapping[str, Callable[..., str]] = {
    "Append": lambda source, suffix: source + suffix,
    "Coalesce": lambda *sources: next((source for source in sources if source), ""),
    "Join": lambda separator, *sources: separator.join(source for source in sources if source),
    "StripSpaces": lambda source: source.replace(" ", ""),
    "ToLower": lambda source, *_: source.lower(),
    "ToUpper": lambda source, *_: source.upper(),
    "Trim": lambda source: source.strip(),
}


class ExpressionError(Exception):
    """The text is not an expression, or cannot be evaluated here."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An attribute, a constant, or a function of other expressions."""

    kind: str
    name: str
    text: str
    arguments: "tuple[Expression, ...]" = ()

    def as_graph(self) -> dict[str, Any]:
        """The expression as the source of an attribute mapping."""
        names = [parameter[0] for parameter in FUNCTIONS.get(self.name, ())] if self.kind == "Function" else []
        parameters = [
            # Only the last parameter repeats.
            {"key": names[min(n, len(names) - 1)], "value": argument.as_graph()}
            for n, argument in enumerate(self.arguments)
        ]
        return {"expression": self.text, "name": self.name, "parameters": parameters, "type": self.kind}

    def value(self, attributes: Mapping[str, str]) -> str:
        """The value of the expression.

        Raises:
            ExpressionError: it needs more than combining texts.
        """
        if self.kind == "Attribute":
            return attributes.get(self.name, "")
        if self.kind == "Constant":
            return self.name
        function = EVALUATE.get(self.name)
        if function is None:
            raise ExpressionError(f"The function '{self.name}' cannot be evaluated with a test object.")
        return function(*(argument.value(attributes) for argument in self.arguments))


def parse(text: str) -> Expression:
    """Parse an expression.

    Raises:
        ExpressionError: it cannot be parsed.
    """
    # Length and depth are limited because the text comes from outside and is read recursively.
    if len(text) > LONGEST:
        raise ExpressionError(f"An expression has at most {LONGEST} characters.")
    expression, end = _read(text, 0, 0)
    if text[end:].strip():
        raise ExpressionError(f"Unexpected text at position {end}.")
    return expression


def _read(text: str, at: int, depth: int) -> tuple[Expression, int]:
    found = TOKEN.match(text, at)
    if found is None or found["mark"] or depth > DEEPEST:
        raise ExpressionError(f"An attribute, a constant or a function is expected at position {at}.")
    end = found.end()
    if found["attribute"]:
        return Expression("Attribute", found["attribute"], f"[{found['attribute']}]"), end
    if not found["name"]:
        constant = found["number"] or re.sub(r"\\(.)", r"\1", found["text"][1:-1])
        return Expression("Constant", constant, found[0].strip()), end
    return _call(text, at, found["name"], end, depth)


def _call(text: str, at: int, name: str, end: int, depth: int) -> tuple[Expression, int]:
    known = next((function for function in FUNCTIONS if function.lower() == name.lower()), None)
    if known is None:
        raise ExpressionError(f"Unknown function '{name[:50]}'.")
    arguments: list[Expression] = []
    end = _mark(text, end, "(")
    while True:
        if (empty := TOKEN.match(text, end)) and empty["mark"] in (",", ")"):
            argument = Expression("Constant", "", "")  # an optional argument left out
        else:
            argument, end = _read(text, end, depth + 1)
        arguments.append(argument)
        closing = TOKEN.match(text, end)
        if closing is None or closing["mark"] not in (",", ")"):
            raise ExpressionError(f"',' or ')' is expected at position {end}.")
        end = closing.end()
        if closing["mark"] == ")":
            break
    parameters = FUNCTIONS[known]
    fewest = sum(required for _, _, required, _ in parameters)
    repeats = any(repeated for *_, repeated in parameters)
    if len(arguments) < fewest or (len(arguments) > len(parameters) and not repeats):
        raise ExpressionError(f"The function '{known}' does not take {len(arguments)} arguments.")
    return Expression("Function", known, text[at:end].strip(), tuple(arguments)), end


def _mark(text: str, at: int, mark: str) -> int:
    found = TOKEN.match(text, at)
    if found is None or found["mark"] != mark:
        raise ExpressionError(f"'{mark}' is expected at position {at}.")
    return found.end()
