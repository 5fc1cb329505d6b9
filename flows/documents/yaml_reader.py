"""YAML into literal values: every scalar stays text as in the file.

It reads the parser's events instead of its documents: they have positions, they are not interpreted (`no`, `0123` and
dates stay text), and nothing is constructed, whatever tags the file has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    Event,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from flows.documents.errors import FleetFileError, Lines, Place, format_refusal
from flows.documents.nodes import DEPTH_MAX, Entry, Fields, Items, Node, Text, below, count_node, too_deep

# Parsers disagree on whether U+0085, U+2028 and U+2029 break a line, so the text could change unnoticed.
ILLEGAL = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Python's parser takes three seconds for a million characters.
PURE_CHARACTERS_MAX = 300_000
STRING_TAGS = (None, "", "!", "!!str", "tag:yaml.org,2002:str")


def read_yaml(text: str, file: str, *, pure: bool = False) -> Entry:
    """Read one YAML document.

    Args:
        text: the content of the file.
        file: the name in error messages.
        pure: use the slower parser written in Python.

    Raises:
        FleetFileError: the text is not YAML, or uses unsupported features (tags, several documents).
    """
    if illegal := ILLEGAL.search(text):
        raise _illegal_character(text, file, illegal)
    try:
        return _Reader(file, YAML(typ="safe", pure=pure).parse(text)).document()
    except MarkedYAMLError as error:
        if not pure and len(text) <= PURE_CHARACTERS_MAX:
            # The C parser rejects some YAML 1.2, such as a URL inside braces; the Python parser decides.
            return read_yaml(text, file, pure=True)
        raise _syntax_error(error, file) from None
    except YAMLError as error:
        raise format_refusal(Place(file), f"is not valid YAML: {error}", "Correct the file.") from None


class _Reader:
    def __init__(self, file: str, events: Iterator[Event]) -> None:
        self.file = file
        self.events = events
        self.anchors: dict[str, Node | None] = {}

    def place(self, event: Event, path: str = "") -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1, path)

    def document(self) -> Entry:
        root: Entry | None = None
        for event in self.events:
            if not isinstance(event, NodeEvent):
                continue
            place = self.place(event)
            if root is not None:
                raise format_refusal(place, "a second document starts here", "Keep one document: remove the '---'.")
            root = Entry(place, self.node(event, place, 0))
        return root or Entry(Place(self.file, 1, 1), Text("", nothing=True))

    def node(self, event: Event, place: Place, depth: int) -> Node:
        """The value that an event starts.

        Args:
            event: its first event.
            place: the field that contains it.
            depth: how many lists and maps are around it.
        """
        if isinstance(event, AliasEvent):
            return self.alias(event)
        if depth > DEPTH_MAX:
            raise too_deep(self.place(event))
        if not isinstance(event, ScalarEvent | CollectionStartEvent) or event.tag not in STRING_TAGS:
            raise _tag(self.place(event, place.path))
        if event.anchor:
            # Until it is complete, an alias to it would contain itself.
            self.anchors[event.anchor] = None
        node = self.content(event, place, depth)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def content(self, event: ScalarEvent | CollectionStartEvent, place: Place, depth: int) -> Node:
        if isinstance(event, ScalarEvent):
            return Text(event.value, nothing=not (event.style or event.value or event.tag))
        if isinstance(event, SequenceStartEvent):
            return self.sequence(place, depth)
        return self.mapping(place, depth)

    def alias(self, event: AliasEvent) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            # Its name is not shown: it may be an unquoted secret that starts with '*'.
            advice = "Put the anchor on an earlier value, or quote text that starts with '*'."
            raise format_refusal(self.place(event), "an alias (*…) has no anchor (&…) before it", advice)
        return node

    def sequence(self, parent: Place, depth: int) -> Items:
        items = Items()
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            place = self.place(event, below(parent, len(items.entries)))
            items.add(place, self.node(event, place, depth + 1))
        return items

    def mapping(self, parent: Place, depth: int) -> Fields:
        fields = Fields()
        merged: list[Entry] = []
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            place = self.place(event)
            name = self.node(event, place, depth + 1)
            if not isinstance(name, Text):
                raise format_refusal(place, "a field name must be a text", "Quote the name, or remove the brackets.")
            place = place._replace(path=below(parent, name.value))
            node = self.node(next(self.events), place, depth + 1)
            if name.value == "<<" and isinstance(event, ScalarEvent) and not event.style:
                fields.size = count_node(fields.size, node, place)
                merged.append(Entry(place, node))
            else:
                fields.add(name.value, place, node)
        for source in merged:
            _merge(fields, source)
        return fields


def _merge(fields: Fields, source: Entry) -> None:
    """Expand a merge key (`<<`): fields of the map itself win, then earlier sources."""
    if isinstance(source.node, Items):
        for entry in source.node.entries:
            _merge(fields, entry)
        return
    if not isinstance(source.node, Fields):
        raise format_refusal(source.place, "the merge key << needs a map", "Name an anchor of a map: '<<: *name'.")
    for name, entry in source.node.entries.items():
        if name not in fields.entries:
            fields.add(name, entry.place, entry.node)


def _tag(place: Place) -> FleetFileError:
    advice = "Remove the tag, or quote text that starts with '!'."
    return format_refusal(place, "YAML tags (!…) are not supported", advice)


def _illegal_character(text: str, file: str, found: re.Match[str]) -> FleetFileError:
    place = Lines(file, text).place(found.start())
    what = f"the character U+{ord(found[0]):04X} is not allowed in a YAML file"
    return format_refusal(place, what, 'Remove it, or write it as an escape in double quotes ("\\u…").')


def _syntax_error(error: MarkedYAMLError, file: str) -> FleetFileError:
    mark = error.problem_mark or error.context_mark
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
    if "tag handle" in str(error.problem):
        # The parser's message quotes the handle, which may be an unquoted secret that starts with '!'.
        return _tag(place)
    what = "is not valid YAML: " + ", ".join(part for part in (error.context, error.problem) if part)
    start = error.context_mark
    if start and (start.line, start.column) != (mark.line, mark.column):
        what += f" (started at line {start.line + 1})"
    return format_refusal(place, what, "Correct the indentation, brackets or quotes there; indent with spaces.")
