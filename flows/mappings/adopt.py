"""Updating a mappings file with edits made in the tenant; everything else stays, including comments."""

import io
from collections.abc import Iterable
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from flows.mappings.diff import diff_mappings
from flows.mappings.merge import DesiredMapping, row_named
from flows.mappings.models import Mappings
from flows.mappings.table import dumper, lines_node, row_node, scalar


def adopt_mappings(text: str, wishes: Iterable[DesiredMapping]) -> str:
    """Return the text of a mappings file with all differences taken from the tenant.

    Args:
        text: The file.
        wishes: Its desired mappings for the schema.
    """
    yaml = dumper()
    # The file is a person's: only what has changed may look different.
    yaml.preserve_quotes = True
    document = yaml.load(text)
    for wish in wishes:
        if wish.location:
            _adopt(document["object_mappings"][wish.location[1]], wish)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def expected_mappings(file: Mappings, wishes: Iterable[DesiredMapping]) -> Mappings:
    """Return the resulting content of the file."""
    objects = [each.to_object() for each in (Mappings(object_mappings=(one,)) for one in file.object_mappings)]
    for wish in wishes:
        if wish.location:
            _adopt(objects[int(wish.location[1])]["object_mappings"][0], wish)
    return Mappings.model_validate({"object_mappings": [each["object_mappings"][0] for each in objects]})


def _adopt(node: Any, wish: DesiredMapping) -> None:
    plain = not isinstance(node, CommentedMap)
    now = wish.found.table
    for location in dict.fromkeys(each.location[2:] for each in diff_mappings([wish])):
        if location[:1] == ("attributes",):
            _adopt_row(node["attributes"], str(location[1]), wish, plain=plain)
        elif location == ("unmapped",):
            there = {name.casefold() for name in wish.removed}
            _replace(node, "unmapped", [name for name in node["unmapped"] if name.casefold() not in there])
        elif location:
            value = getattr(now, str(location[0]))
            lines = isinstance(value, tuple) or value is None
            node[location[0]] = (list(value or ()) if plain else lines_node(value or ())) if lines else scalar(value)


def _adopt_row(rows: Any, name: str, wish: DesiredMapping, *, plain: bool) -> None:
    # In the file's own spelling.
    own = next(each for each in rows if str(each).casefold() == name.casefold())
    there = row_named(wish.found.table.attributes, name)
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
