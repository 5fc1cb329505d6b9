"""What a tenant's schema may use: attributes of its directories, filter operators, functions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flows.mappings.clauses import fold_name
from graph_client.models import FilterOperator, MappingFunction


@dataclass(frozen=True)
class Arguments:
    """How many arguments a function takes; None for any number."""

    function: str
    fewest: int
    most: int | None


@dataclass(frozen=True)
class Vocabulary:
    """Operators and functions; empty if this identity may not read them."""

    operators: Mapping[str, FilterOperator]
    """By normalized name, see `fold_name`."""
    functions: Mapping[str, Arguments]
    """By their name in lower case."""

    @classmethod
    def of(cls, operators: Iterable[FilterOperator], functions: Iterable[MappingFunction]) -> "Vocabulary":
        """Return the vocabulary from Graph's `filterOperators` and `functions`."""
        return cls(
            {fold_name(each.id): each for each in operators},
            {each.id.casefold(): _arguments(each) for each in functions},
        )


NOTHING_KNOWN = Vocabulary({}, {})


def _arguments(function: MappingFunction) -> Arguments:
    parameters = function.parameters
    fewest = sum(bool(parameter.required) for parameter in parameters)
    repeated = any(parameter.allow_multiple_occurrences for parameter in parameters)
    return Arguments(function.id, fewest, None if repeated else len(parameters))


@dataclass(frozen=True)
class Attributes:
    """The attributes of an object type, with their types."""

    kind: str
    directory: str
    types: Mapping[str, tuple[str, str]]
    """Spelled name and type, by the name in lower case."""

    def has(self, name: str) -> bool:
        """Return whether an attribute may exist: if the object type is not described, any may."""
        return not self.types or name.casefold() in self.types

    def type_of(self, name: str) -> str | None:
        """Return the type of an attribute, if known."""
        return self.types.get(name.casefold(), ("", ""))[1] or None

    @property
    def names(self) -> list[str]:
        """The names as spelled."""
        return [name for name, _ in self.types.values()]


def read_attributes(
    schema: Mapping[str, Any], rule: Mapping[str, Any], mapping: Mapping[str, Any]
) -> tuple[Attributes, Attributes]:
    """Return the attributes on both sides of an object mapping: those of the directories, and those in use."""
    used = [each for each in mapping.get("attributeMappings") or () if isinstance(each, dict)]
    sources = [each["source"].get("name") for each in used if isinstance(each.get("source"), dict)]
    targets = [each.get("targetAttributeName") for each in used]
    return (
        _attributes(schema, rule.get("sourceDirectoryName"), mapping.get("sourceObjectName"), sources),
        _attributes(schema, rule.get("targetDirectoryName"), mapping.get("targetObjectName"), targets),
    )


def _attributes(schema: Mapping[str, Any], directory: Any, kind: Any, used: Iterable[Any]) -> Attributes:
    types: dict[str, tuple[str, str]] = {}
    for each in schema.get("directories") or ():
        if not isinstance(each, dict) or each.get("name") != directory:
            continue
        for described in each.get("objects") or ():
            if isinstance(described, dict) and described.get("name") == kind:
                for attribute in described.get("attributes") or ():
                    if isinstance(attribute, dict) and isinstance(attribute.get("name"), str):
                        types[attribute["name"].casefold()] = attribute["name"], str(attribute.get("type") or "")
    if types:
        types = {name.casefold(): (name, "") for name in used if isinstance(name, str)} | types
    return Attributes(str(kind), str(directory), types)
