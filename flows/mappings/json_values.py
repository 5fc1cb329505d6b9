"""JSON as one line of text, and equivalent JSON values."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

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
