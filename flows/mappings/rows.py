"""Graph's attributeMapping as a row of the table, and back.

Source: https://learn.microsoft.com/graph/api/resources/synchronization-attributemapping
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from flows.mappings.expressions import normalize_expression, quote_text
from flows.mappings.models import FLOW_BEHAVIOR, SOURCES, WHEN, AttributeMapping, value_for, word_for

_IN_ORDER = {"parameters", "values"}
"""Lists whose order matters."""


def digest_json(schema: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a schema's rules, independent of the order in which Graph lists their parts.

    Directories are excluded: Graph updates their attributes on its own.
    """
    return hashlib.sha256(
        compact_json(_ordered(normalize_value(schema.get("synchronizationRules")))).encode()
    ).hexdigest()


def _ordered(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {inner: _ordered(each, inner) for inner, each in value.items()}
    if isinstance(value, list):
        items = [_ordered(each) for each in value]
        return items if name in _IN_ORDER else sorted(items, key=compact_json)
    return value


def compact_json(value: Any) -> str:
    """Return JSON on one line with sorted names."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def normalize_value(value: Any) -> Any:
    """Return a value without optional parts: nulls, empty texts, lists and objects; 1.0 becomes 1."""
    if isinstance(value, dict):
        # Annotations belong to the answer, not to the schema.
        inner = {name: normalize_value(each) for name, each in value.items() if not name.startswith("@odata.")}
        return {name: each for name, each in inner.items() if not _empty(each)}
    if isinstance(value, list):
        return [normalize_value(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def read_object(text: str) -> dict[str, Any]:
    """Return the object of a validated JSON text."""
    value: dict[str, Any] = json.loads(text)
    return value


_KNOWN = (
    "targetAttributeName",
    "source",
    "matchingPriority",
    "flowType",
    "defaultValue",
    "flowBehavior",
    "exportMissingReferences",
)


def build_row(mapping: Mapping[str, Any]) -> AttributeMapping | None:
    """Return the row of an attributeMapping; None if the table cannot express it."""
    others = {name: value for name, value in mapping.items() if name not in _KNOWN}
    extra = normalize_value(others)
    values = {
        **_source(mapping.get("source")),
        "matching": mapping.get("matchingPriority") or None,  # 0 means that it is not matched by
        "when": word_for(str(mapping.get("flowType") or "Always"), WHEN),
        "default": mapping.get("defaultValue") or None,
        "flow_behavior": word_for(str(mapping.get("flowBehavior") or "FlowWhenChanged"), FLOW_BEHAVIOR),
        "export_missing_references": bool(mapping.get("exportMissingReferences")),
        "extra": compact_json(extra) if extra else None,
    }
    if isinstance(values["matching"], float):
        values["matching"] = normalize_value(values["matching"])
    try:
        return AttributeMapping.model_validate(values)
    except ValidationError:
        return None


def row_texts(row: AttributeMapping) -> dict[str, tuple[str | None, str | None]]:
    """Return the fields of a row: as displayed, and normalized for comparison."""
    shown, same = _source_texts(row)
    texts: dict[str, tuple[str | None, str | None]] = {
        "source": (shown, same),
        "matching": _twice(str(row.matching) if row.matching else None),
        "when": _twice(row.when),
        "default": _twice(row.default or None),
        "flow_behavior": _twice(row.flow_behavior),
        "export_missing_references": _twice(str(row.export_missing_references).lower()),
    }
    # Properties that the table does not know stay unchanged if the file omits them.
    if row.extra is not None:
        texts["extra"] = row.extra, compact_json(normalize_value(read_object(row.extra)))
    return texts


def format_row(row: AttributeMapping) -> str:
    """Return a row in one line."""
    texts = row_texts(row)
    parts = [texts["source"][0] or ""]
    parts += [f"matching {row.matching}"] if row.matching else []
    parts += [row.when] if row.when != "always" else []
    parts += [f"default {row.default}"] if row.default else []
    return ", ".join(parts)


def describe_rowless(mappings: Sequence[Mapping[str, Any]]) -> str:
    """Return Graph's mappings of one target attribute in one line, where no row can express them."""
    parts = []
    for each in mappings:
        source = each.get("source")
        kept = source.get("expression") or source.get("name") if isinstance(source, dict) else None
        default = f", default {each['defaultValue']}" if each.get("defaultValue") else ""
        parts.append(f"{kept or 'no source'}{default}")
    return " and ".join(parts)


def with_fields(
    mapping: Mapping[str, Any], row: AttributeMapping, fields: set[str], source: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return an attributeMapping with some fields taken from a row, and everything else unchanged.

    Args:
        mapping: Graph's mapping; empty for a new one.
        row: The desired row.
        fields: Names of the fields to take from the row.
        source: The source as Graph parsed it from the expression; None to build it here.
    """
    values: dict[str, Any] = {
        "source": dict(source) if source else graph_source(row),
        "matching": row.matching or 0,  # as Graph writes none
        "when": value_for(row.when, WHEN),
        "default": row.default or None,
        "flow_behavior": value_for(row.flow_behavior, FLOW_BEHAVIOR),
        "export_missing_references": row.export_missing_references,
    }
    names = {
        "source": "source",
        "matching": "matchingPriority",
        "when": "flowType",
        "default": "defaultValue",
        "flow_behavior": "flowBehavior",
        "export_missing_references": "exportMissingReferences",
    }
    changed = dict(mapping) | {names[field]: values[field] for field in names if field in fields}
    if "extra" in fields and row.extra is not None:
        # `extra` in the file is the whole of what the table has no column for, so the old ones go.
        changed = {name: value for name, value in changed.items() if name in _KNOWN} | read_object(row.extra)
    return changed


def graph_source(row: AttributeMapping) -> dict[str, Any]:
    """Return the attributeMappingSource of a row; for an expression, without Graph's parsed tree.

    Source: https://learn.microsoft.com/graph/api/resources/synchronization-attributemappingsource
    """
    if row.raw is not None:
        return read_object(row.raw)
    if row.attribute is not None:
        return {"expression": f"[{row.attribute}]", "name": row.attribute, "parameters": [], "type": "Attribute"}
    if row.constant is not None:
        return {"expression": quote_text(row.constant), "name": row.constant, "parameters": [], "type": "Constant"}
    expression = row.expression or ""
    # Graph names a function's source after the outermost function.
    name = expression.partition("(")[0].strip()
    return {"expression": expression, "name": name, "parameters": [], "type": "Function"}


def _source(source: Any) -> dict[str, Any]:
    if not isinstance(source, dict):
        return {}
    kind, name, expression = (source.get(part) for part in ("type", "name", "expression"))
    # With any other property a short form would lose it: such a source stays JSON.
    plain = {"type", "name", "expression", "parameters"} >= normalize_value(source).keys()
    if plain and kind == "Function" and isinstance(expression, str) and _valid(expression=expression):
        return {"expression": expression}
    if plain and isinstance(name, str) and not source.get("parameters"):
        if kind == "Attribute" and expression in (None, "", f"[{name}]") and _valid(attribute=name):
            return {"attribute": name}
        if kind == "Constant" and expression in (None, "", name, quote_text(name)):
            return {"constant": name}
    return {"raw": compact_json(normalize_value(source))}


def _valid(**fields: str) -> bool:
    try:
        AttributeMapping.model_validate(fields)
    except ValidationError:
        return False
    return True


def _source_texts(row: AttributeMapping) -> tuple[str, str]:
    kind = next(name for name in SOURCES if getattr(row, name) is not None)
    value: str = getattr(row, kind)
    if kind == "raw":
        return value, compact_json(normalize_value(read_object(value)))
    # `[mail]` is an attribute and `"x"` a constant, whichever way they are written.
    texts = {"attribute": f"[{value}]", "constant": quote_text(value), "expression": value}
    return texts[kind], normalize_expression(texts[kind])


def _twice(text: str | None) -> tuple[str | None, str | None]:
    return text, text
