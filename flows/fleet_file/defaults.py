"""Merging defaults into instances: maps merge key by key, other values replace; then placeholders are filled in."""

from __future__ import annotations

import re

from flows.documents.nodes import Fields, Plain

PLACEHOLDER = re.compile(r"\{(key|display_name)\}")
INSTANCE_ONLY = ("key", "renamed_from", "display_name", "adopt")


def merge_defaults(below: Fields, above: Fields) -> Fields:
    """The fields of both; `above` wins, except that maps merge."""
    entries = below.entries | above.entries
    for name in below.entries.keys() & above.entries.keys():
        under, over = below.entries[name].node, above.entries[name].node
        if isinstance(under, Fields) and isinstance(over, Fields):
            entries[name] = above.entries[name]._replace(node=merge_defaults(under, over))
    return Fields(entries, below.size + above.size)


def interpolate_key(values: dict[str, Plain], key: Plain, display_name: Plain) -> dict[str, Plain]:
    """The values with `{key}` and `{display_name}` filled in where allowed: credentials and notes."""
    names = {"key": str(key), "display_name": str(display_name)}

    def fill(value: Plain) -> Plain:
        return PLACEHOLDER.sub(lambda match: names[match[1]], value) if isinstance(value, str) else value

    filled = dict(values)
    if "notes" in values:
        filled["notes"] = fill(values["notes"])
    credentials = values.get("credentials")
    if isinstance(credentials, dict):
        filled["credentials"] = {name: fill(value) for name, value in credentials.items()}
    return filled
