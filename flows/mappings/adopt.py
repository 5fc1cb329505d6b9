"""Updating a mappings file with edits made in the tenant; everything else stays, including comments."""

import io
from collections.abc import Iterable
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from flows.mappings.merge import DesiredMapping, diff_mappings, row_named
from flows.mappings.models import Mappings
from flows.mappings.table import dumper, lines_node, row_node, scalar


def adopt_mappings(text: str, desired_mappings: Iterable[DesiredMapping]) -> str:
    """Return the text of a mappings file with all differences taken from the tenant.

    Args:
        text: The file.
        desired_mappings: Its desired mappings for the schema.
    """
    yaml = dumper()
    # The file is a person's: only what has changed may look different.
    yaml.preserve_quotes = True
    document = yaml.load(text)
    for desired in desired_mappings:
        if desired.location:
            _adopt(document["object_mappings"][desired.location[1]], desired)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def expected_mappings(file: Mappings, desired_mappings: Iterable[DesiredMapping]) -> Mappings:
    """Return the resulting content of the file."""
    objects = [each.to_object() for each in (Mappings(object_mappings=(one,)) for one in file.object_mappings)]
    for desired in desired_mappings:
        if desired.location:
            _adopt(objects[int(desired.location[1])]["object_mappings"][0], desired)
    return Mappings.model_validate({"object_mappings": [each["object_mappings"][0] for each in objects]})


def _adopt(node: Any, desired: DesiredMapping) -> None:
    plain = not isinstance(node, CommentedMap)
    now = desired.found.table
    for location in dict.fromkeys(each.location[2:] for each in diff_mappings([desired])):
        if location[:1] == ("attributes",):
            _adopt_row(node["attributes"], str(location[1]), desired, plain=plain)
        elif location == ("unmapped",):
            there = {name.casefold() for name in desired.removed}
            _replace(node, "unmapped", [name for name in node["unmapped"] if name.casefold() not in there])
        elif location:
            value = getattr(now, str(location[0]))
            lines = isinstance(value, tuple) or value is None
            node[location[0]] = (list(value or ()) if plain else lines_node(value or ())) if lines else scalar(value)


def _adopt_row(rows: Any, name: str, desired: DesiredMapping, *, plain: bool) -> None:
    # In the file's own spelling.
    own = next(each for each in rows if str(each).casefold() == name.casefold())
    there = row_named(desired.found.table.attributes, name)
    if there is None:
        del rows[own]
    else:
        rows[own] = there[1].model_dump(exclude_defaults=True) if plain else row_node(name, there[1])


def _replace(node: Any, name: str, items: list[str]) -> None:
    if not items:
        del node[name]
    elif isinstance(node[name], CommentedSeq):
        # From the end, so that the positions before stay right; deleted one by one, the comments of the others stay.
        for index in reversed(range(len(node[name]))):
            if node[name][index] not in items:
                del node[name][index]
    else:
        node[name] = items
