"""CSV, JSON and YAML as values with their positions (the standard parsers keep none)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

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

CELL = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|((?:[^",\r\n][^,\r\n]*)?))(,|\r\n|\r|\n|\Z)')

# A column's number, or the columns of a map (by name) or list (by index) below it.
Columns = int | dict[str, "Columns"]


class Cell(NamedTuple):
    """A cell and where it starts."""

    value: str
    place: Place


def read_csv(text: str, file: str) -> Entry:
    """Read a CSV file as a map with the single field `instances`; empty cells are absent.

    Each row is an instance; the header names the fields (`credentials.BaseAddress`, `owners.0`).

    Args:
        text: the content of the file.
        file: the name in error messages.

    Raises:
        FleetFileError: the header or a row is malformed.
    """
    rows = _rows(text, file)
    header = next(rows, None)
    if header is None:
        raise format_refusal(Place(file), "is empty", "Add a header line: key,display_name,…")
    columns = _columns(header)
    instances = Items()
    for row in rows:
        place = row[0].place._replace(path=f"instances[{len(instances.entries)}]")
        if len(row) > len(header):
            what = f"the row has {len(row)} cells, but the header has {len(header)} columns"
            raise format_refusal(place, what, "Put cells that contain commas in double quotes.")
        instances.add(place, _node(columns, row, place) or Fields())
    start = Place(file, 1, 1, "instances")
    return Entry(start._replace(path=""), Fields({"instances": Entry(start, instances)}))


def _rows(text: str, file: str) -> Iterator[list[Cell]]:
    """The rows, except completely empty ones."""
    lines = Lines(file, text)
    row: list[Cell] = []
    position = 0
    while position < len(text) or row:
        place = lines.place(position)
        cell = CELL.match(text, position)
        if cell is None:
            what = "a quoted cell is not closed, or text follows its closing quote"
            raise format_refusal(place, what, 'Close the quote; write a quote inside a quoted cell as "".')
        value = cell[2] if cell[1] is None else cell[1].replace('""', '"')
        row.append(Cell(value, place))
        position = cell.end()
        if cell[3] != ",":
            # Spreadsheets save rows of nothing but commas.
            if any(inner.value.strip() for inner in row):
                yield row
            row = []


def _columns(header: list[Cell]) -> dict[str, Columns]:
    """The header as a tree."""
    columns: dict[str, Columns] = {}
    for number, cell in enumerate(header):
        name = cell.value.strip()
        *parents, last = name.split(".")
        if len(parents) > DEPTH_MAX:
            raise too_deep(cell.place)
        # Spreadsheets in many languages separate by semicolons.
        if len(header) == 1 and ";" in name:
            advice = "Save the file with comma separators."
            raise format_refusal(cell.place, "the columns are separated by ';'", advice)
        if not last or not all(parents):
            raise format_refusal(cell.place, "a column has no name", "Name the column, or remove it.")
        level: Columns = columns
        for parent in parents:
            level = level.setdefault(parent, {}) if isinstance(level, dict) else level
        if not isinstance(level, dict) or last in level:
            what = f"the column {below(Place(), name)} conflicts with an earlier one"
            raise format_refusal(cell.place, what, "Keep one column for each field.")
        level[last] = number
    return columns


def _node(columns: Columns, row: list[Cell], place: Place) -> Node | None:
    """The values of a row in some columns; None if their cells are empty."""
    if isinstance(columns, int):
        filled = columns < len(row) and row[columns].value
        return Text(row[columns].value) if filled else None
    # `owners.0`, `owners.1`: a list, in the order of its numbers.
    if all(name.isdecimal() for name in columns):
        items = Items()
        for index in sorted(columns, key=int):
            _add(items, int(index), columns[index], row, place)
        return items if items.entries else None
    fields = Fields()
    for name, inner in columns.items():
        _add(fields, name, inner, row, place)
    return fields if fields.entries else None


def _add(parent: Fields | Items, name: str | int, columns: Columns, row: list[Cell], place: Place) -> None:
    at = place._replace(path=below(place, name))
    node = _node(columns, row, at)
    if node is None:
        return
    first = columns
    while isinstance(first, dict):
        first = next(iter(first.values()))
    at = row[min(first, len(row) - 1)].place._replace(path=at.path)
    parent.add(at, node) if isinstance(parent, Items) else parent.add(str(name), at, node)


TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\],:"]+')


def read_json(text: str, file: str) -> Entry:
    """Read a JSON document; numbers and booleans stay text as in the file.

    Args:
        text: the content of the file.
        file: the name in error messages.

    Raises:
        FleetFileError: the text is not JSON, or repeats a name within a map.
    """
    try:
        # As text: Python refuses to convert integers of thousands of digits.
        json.loads(text, parse_int=str)
    except json.JSONDecodeError as error:
        place = Place(file, error.lineno, error.colno)
        raise format_refusal(place, f"is not valid JSON: {error.msg}", "Correct the JSON there.") from None
    except RecursionError:
        raise too_deep(Place(file)) from None
    return _JsonReader(file, text).root()


class _JsonReader:
    """Walks the tokens of valid JSON, so it can ignore commas and colons."""

    def __init__(self, file: str, text: str) -> None:
        self.lines = Lines(file, text)
        self.tokens = TOKEN.finditer(text)

    def root(self) -> Entry:
        token = next(self.tokens)
        place = self.lines.place(token.start())
        return Entry(place, self.node(token, place, 0))

    def node(self, token: re.Match[str], place: Place, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise too_deep(place)
        text = token[0]
        if text == "{":
            return self.fields(place, depth)
        if text == "[":
            return self.items(place, depth)
        if text.startswith('"'):
            return Text(json.loads(text))
        return Text("", nothing=True) if text == "null" else Text(text)  # numbers as they are written

    def items(self, parent: Place, depth: int) -> Items:
        items = Items()
        for token in self.tokens:
            if token[0] == "]":
                break
            place = self.lines.place(token.start(), below(parent, len(items.entries)))
            items.add(place, self.node(token, place, depth + 1))
        return items

    def fields(self, parent: Place, depth: int) -> Fields:
        fields = Fields()
        for token in self.tokens:
            if token[0] == "}":
                break
            name = json.loads(token[0])
            place = self.lines.place(token.start(), below(parent, name))
            fields.add(name, place, self.node(next(self.tokens), place, depth + 1))
        return fields


# Parsers disagree on whether U+0085, U+2028 and U+2029 break a line, so the text could change unnoticed.
ILLEGAL = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Python's parser takes three seconds for a million characters.
PURE_CHARACTERS_MAX = 300_000
STRING_TAGS = (None, "", "!", "!!str", "tag:yaml.org,2002:str")


def read_yaml(text: str, file: str, *, pure: bool = False) -> Entry:
    """Read one YAML document; every scalar stays text as in the file.

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
        return _YamlReader(file, YAML(typ="safe", pure=pure).parse(text)).document()
    except MarkedYAMLError as error:
        if not pure and len(text) <= PURE_CHARACTERS_MAX:
            # The C parser rejects some YAML 1.2, such as a URL inside braces; the Python parser decides.
            return read_yaml(text, file, pure=True)
        raise _syntax_error(error, file) from None
    except YAMLError as error:
        raise format_refusal(Place(file), f"is not valid YAML: {error}", "Correct the file.") from None


class _YamlReader:
    """Reads the parser's events instead of its documents.

    Events have positions, they are not interpreted (`no`, `0123` and dates stay text), and nothing is constructed,
    whatever tags the file has.
    """

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
        # At the end, because the map's own fields win wherever they stand.
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
