"""A mappings file: which objects and attributes flow, as a small table; anything not listed stays unchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, WithJsonSchema, model_validator

from flows.documents.errors import Place
from flows.documents.field_types import Flag, Rule, invalid, shorten_value
from flows.documents.field_types import Line as Name
from flows.documents.nodes import Entry, Fields, locate
from flows.mappings.clauses import ClauseError, parse_clause
from flows.mappings.expressions import ExpressionError, read_expression

WHEN = {
    "always": "Always",
    "on create": "ObjectAddOnly",
    "add values": "MultiValueAddOnly",
    "never remove values": "ValueAddOnly",
    "if empty": "AttributeAddOnly",
}
"""When a value flows: Graph's attributeFlowType."""

FLOW_BEHAVIOR = {"when changed": "FlowWhenChanged", "always": "FlowAlways"}
"""Graph's attributeFlowBehavior."""

FLOW = {"add": "Add", "update": "Update", "delete": "Delete"}
"""Operations on objects in the target system: Graph's objectFlowTypes."""


def word_for(value: str, words: Mapping[str, str]) -> str:
    """Return our term for a value of Graph, ignoring case."""
    return next((word for word, known in words.items() if known.casefold() == value.casefold()), f"{{{value}}}")


def value_for(word: str, words: Mapping[str, str]) -> str | None:
    """Return Graph's value for a term; None if there is none."""
    if word.startswith("{") and word.endswith("}") and word[1:-1].strip():
        return word[1:-1]
    return words.get(word)


def flow_words(flow_types: str) -> str:
    """Return Graph's `Add, Update, Delete` in our terms, in a fixed order."""
    values = [part.strip() for part in flow_types.split(",")]
    found = {word_for(value, FLOW) for value in values if value and value != "None"}
    known = [word for word in FLOW if word in found]
    return ", ".join([*known, *sorted(found - set(known))]) or "none"


def flow_types(words: str) -> str | None:
    """Return Graph's value for `add, update`; None if a part of it is unknown."""
    if words.strip() == "none":
        return "None"
    values = [value_for(part.strip(), FLOW) for part in words.split(",")]
    named = [value for value in values if value]
    return ", ".join(named) if len(named) == len(values) else None


class Places:
    """The places of a file's values; not part of its content."""

    def __init__(self, entry: Entry | None = None) -> None:
        self._entry = entry

    def __eq__(self, other: object) -> bool:
        # Files with the same content are equal wherever they are.
        return isinstance(other, Places)

    __hash__ = None  # type: ignore[assignment]  # equal ones would have to share it

    def of(self, *location: int | str) -> Place:
        """Return the place of a value, or of the nearest enclosing one if it is missing."""
        entry = self._entry or Entry(Place(path="mappings"), Fields())
        return locate(entry, location)[0]


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
        # In braces any value of Graph's passes: new enumeration members need no release of ours.
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
    # Before int(), which also takes signs, spaces, underscores and digits of other scripts.
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


FROZEN = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
SOURCES = ("attribute", "constant", "expression", "raw")
SCOPES = {"scope": "groups", "input_scope": "inputFilterGroups", "category_scope": "categoryFilterGroups"}
"""Our names for the parts of Graph's `filter`."""


class AttributeMapping(BaseModel):
    """The source of one target attribute; omitted fields have their defaults."""

    model_config = FROZEN

    attribute: Name | None = Field(None, description="The source attribute; either this or one of the next three.")
    constant: str | None = Field(None, description="A fixed value.")
    expression: Expression | None = Field(None, description='An expression, such as Join(" ", [givenName], [surname]).')
    raw: JsonObject | None = Field(None, description="Graph's JSON for any other source.")
    matching: Priority | None = Field(
        None, description="Matching priority, for attributes that objects are matched by."
    )
    when: When = Field("always", description="When the value flows.")
    default: str | None = Field(None, description="Default value if the source has none.")
    flow_behavior: FlowBehavior = Field("when changed", description="Whether an unchanged value is exported too.")
    export_missing_references: Flag = Field(False, description="For Microsoft's internal use.")
    extra: JsonObject | None = Field(None, description="Properties that this table has no column for, as JSON.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(getattr(self, name) is not None for name in SOURCES) != 1:
            raise invalid("must have one source", "Give it an attribute, a constant or an expression.")
        return self


class ObjectMapping(BaseModel):
    """One object type; omitted fields stay as in the tenant."""

    model_config = FROZEN

    source: Name = Field(description="Source object type, such as User.")
    target: Name = Field(description="Target object type, as named in the schema.")
    rule: Name | None = Field(None, description="Name of the synchronization rule, if several map these types.")
    name: Name | None = Field(None, description="Name of the object mapping, if a rule has several for these types.")
    enabled: Flag | None = Field(None, description="Whether objects of this type are provisioned.")
    flow: Flow | None = Field(None, description="Operations in the target system: add, update, delete.")
    scope: tuple[Line, ...] | None = Field(None, description="Scoping filter: one line must hold; no line means all.")
    input_scope: tuple[Line, ...] | None = Field(
        None,
        description="Which objects are read; those that leave it keep their accounts (Graph's inputFilterGroups).",
    )
    category_scope: tuple[Line, ...] | None = Field(None, description="Graph's categoryFilterGroups, experimental.")
    attributes: dict[str, AttributeMapping] = Field(
        default_factory=dict, description="Attribute mappings, by target attribute."
    )
    unmapped: tuple[Name, ...] = Field((), description="Target attributes that must not be mapped.")
    extra: JsonObject | None = Field(None, description="Properties that this table has no field for, as JSON.")

    @model_validator(mode="after")
    def _mapped_or_not(self) -> Self:
        if both := {name.casefold() for name in self.attributes} & {name.casefold() for name in self.unmapped}:
            raise invalid(f"{min(both)} is both mapped and unmapped", "Remove it from one of the two.")
        return self

    @model_validator(mode="after")
    def _each_attribute_once(self) -> Self:
        folded = [name.casefold() for name in self.attributes]
        if twice := {name for name in folded if folded.count(name) > 1}:
            raise invalid(f"{min(twice)} is mapped twice", "Keep one of the two; case is ignored.")
        return self

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What distinguishes it from the others in a file."""
        return self.source, self.target, self.rule, self.name


class Mappings(BaseModel):
    """A mappings file."""

    model_config = FROZEN

    object_mappings: tuple[ObjectMapping, ...] = Field(
        description="One entry per object type.", json_schema_extra={"minItems": 1}
    )
    _places: Places = PrivateAttr(default_factory=Places)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        identities = [each.identity for each in self.object_mappings]
        if not identities:
            raise invalid("object_mappings is empty", "Add an entry, or remove mappings.")
        for identity in identities:
            if identities.count(identity) > 1:
                raise invalid(
                    f"{identity[0]} to {identity[1]} is given twice",
                    "Merge the two, or distinguish them by rule or name.",
                )
        return self

    @property
    def places(self) -> Places:
        """The places of its values in the file."""
        return self._places

    def placed(self, places: Places) -> Mappings:
        """Return a copy with the places of its values."""
        # A copy, because the model is frozen and may be shared by several instances.
        copied = self.model_copy()
        copied._places = places
        return copied

    def to_object(self) -> dict[str, Any]:
        """Return it as plain JSON values, without defaults."""
        return self.model_dump(mode="json", exclude_defaults=True)
