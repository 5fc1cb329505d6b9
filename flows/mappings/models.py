"""A mappings file: which objects and attributes flow, in a small table; what it does not name stays as it is."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from flows.documents.field_types import Flag, invalid
from flows.documents.field_types import Line as Name
from flows.mappings.field_types import Expression, Flow, FlowBehavior, JsonObject, Line, Priority, When
from flows.mappings.locations import Places

FROZEN = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
SOURCES = ("attribute", "constant", "expression", "raw")
SCOPES = {"scope": "groups", "input_scope": "inputFilterGroups", "category_scope": "categoryFilterGroups"}
"""Our names for the parts of Graph's `filter`."""


class AttributeMapping(BaseModel):
    """Where the value of one target attribute comes from; what is left out has its default."""

    model_config = FROZEN

    attribute: Name | None = Field(None, description="The source attribute; this, or one of the next three.")
    constant: str | None = Field(None, description="A fixed value.")
    expression: Expression | None = Field(None, description='An expression, such as Join(" ", [givenName], [surname]).')
    raw: JsonObject | None = Field(None, description="Graph's JSON of a source that is none of these.")
    matching: Priority | None = Field(None, description="Its rank among the attributes that objects are matched by.")
    when: When = Field("always", description="When the value flows.")
    default: str | None = Field(None, description="The value where the source has none.")
    flow_behavior: FlowBehavior = Field("when changed", description="Whether an unchanged value is exported too.")
    export_missing_references: Flag = Field(False, description="For Microsoft's own use.")
    extra: JsonObject | None = Field(None, description="Properties that this table has no column for, as JSON.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(getattr(self, name) is not None for name in SOURCES) != 1:
            raise invalid("must have one source", "Give it either an attribute, a constant or an expression.")
        return self


class ObjectMapping(BaseModel):
    """One kind of objects; a field that is left out stays as the tenant has it."""

    model_config = FROZEN

    source: Name = Field(description="Kind of the source objects, such as User.")
    target: Name = Field(description="Kind of the target objects, as the schema names it.")
    rule: Name | None = Field(None, description="Name of the synchronization rule, where several map these kinds.")
    name: Name | None = Field(None, description="Name of the object mapping, where a rule has several of these kinds.")
    enabled: Flag | None = Field(None, description="Whether objects of this kind are provisioned.")
    flow: Flow | None = Field(None, description="What is done in the target system: add, update, delete.")
    scope: tuple[Line, ...] | None = Field(None, description="Who is in scope: one line must hold; none means all.")
    input_scope: tuple[Line, ...] | None = Field(
        None, description="Who is read at all; whoever leaves it keeps the account (Graph's inputFilterGroups)."
    )
    category_scope: tuple[Line, ...] | None = Field(None, description="Graph's categoryFilterGroups, experimental.")
    attributes: dict[str, AttributeMapping] = Field(default_factory=dict, description="By target attribute.")
    unmapped: tuple[Name, ...] = Field((), description="Target attributes that are not to be mapped.")
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
            raise invalid(f"{min(twice)} is mapped twice", "Keep one of the two; case makes no difference.")
        return self

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What tells it from the others of a file."""
        return self.source, self.target, self.rule, self.name


class Mappings(BaseModel):
    """A mappings file."""

    model_config = FROZEN

    object_mappings: tuple[ObjectMapping, ...] = Field(
        description="One entry for each kind of objects.", json_schema_extra={"minItems": 1}
    )
    _places: Places = PrivateAttr(default_factory=Places)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        identities = [each.identity for each in self.object_mappings]
        if not identities:
            raise invalid("object_mappings is empty", "Give it an entry, or remove mappings.")
        for identity in identities:
            if identities.count(identity) > 1:
                raise invalid(
                    f"{identity[0]} to {identity[1]} is given twice", "Join the two, or tell them by rule or name."
                )
        return self

    @property
    def places(self) -> Places:
        """Where its values stand in the file."""
        return self._places

    def placed(self, places: Places) -> Mappings:
        """Return the same, with the places of its values."""
        copied = self.model_copy()
        copied._places = places
        return copied

    def to_object(self) -> dict[str, Any]:
        """Return it as plain JSON values, without what has its default."""
        return self.model_dump(mode="json", exclude_defaults=True)
