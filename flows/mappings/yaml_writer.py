"""The canonical form of a mappings file: equal tables give equal text."""

import io
from collections.abc import Iterable
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from flows.mappings.models import AttributeMapping, Mappings, ObjectMapping

LINE_MAX = 118
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
    return row.matching or 1_000_000, name
