"""The literal values of a fleet file: texts, lists and maps with their positions."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from flows.documents.errors import Place, format_refusal

VALUES_MAX = 2_000_000
DEPTH_MAX = 40
NAME_SHOWN = 60

Plain = str | list["Plain"] | dict[str, "Plain"]


@dataclass(slots=True)
class Text:
    """A scalar exactly as in the file; `nothing` if no value was written."""

    value: str
    nothing: bool = False
    size: int = 1


@dataclass(slots=True)
class Items:
    """A list."""

    entries: list[Entry] = field(default_factory=list)
    size: int = 1

    def add(self, place: Place, node: Node) -> None:
        """Append a value."""
        self.entries.append(Entry(place, node))
        self.size = count_node(self.size, node, place)


@dataclass(slots=True)
class Fields:
    """A map; the position of an entry is that of its name."""

    entries: dict[str, Entry] = field(default_factory=dict)
    size: int = 1

    def add(self, name: str, place: Place, node: Node) -> None:
        """Set a field; duplicates are refused."""
        before = self.entries.get(name)
        if before is not None:
            first = f" at line {before.place.line}" if before.place.line else ""
            raise format_refusal(place, f"is given twice, first{first or ' above'}", "Keep one of the two.")
        self.entries[name] = Entry(place, node)
        self.size = count_node(self.size, node, place)


Node = Text | Items | Fields


class Entry(NamedTuple):
    """A value and the place of its field."""

    place: Place
    node: Node


def count_node(size: int, node: Node, place: Place) -> int:
    """The number of values with one more inside; aliases count as their expansion."""
    # The expanded size: aliases of aliases grow exponentially ("billion laughs").
    size += node.size
    if size > VALUES_MAX:
        what = f"the file expands to more than {VALUES_MAX:,} values"
        raise format_refusal(place._replace(path=""), what, "Use fewer or smaller anchors, or split the fleet.")
    return size


def below(place: Place, name: str | int) -> str:
    """The path of a field or item inside `place`."""
    if place.path.rpartition(".")[0].endswith("credentials"):
        # A credential is not a map; what looks like a field name may be part of a secret in braces.
        return f"{place.path}.…"
    if isinstance(name, int):
        return f"{place.path}[{name}]"
    # The file may be any file, and its names may be anything.
    name = name if len(name) <= NAME_SHOWN else f"{name[:NAME_SHOWN]}…"
    return f"{place.path}.{name}" if place.path else name


def locate(entry: Entry, location: Sequence[int | str]) -> tuple[Place, Node | None]:
    """The place of a value inside `entry`, or of the nearest enclosing map or list if it is missing."""
    place, node = entry
    for depth, step in enumerate(location):
        inner = node.entries if isinstance(node, (Fields, Items)) else {}
        try:
            place, node = inner[step]  # type: ignore[index]  # a step fits its container, or there is none
        except (KeyError, IndexError, TypeError):
            for missing in location[depth:]:
                place = place._replace(path=below(place, missing))
            return place, None
    return place, node


def too_deep(place: Place) -> Exception:
    """The error for values nested deeper than any fleet file needs."""
    what = f"values are nested more than {DEPTH_MAX} levels deep"
    return format_refusal(place._replace(path=""), what, "Check the brackets and the indentation here.")


def to_plain(node: Node) -> Plain:
    """The plain values, without places."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Items):
        return [to_plain(entry.node) for entry in node.entries]
    return to_plain_fields(node)


def to_plain_fields(node: Node) -> dict[str, Plain]:
    """The plain values of a map, without places; none of any other value."""
    return {name: to_plain(entry.node) for name, entry in node.entries.items()} if isinstance(node, Fields) else {}


def name_kind(node: Node) -> str:
    """The kind of a value, as a phrase to follow the field name."""
    if isinstance(node, Text):
        return "is empty" if node.nothing else "is a text"
    return "is a list" if isinstance(node, Items) else "is a map"


def from_object(value: object, place: Place, depth: int = 0) -> Node:
    """The values of a Python object as in a file; None inside a map is an absent field."""
    if depth > DEPTH_MAX:
        raise too_deep(place)
    if isinstance(value, Mapping):
        fields = Fields()
        for name, inner in value.items():
            if inner is not None:  # a null in JSON or a parameter is a field left out
                at = place._replace(path=below(place, str(name)))
                fields.add(str(name), at, from_object(inner, at, depth + 1))
        return fields
    if isinstance(value, (list, tuple)):
        items = Items()
        for index, inner in enumerate(value):
            at = place._replace(path=below(place, index))
            items.add(at, from_object(inner, at, depth + 1))
        return items
    return from_scalar(value, place)


def from_scalar(value: object, place: Place) -> Text:
    """A scalar of Python or JSON as text."""
    if value is None:
        return Text("", nothing=True)
    if isinstance(value, bool):
        return Text("true" if value else "false")
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, (int, float)):
        return Text(str(value))
    if isinstance(value, datetime.date):
        return Text(value.isoformat())
    raise format_refusal(place, f"has the type {type(value).__name__}", "Use a text, a number, a list or a map.")
