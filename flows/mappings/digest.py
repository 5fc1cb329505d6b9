"""The digest of a schema: the same for as long as it means the same."""

import hashlib
from collections.abc import Mapping
from typing import Any

from flows.mappings.json_text import compact, essence

_IN_ORDER = {"parameters", "values"}
"""Lists whose order means something."""


def digest_of(schema: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a schema's rules, in whatever order Graph lists their parts.

    Directories are left out: Graph looks again by itself which attributes they have.
    """
    return hashlib.sha256(compact(_ordered(essence(schema.get("synchronizationRules")))).encode()).hexdigest()


def _ordered(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {inner: _ordered(each, inner) for inner, each in value.items()}
    if isinstance(value, list):
        items = [_ordered(each) for each in value]
        return items if name in _IN_ORDER else sorted(items, key=compact)
    return value
