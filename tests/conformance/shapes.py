"""Comparing an answer with one on record: names, JSON types and, where they count, values."""

import json
from typing import Any

TYPES = {bool: "boolean", int: "number", float: "number", str: "string", dict: "object", list: "list"}
OPEN_TYPES = ("details",)
"""Objects that Graph declares to take any property."""


def differences(recorded: Any, answered: Any, *, more: bool, path: str = "") -> list[str]:
    """Every place where the shapes differ; a null tells no type.

    Args:
        recorded: what is on record.
        answered: what came.
        more: whether the answer may have properties that are not on record.
        path: where in the answer.
    """
    if recorded is None or answered is None:
        return []
    if TYPES[type(recorded)] != TYPES[type(answered)]:
        return [f"{path}: {TYPES[type(recorded)]} became {TYPES[type(answered)]}"]
    if isinstance(recorded, dict) and not path.endswith(OPEN_TYPES):
        return _of_objects(recorded, answered, more, path)
    if isinstance(recorded, list) and recorded and answered and isinstance(recorded[0], dict):
        return differences(_merged(recorded), _merged(answered), more=more, path=f"{path}[]")
    if isinstance(recorded, str) and recorded[:1] in ("{", "[") and not _is_json(answered):
        return [f"{path}: JSON in a string became {answered[:40]!r}"]
    return []


def _of_objects(recorded: dict[str, Any], answered: dict[str, Any], more: bool, path: str) -> list[str]:
    found = [f"{path}.{name} is missing" for name in recorded.keys() - answered.keys()]
    if not more:
        found += [f"{path}.{name} is not on record" for name in answered.keys() - recorded.keys()]
    for name in recorded.keys() & answered.keys():
        found += differences(recorded[name], answered[name], more=more, path=f"{path}.{name}")
    return sorted(found)


def _merged(items: list[dict[str, Any]]) -> dict[str, Any]:
    """One object with every property that an item has, and a value wherever one of them has."""
    merged: dict[str, Any] = {}
    for item in items:
        merged |= {name: value for name, value in item.items() if value is not None or name not in merged}
    return merged


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def at(body: Any, path: str) -> Any:
    """The value at a dotted path."""
    for part in path.split("."):
        body = body[int(part)] if part.isdigit() else body[part]
    return body
