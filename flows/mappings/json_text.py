"""JSON as one line of text, and JSON values that mean the same."""

import json
from typing import Any


def compact(value: Any) -> str:
    """Return JSON on one line, its names in order."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def essence(value: Any) -> Any:
    """Return a value without what may or may not be there: nulls, empty texts, lists and objects; 1.0 is 1."""
    if isinstance(value, dict):
        inner = {name: essence(each) for name, each in value.items() if not name.startswith("@odata.")}
        return {name: each for name, each in inner.items() if not _empty(each)}
    if isinstance(value, list):
        return [essence(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def read_object(text: str) -> dict[str, Any]:
    """Return the object of a JSON text that has been checked."""
    value: dict[str, Any] = json.loads(text)
    return value
