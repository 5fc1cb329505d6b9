"""The schema to save: the job's own with the desired changes, everything else byte for byte unchanged."""

import copy
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from flows.mappings.clauses import Clause, fold_name, parse_clause
from flows.mappings.merge import DesiredMapping, row_named, same_field
from flows.mappings.models import SCOPES, flow_types
from flows.mappings.rows import read_object, row_texts, with_fields
from flows.mappings.table import filter_groups

Sources = Mapping[str, Mapping[str, Any]]
"""Graph's parsed expressions: the source of an attribute mapping, by expression."""

_NEW_GROUP = {"name": "entra-fleet"}  # a group needs a name, and this one says whose it is


def merge_schema(
    schema: Mapping[str, Any], desired_mappings: Sequence[DesiredMapping], sources: Sources = MappingProxyType({})
) -> dict[str, Any]:
    """Return a schema with the desired changes.

    Args:
        schema: The job's schema, whose object mappings `desired_mappings` refers to.
        desired_mappings: The desired mappings.
        sources: Graph's parsed new expressions.
    """
    # The original is kept in the store, and compared with.
    made = copy.deepcopy(dict(schema))
    for desired in desired_mappings:
        mapping = made["synchronizationRules"][desired.found.rule_index]["objectMappings"][desired.found.index]
        _set_fields(mapping, desired)
        _set_rows(mapping, desired, sources)
    return made


def new_expressions(desired_mappings: Sequence[DesiredMapping]) -> list[str]:
    """Return the new expressions, each once."""
    found = []
    for desired in desired_mappings:
        for name, row in desired.rows.items():
            before = row_named(desired.found.table.attributes, name)
            if row.expression and not (before and row_texts(before[1])["source"][1] == row_texts(row)["source"][1]):
                found.append(row.expression)
    return list(dict.fromkeys(found))


def _set_fields(mapping: dict[str, Any], desired: DesiredMapping) -> None:
    for name, value in desired.fields.items():
        before = getattr(desired.found.table, name)
        if same_field(name, () if before is None and name in SCOPES else before, value):
            continue
        if name == "enabled":
            mapping["enabled"] = value
        elif name == "flow":
            mapping["flowTypes"] = flow_types(value)
        elif name == "extra":
            mapping |= read_object(value)
        else:
            scope = dict(mapping.get("scope") or {})
            scope[SCOPES[name]] = _groups(scope.get(SCOPES[name]), value)
            mapping["scope"] = scope


def _groups(before: Any, lines: Sequence[str]) -> list[dict[str, Any]]:
    """Return the filter groups of some lines; a group with edited clauses keeps its title and everything else."""
    groups = before if isinstance(before, list) else []
    spelled = {
        fold_name(str(clause.get("operatorName"))): clause["operatorName"]
        for group in groups
        if isinstance(group, dict)
        for clause in group.get("clauses") or ()
        if isinstance(clause, dict) and clause.get("operatorName")
    }
    wanted = [parse_clause(line) for line in lines]
    return [
        _edited(group, clauses, spelled) for group, clauses in zip(_groups_to_edit(groups, wanted), wanted, strict=True)
    ]


def _groups_to_edit(groups: Sequence[Any], wanted: Sequence[Sequence[Clause]]) -> list[Mapping[str, Any]]:
    """Return the group for each line: an equal one, else the most similar, else the next one left."""
    left = [(group, there[0]) for group in groups if (there := filter_groups([group]))]
    found: dict[int, Mapping[str, Any]] = {}
    # The best matches are given away first: otherwise an edited line could take the group of an unchanged one.
    for likeness in (_is_same, _common_clauses, _common_attributes, lambda *_: 1):
        for index, clauses in enumerate(wanted):
            if index not in found and left:
                best = max(left, key=lambda each: likeness(each[1], clauses))
                if likeness(best[1], clauses):
                    found[index] = best[0]
                    left.remove(best)
    return [found.get(index, _NEW_GROUP) for index in range(len(wanted))]


def _is_same(one: Sequence[Clause], other: Sequence[Clause]) -> int:
    return {each.normalize for each in one} == {each.normalize for each in other}


def _common_clauses(one: Sequence[Clause], other: Sequence[Clause]) -> int:
    return len({each.normalize for each in one} & {each.normalize for each in other})


def _common_attributes(one: Sequence[Clause], other: Sequence[Clause]) -> int:
    return len({each.attribute for each in one} & {each.attribute for each in other})


def _edited(group: Mapping[str, Any], wanted: Sequence[Clause], spelled: Mapping[str, str]) -> dict[str, Any]:
    """Return a group with the desired clauses; existing ones stay unchanged."""
    there = filter_groups([group]) or ((),)
    known = {clause.normalize: raw for clause, raw in zip(there[0], group.get("clauses") or (), strict=True)}
    # The same clauses in another order are no change.
    if known.keys() == {clause.normalize for clause in wanted}:
        return dict(group)
    return {**group, "clauses": [known.get(each.normalize) or _clause(each, spelled) for each in wanted]}


def _clause(clause: Clause, spelled: Mapping[str, str]) -> dict[str, Any]:
    # As this schema spells it: blanks and underscores vary.
    operator = spelled.get(fold_name(clause.operator), clause.operator)
    operand = {"values": list(clause.values)}
    return {"operatorName": operator, "sourceOperandName": clause.attribute, "targetOperand": operand}


def _set_rows(mapping: dict[str, Any], desired: DesiredMapping, sources: Sources) -> None:
    attributes = _without(mapping.get("attributeMappings") or (), desired)
    places = {_target(each): place for place, each in enumerate(attributes)}
    for name, row in desired.rows.items():
        texts = row_texts(row)
        source = sources.get(row.expression or "")
        place = places.get(name.casefold())
        if place is None:
            attributes.append(with_fields({"targetAttributeName": name}, row, set(texts), source))
            continue
        before = row_named(desired.found.table.attributes, name)
        there = row_texts(before[1]) if before else {}
        # A mapping without a row may differ in any column, so the row replaces all of them.
        differing = {column for column in texts if not before or texts[column][1] != there.get(column, (None, None))[1]}
        if differing:
            attributes[place] = with_fields(attributes[place], row, differing, source)
    # Otherwise untouched, even where the schema has null instead of a list.
    if attributes != (mapping.get("attributeMappings") or []):
        mapping["attributeMappings"] = attributes


def _without(mappings: Sequence[Any], desired: DesiredMapping) -> list[Any]:
    """Return the attribute mappings without the removed ones, and with the restored ones in their place."""
    removed = {name.casefold() for name in desired.removed}
    restored = {name.casefold(): copy.deepcopy(list(originals)) for name, originals in desired.restored.items()}
    places = set(restored)
    kept: list[Any] = []
    for each in mappings:
        if (target := _target(each)) in places:
            kept += restored.pop(target, [])
        elif target not in removed:
            kept.append(each)
    return kept + [each for originals in restored.values() for each in originals]


def _target(mapping: Any) -> str:
    """The target attribute of a mapping, in lower case because case is ignored."""
    return str(mapping.get("targetAttributeName") or "").casefold() if isinstance(mapping, dict) else ""
