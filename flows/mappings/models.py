"""A mappings file: which objects and attributes flow, as a small table; anything not listed stays unchanged."""

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
        copied = self.model_copy()
        copied._places = places
        return copied

    def to_object(self) -> dict[str, Any]:
        """Return it as plain JSON values, without defaults."""
        return self.model_dump(mode="json", exclude_defaults=True)
