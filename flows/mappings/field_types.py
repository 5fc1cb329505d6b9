"""The value types of a mappings file: their rules, messages and JSON Schema."""

import json
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from flows.documents.field_types import Rule, invalid, shorten_value
from flows.mappings.clauses import ClauseError, parse_clause
from flows.mappings.expressions import ExpressionError, read_expression
from flows.mappings.graph_enums import FLOW_BEHAVIOR, WHEN, flow_types, value_for


def _expression(text: str) -> str:
    try:
        read_expression(text)
    except ExpressionError as error:
        advice = 'Write it as in the portal: Join(" ", [givenName], [surname]).'
        raise invalid(f"is not an expression: {error.what} (character {error.at})", advice) from None
    return text


def _line(text: str) -> str:
    try:
        parse_clause(text)
    except ClauseError as error:
        advice = "Write it like: department equals Sales and accountEnabled is true. Of several lines, one must hold."
        raise invalid(f"is not a scoping filter: {error.what} (character {error.at})", advice) from None
    return text


def _one_of(words: dict[str, str], kind: str) -> Rule:
    known = ", ".join(words)

    def check(word: str) -> str:
        if value_for(word, words) is None:
            advice = f"Write one of {known}; put any other value of Graph in braces."
            raise invalid(f"{shorten_value(word)} is not a {kind}", advice)
        return word

    return Rule(check, {"type": "string", "anyOf": [{"enum": list(words)}, {"pattern": r"^\{.+\}$"}]})


def _flow(words: str) -> str:
    if flow_types(words) is None:
        raise invalid(f"{shorten_value(words)} is not a flow", "Write any of add, update and delete, or none.")
    return words


def _object(text: str) -> str:
    try:
        if isinstance(json.loads(text), dict):
            return text
    except ValueError:
        pass
    raise invalid("is not a JSON object", "Write it in single quotes, as export does, or remove it.")


def _count(value: object) -> object:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal() and len(text) < 7 and int(text) > 0):
        raise invalid(
            f"{shorten_value(value)} is not a matching priority",
            "Write 1 for the first attribute to match by, then 2 …",
        )
    return int(text)


Expression = Annotated[str, Rule(_expression, {"type": "string", "minLength": 1})]
Line = Annotated[str, Rule(_line, {"type": "string", "minLength": 1})]
Flow = Annotated[str, Rule(_flow, {"type": "string", "examples": ["add, update, delete"]})]
When = Annotated[str, _one_of(WHEN, "time for a value to flow")]
FlowBehavior = Annotated[str, _one_of(FLOW_BEHAVIOR, "flow behaviour")]
JsonObject = Annotated[str, Rule(_object, {"type": "string"})]
Priority = Annotated[
    int,
    BeforeValidator(_count),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "pattern": "^0*[1-9][0-9]*$"}),
]
