"""Whether a job supports a mappings file: what its schema has, and what of the file it does not know."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flows.documents.errors import Place, Problem, suggest_nearest
from flows.documents.field_types import shorten_value
from flows.mappings.clauses import Clause, fold_name, parse_clause
from flows.mappings.expressions import FunctionCall, read_expression
from flows.mappings.merge import DesiredMapping, diff_mappings
from flows.mappings.models import SCOPES, AttributeMapping, Mappings
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
        return not self.types or name.casefold() in self.types  # a directory that lists nothing refuses nothing

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
    # Attributes in use count as known: a connector may support more than its directory lists.
    if types:
        types = {name.casefold(): (name, "") for name in used if isinstance(name, str)} | types
    return Attributes(str(kind), str(directory), types)


def find_problems(
    wanted: Mappings, desired_mappings: Iterable[DesiredMapping], schema: Mapping[str, Any], vocabulary: Vocabulary
) -> list[Problem]:
    """Return the problems in the file that the job does not support; what it already has is not checked.

    Args:
        wanted: The file.
        desired_mappings: Its desired mappings for this schema.
        schema: The job's schema, with its directories.
        vocabulary: What filters and expressions may use.
    """
    problems: list[Problem] = []
    for desired in desired_mappings:
        # It is not in the file, so there is no place to correct.
        if not desired.location:
            continue
        rule = schema["synchronizationRules"][desired.found.rule_index]
        source, target = read_attributes(schema, rule, desired.found.raw)
        # Only what would change: what the job has already, the service has accepted.
        for name in dict.fromkeys(each.location for each in diff_mappings([desired])):
            problems += _problems(wanted, desired, name[2:], source, target, vocabulary)
    return problems


def _problems(
    wanted: Mappings,
    desired: DesiredMapping,
    location: tuple[int | str, ...],
    source: Attributes,
    target: Attributes,
    vocabulary: Vocabulary,
) -> Iterator[Problem]:
    def place(*inner: int | str) -> Place:
        return wanted.places.of(*desired.location, *inner)

    match location:
        case (str(name),) if name in SCOPES:
            for index, line in enumerate(desired.fields[name]):
                for clause in parse_clause(line):
                    yield from _of_clause(clause, place(name, index), source, vocabulary)
        case ("attributes", str(name)):
            if not target.has(name):
                yield _no_attribute(place(*location), name, target)
            yield from _of_row(desired.rows[name], lambda inner: place(*location, inner), source, vocabulary)


def _of_row(row: AttributeMapping, place: Any, source: Attributes, vocabulary: Vocabulary) -> Iterator[Problem]:
    if row.attribute and not source.has(row.attribute):
        yield _no_attribute(place("attribute"), row.attribute, source)
    if not row.expression:
        return
    expression = read_expression(row.expression)
    for token in expression.attributes:
        if not source.has(token.attribute):
            yield _no_attribute(place("expression"), token.attribute, source, token.offset + 1)
    for call in expression.calls:
        yield from _of_call(call, place("expression"), vocabulary)


def _of_call(call: FunctionCall, place: Place, vocabulary: Vocabulary) -> Iterator[Problem]:
    # As for operators: without the permission to write they are not known.
    if not vocabulary.functions:
        return
    known = vocabulary.functions.get(call.name.casefold())
    if known is None:
        meant = suggest_nearest(call.name, [each.function for each in vocabulary.functions.values()])
        what = f"unknown function {call.name} (character {call.offset + 1})"
        yield Problem(place, what, f"Did you mean {meant}?" if meant else "Use a function listed in the portal.")
    elif call.arguments < known.fewest or (known.most is not None and call.arguments > known.most):
        most = "more" if known.most is None else known.most
        what = (
            f"{call.name} takes {known.fewest} to {most} arguments, not {call.arguments} (character {call.offset + 1})"
        )
        yield Problem(place, what, "Correct the number of arguments; an omitted one keeps its comma.")


def _of_clause(clause: Clause, place: Place, source: Attributes, vocabulary: Vocabulary) -> Iterator[Problem]:
    if not source.has(clause.attribute):
        yield _no_attribute(place, clause.attribute, source)
    # Reading them needs the permission to write; without it they are not checked here.
    if not vocabulary.operators:
        return
    operator = vocabulary.operators.get(fold_name(clause.operator))
    if operator is None:
        known = ", ".join(each.id for each in vocabulary.operators.values())
        yield Problem(place, f"unknown operator {clause.operator}", f"Use one of {known}.")
        return
    if (operator.arity or "").casefold() == "unary" and clause.values:
        yield Problem(place, f"{operator.id} takes no value", "Remove the value.")
    if (operator.arity or "").casefold() == "binary" and not clause.values:
        yield Problem(place, f"{operator.id} needs a value", "Add the value after it.")
    kind = source.type_of(clause.attribute)
    if kind and operator.supported_attribute_types and kind not in operator.supported_attribute_types:
        types = ", ".join(operator.supported_attribute_types)
        what = f"{operator.id} does not support {clause.attribute}, which has the type {kind}"
        yield Problem(place, what, f"It supports {types}.")


def _no_attribute(place: Place, name: str, attributes: Attributes, character: int = 0) -> Problem:
    where = f" (character {character})" if character else ""
    what = f"{attributes.kind} of {attributes.directory} has no attribute {shorten_value(name)}{where}"
    meant = suggest_nearest(name, attributes.names)
    advice = "Correct it; add a custom attribute in the portal first: Provisioning > Edit attribute list."
    return Problem(place, what, f"Did you mean {meant}?" if meant else advice)
