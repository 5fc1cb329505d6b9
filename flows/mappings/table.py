"""A Graph schema as a table that people can read, compare and keep in a file.

Source: https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema
"""

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from flows.mappings.clauses import Clause, format_clause, parse_clause
from flows.mappings.models import SCOPES, AttributeMapping, Mappings, ObjectMapping, flow_words
from flows.mappings.rows import build_row, compact_json, normalize_value

_KNOWN = (
    "attributeMappings",
    "enabled",
    "flowTypes",
    "metadata",
    "name",
    "scope",
    "sourceObjectName",
    "targetObjectName",
)


@dataclass(frozen=True)
class Found:
    """An object mapping of a schema, with its position."""

    rule_index: int
    index: int
    table: ObjectMapping
    """Always with `rule` and `name`, if the schema has them."""
    raw: Mapping[str, Any] = field(repr=False)
    left_alone: tuple[str, ...] = ()
    """Descriptions of what the table cannot express."""
    rowless: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict, repr=False)
    """Graph's mappings without a row, by target attribute in lower case; duplicates of an attribute never have one."""

    def spelling_of(self, name: str) -> str | None:
        """Return a target attribute as the tenant spells it; None if it is not mapped."""
        rowless = self.rowless.get(name.casefold())
        if rowless:
            return str(rowless[0].get("targetAttributeName") or "")
        return next((each for each in self.table.attributes if each.casefold() == name.casefold()), None)


def find_object_mapping(schema: Mapping[str, Any]) -> list[Found]:
    """Return the object mappings of a schema, except those without object types."""
    found = []
    for rule_index, rule in _objects(schema.get("synchronizationRules")):
        for index, mapping in _objects(rule.get("objectMappings")):
            found += [each for each in (_found(rule_index, rule, index, mapping),) if each]
    return found


def build_table(schema: Mapping[str, Any]) -> tuple[Mappings | None, list[str]]:
    """Return the table of a schema, and descriptions of what it cannot express; None if it can express nothing."""
    found = find_object_mapping(schema)
    objects, left_alone = [], []
    for each in found:
        title = f"{each.table.source} to {each.table.target}"
        # The shortest name that fits this one alone: most files then need neither rule nor name.
        name = next((name for name in _names_of(each.table) if matching(name, found) == [each]), None)
        if name is None:
            left_alone.append(f"{title}: several indistinguishable mappings")
            continue
        objects.append(each.table.model_copy(update={"rule": name.rule, "name": name.name}))
        left_alone += [f"{title}: {what}" for what in each.left_alone]
    return (Mappings(object_mappings=tuple(objects)) if objects else None), left_alone


def matching(wanted: ObjectMapping, found: Iterable[Found]) -> list[Found]:
    """Return the object mappings of a schema that match an entry of a file."""

    def fits(each: Found) -> bool:
        pairs = zip(wanted.identity, each.table.identity, strict=True)
        return all(mine is None or mine == theirs for mine, theirs in pairs)

    return [each for each in found if fits(each)]


def is_nameable(target: str) -> bool:
    """Return whether a file can name a target attribute: `<<` is reserved in YAML."""
    return bool(target.strip()) and target != "<<"  # YAML's merge key


def _names_of(table: ObjectMapping) -> Iterator[ObjectMapping]:
    """The ways to name an object mapping, shortest first."""
    for rule, name in ((None, None), (table.rule, None), (None, table.name), (table.rule, table.name)):
        yield ObjectMapping(source=table.source, target=table.target, rule=rule, name=name)


def filter_groups(part: Any) -> tuple[tuple[Clause, ...], ...] | None:
    """Return the clauses of filter groups; None if they have no readable form."""
    if part in (None, []):
        return ()
    if not isinstance(part, list):
        return None
    groups = []
    for group in part:
        clauses = [_clause(each) for each in group.get("clauses") or ()] if isinstance(group, dict) else []
        # A property that a line cannot show would be lost when the scope is written back.
        if not clauses or None in clauses or normalize_value(group).keys() - {"clauses", "name"}:
            return None
        groups.append(tuple(clause for clause in clauses if clause))
    return tuple(groups)


def same_groups(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Return whether two scopes are equivalent, ignoring the order of lines and clauses."""
    return _essence_of_lines(left) == _essence_of_lines(right)


def _essence_of_lines(lines: tuple[str, ...]) -> set[frozenset[Any]]:
    # One line must hold, and all clauses of it: for neither does the order matter.
    return {frozenset(clause.normalize for clause in parse_clause(line)) for line in lines}


def _clause(clause: Any) -> Clause | None:
    if not isinstance(clause, dict):
        return None
    operand = clause.get("targetOperand") or {}
    values = operand.get("values") or [] if isinstance(operand, dict) else None
    attribute, operator = clause.get("sourceOperandName"), clause.get("operatorName")
    texts = isinstance(values, list) and all(isinstance(value, str) for value in values)
    if not (texts and isinstance(attribute, str) and isinstance(operator, str) and operator):
        return None
    if normalize_value(clause).keys() - {"sourceOperandName", "operatorName", "targetOperand"} or set(operand) - {
        "values"
    }:
        return None
    return Clause(attribute, operator, tuple(values or ()))


def _found(rule_index: int, rule: Mapping[str, Any], index: int, mapping: Mapping[str, Any]) -> Found | None:
    rows, rowless = _rows(mapping)
    left_alone = [f"the mapping of {name or 'no attribute'} cannot be expressed as a row" for name, _ in rowless]
    others = {name: value for name, value in mapping.items() if name not in _KNOWN}
    extra = normalize_value(others)
    enabled = mapping.get("enabled")
    values: dict[str, Any] = {
        "source": mapping.get("sourceObjectName"),
        "target": mapping.get("targetObjectName"),
        "rule": rule.get("name") or None,
        "name": mapping.get("name") or None,
        "enabled": enabled if isinstance(enabled, bool) else None,
        "flow": flow_words(mapping["flowTypes"]) if isinstance(mapping.get("flowTypes"), str) else None,
        "attributes": rows,
        "extra": compact_json(extra) if extra else None,
    }
    for ours, part, lines in _scopes(mapping.get("scope")):
        if lines is None:
            left_alone.append(f"its {part} have no readable form")
        else:
            values[ours] = lines
    try:
        table = ObjectMapping.model_validate(values)
    except ValidationError:
        return None
    by_name: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for name, each in rowless:
        by_name[name.casefold()] = (*by_name.get(name.casefold(), ()), each)
    return Found(rule_index, index, table, mapping, tuple(left_alone), by_name)


def _scopes(scope: Any) -> Iterator[tuple[str, str, tuple[str, ...] | None]]:
    parts = scope if isinstance(scope, dict) else {}
    for ours, graphs in SCOPES.items():
        groups = filter_groups(parts.get(graphs)) if isinstance(scope, dict | None) else None
        # The other two kinds of scope are rare, and named only where there is one.
        if groups or groups is None or ours == "scope":
            yield ours, graphs, None if groups is None else tuple(map(format_clause, groups))


def _rows(mapping: Mapping[str, Any]) -> tuple[dict[str, AttributeMapping], list[tuple[str, Mapping[str, Any]]]]:
    """Split the attribute mappings into rows and those without one, both by target name."""
    attributes = [each for _, each in _objects(mapping.get("attributeMappings"))]
    names = [str(each.get("targetAttributeName") or "") for each in attributes]
    often = Counter(name.casefold() for name in names)
    rows: dict[str, AttributeMapping] = {}
    rowless: list[tuple[str, Mapping[str, Any]]] = []
    for name, each in zip(names, attributes, strict=True):
        # A table has one row for a target attribute, so duplicates stay unchanged.
        row = build_row(each) if is_nameable(name) and often[name.casefold()] == 1 else None
        if row is None:
            rowless.append((name, each))
        else:
            rows[name] = row
    return rows, rowless


def _objects(value: Any) -> list[tuple[int, dict[str, Any]]]:
    items = enumerate(value) if isinstance(value, list) else ()
    return [(index, each) for index, each in items if isinstance(each, dict)]


LINE_MAX = 118  # a row on one line, as far as a screen shows it
_FIELDS = ("source", "target", "rule", "name", "enabled", "flow", "scope", "input_scope", "category_scope")


def write_yaml(mappings: Mappings, comments: Iterable[str] = ()) -> str:
    """Return the text of a mappings file.

    Args:
        mappings: Its content.
        comments: Lines to put at its top.
    """
    out = io.StringIO()
    for line in comments:
        out.write(f"# {''.join(each if each.isprintable() else '?' for each in line)}\n")
    dumper().dump({"object_mappings": [object_node(each) for each in mappings.object_mappings]}, out)
    return out.getvalue()


def dumper() -> YAML:
    """Return a YAML writer: block style, no folded lines."""
    yaml = YAML()
    # Never folded: an expression on one line can be searched for.
    yaml.width = 1_000_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = True
    return yaml


def object_node(each: ObjectMapping) -> CommentedMap:
    """Return an object mapping as YAML: its fields in order, its rows by target attribute."""
    node = CommentedMap()
    for name in _FIELDS:
        value = getattr(each, name)
        if isinstance(value, tuple):
            node[name] = lines_node(value)
        elif value is not None:
            node[name] = scalar(value)
    if each.attributes:
        rows = sorted(each.attributes.items(), key=_by_rank)
        node["attributes"] = CommentedMap((scalar(name), row_node(name, row)) for name, row in rows)
    if each.unmapped:
        node["unmapped"] = lines_node(tuple(sorted(each.unmapped)))
    if each.extra is not None:
        node["extra"] = scalar(each.extra)
    return node


def row_node(name: str, row: AttributeMapping) -> CommentedMap:
    """Return a row as YAML, on one line if it fits."""
    values = row.model_dump(exclude_defaults=True)
    node = CommentedMap((field, scalar(value)) for field, value in values.items())
    # About: 4 for ": " and ", " around each field, 8 for the indentation and the braces.
    if len(name) + sum(len(field) + len(str(value)) + 4 for field, value in values.items()) < LINE_MAX - 8:
        node.fa.set_flow_style()
    return node


def lines_node(lines: Iterable[str]) -> CommentedSeq:
    """Return a list of texts, one on each line."""
    node = CommentedSeq(scalar(line) for line in lines)
    if not node:
        node.fa.set_flow_style()
    return node


def scalar(value: Any) -> Any:
    """Return a value for YAML, with invisible characters escaped."""
    return DoubleQuotedScalarString(value) if isinstance(value, str) and not value.isprintable() else value


def _by_rank(item: tuple[str, AttributeMapping]) -> tuple[int, str]:
    """Matching attributes first, by priority; then the others by name."""
    name, row = item
    # Without a priority behind every one that has one: these have at most six digits.
    return row.matching or 1_000_000, name
