"""CSV into instances: one per row; the header names the fields (`credentials.BaseAddress`, `owners.0`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from flows.documents.errors import Lines, Place, format_refusal
from flows.documents.nodes import DEPTH_MAX, Entry, Fields, Items, Node, Text, below, too_deep

CELL = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|((?:[^",\r\n][^,\r\n]*)?))(,|\r\n|\r|\n|\Z)')

# A column's number, or the columns of a map (by name) or list (by index) below it.
Columns = int | dict[str, "Columns"]


class Cell(NamedTuple):
    """A cell and where it starts."""

    value: str
    place: Place


def read_csv(text: str, file: str) -> Entry:
    """Read a CSV file as a map with the single field `instances`; empty cells are absent.

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
