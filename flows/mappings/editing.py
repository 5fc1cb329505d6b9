"""The schema that is put: the job's own, with what is wanted changed in it and all else byte for byte as it was."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from flows.mappings.clauses import Clause, folded, read_line
from flows.mappings.document import SCOPES
from flows.mappings.json_text import read_object
from flows.mappings.merge import Wish, row_named, same_field
from flows.mappings.rows import texts_of, with_fields
from flows.mappings.table import groups_of
from flows.mappings.words import flow_types

Sources = Mapping[str, Mapping[str, Any]]
"""What Graph made of expressions: the source of an attribute mapping, by the expression."""

_NEW_GROUP = {"name": "entra-fleet"}


def merged(schema: Mapping[str, Any], wishes: Sequence[Wish], sources: Sources = {}) -> dict[str, Any]:  # noqa: B006  # read only
    """Return a schema as it is wanted.

    Args:
        schema: The job's schema, whose object mappings the wishes name.
        wishes: What is wanted.
        sources: What Graph made of the expressions that are new.
    """
    made = copy.deepcopy(dict(schema))
    for wish in wishes:
        mapping = made["synchronizationRules"][wish.found.rule_index]["objectMappings"][wish.found.index]
        _set_fields(mapping, wish)
        _set_rows(mapping, wish, sources)
    return made


def new_expressions(wishes: Sequence[Wish]) -> list[str]:
    """Return the expressions that the schema does not have where they are wanted, each once."""
    found = []
    for wish in wishes:
        for name, row in wish.rows.items():
            before = row_named(wish.found.table.attributes, name)
            if row.expression and not (before and texts_of(before[1])["source"][1] == texts_of(row)["source"][1]):
                found.append(row.expression)
    return list(dict.fromkeys(found))


def _set_fields(mapping: dict[str, Any], wish: Wish) -> None:
    for name, value in wish.fields.items():
        before = getattr(wish.found.table, name)
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
    """The filter groups of some lines; a group that is there already stays as it is."""
    groups = before if isinstance(before, list) else []
    known = {}
    for group in groups:
        if clauses := groups_of([group]):
            known[frozenset(clause.essence for clause in clauses[0])] = group
    spelled = {
        folded(str(clause.get("operatorName"))): clause["operatorName"]
        for group in groups
        if isinstance(group, dict)
        for clause in group.get("clauses") or ()
        if isinstance(clause, dict) and clause.get("operatorName")
    }
    made = []
    for line in lines:
        clauses_wanted = read_line(line)
        same = known.get(frozenset(clause.essence for clause in clauses_wanted))
        made.append(same or {**_NEW_GROUP, "clauses": [_clause(each, spelled) for each in clauses_wanted]})
    return made


def _clause(clause: Clause, spelled: Mapping[str, str]) -> dict[str, Any]:
    operator = spelled.get(folded(clause.operator), clause.operator)
    operand = {"values": list(clause.values)}
    return {"operatorName": operator, "sourceOperandName": clause.attribute, "targetOperand": operand}


def _set_rows(mapping: dict[str, Any], wish: Wish, sources: Sources) -> None:
    gone = set(wish.removed)
    attributes = [each for each in mapping.get("attributeMappings") or () if _target(each) not in gone]
    places = {_target(each): place for place, each in enumerate(attributes)}
    for name, row in wish.rows.items():
        texts = texts_of(row)
        source = sources.get(row.expression or "")
        before = row_named(wish.found.table.attributes, name)
        if before is None or before[0] not in places:
            attributes.append(with_fields({"targetAttributeName": name}, row, set(texts), source))
            continue
        there = texts_of(before[1])
        differing = {column for column in texts if texts[column][1] != there.get(column, (None, None))[1]}
        if differing:
            place = places[before[0]]
            attributes[place] = with_fields(attributes[place], row, differing, source)
    if attributes != (mapping.get("attributeMappings") or []):
        mapping["attributeMappings"] = attributes


def _target(mapping: Any) -> str:
    return str(mapping.get("targetAttributeName") or "") if isinstance(mapping, dict) else ""
