"""Tables: as wide as a terminal allows and as wide as a pipe needs, never with half an id."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.cli.output.console import print_lines

_COLOURS = {
    "create": "green",
    "created": "green",
    "adopt": "cyan",
    "adopted": "cyan",
    "finish": "yellow",
    "update": "yellow",
    "updated": "yellow",
    "pending": "yellow",
    "rotated": "green",
    "conflict": "red",
    "failed": "red",
    "steady": "green",
    "initial-cycle": "cyan",
    "degraded": "yellow",
    "quarantined": "red",
    "missing": "red",
    "unknown": "red",
    "expired": "red",
    "expiring": "yellow",
    "active": "green",
    "staged": "cyan",
    "activated": "green",
    "success": "green",
    "failure": "red",
    "skipped": "yellow",
    "warning": "yellow",
}
_GAP = 2
_STACK_INDENT = 4
SCREENFUL_MIN = 20
_PROSE_WIDTH = 24
_WORD_WIDTH = 40
"""A longer word than an id is broken."""


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    drop: int = 0
    """The first column to go where the terminal is too narrow has the highest number; 0 stays."""
    prose: bool = False
    """Whether it wraps between words; ids, keys and times do not."""


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[Text | str]], console: Console) -> None:
    """Print rows: on a terminal with the columns that fit, elsewhere with all of them, each row in one line.

    Where not even the columns fit that always stay, prose goes below its row.

    Args:
        columns: The columns, from left to right.
        rows: The cells of each row, one for each column.
        console: Where to print.
    """
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [max([len(column.name), *(row[n].cell_len for row in cells)]) for n, column in enumerate(columns)]
    if not console.is_terminal and console.width >= sum(widths) + _GAP * len(widths):
        _print_lines(columns, cells, widths, console)
        return
    needed = [_needed(cells, n) if column.prose else widths[n] for n, column in enumerate(columns)]
    kept = _fitting(columns, needed, console.width)
    if sum(needed[n] + _GAP for n in kept) - _GAP > console.width:
        _print_stacked([columns[n] for n in kept], [[row[n] for n in kept] for row in cells], console)
        return
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for n in kept:
        table.add_column(columns[n].name, no_wrap=not columns[n].prose, overflow="fold")
    for row in cells:
        table.add_row(*(row[n] for n in kept))
    console.print(table)


def _print_stacked(columns: Sequence[Column], rows: Sequence[Sequence[Text]], console: Console) -> None:
    """Print each row in several lines: the prose below, but for that of the first column, which names the row."""
    above = [n for n, column in enumerate(columns) if n == 0 or not column.prose]
    below = [n for n in range(len(columns)) if n not in above]
    head = [Text(column.name) for column in columns]
    widths = [max(row[n].cell_len for row in [head, *rows]) for n in above]
    aligned = sum(widths) + _GAP * len(above) <= console.width
    for row in [head, *rows]:
        ends = [" " * (width - row[n].cell_len if aligned else 0) for n, width in zip(above, widths, strict=True)]
        first = Text(" " * _GAP).join(row[n] + Text(end) for n, end in zip(above, ends, strict=True))
        first.rstrip()
        print_lines([first], console)
        for n in below if row is not head else ():
            name = f"{columns[n].name}: " if n != below[0] else ""
            lines = [Text.assemble(name, row[n])] if row[n].plain not in {"", "-"} else []
            print_lines(lines, console, indent=_STACK_INDENT)


ROWS_AT_ONCE = 500
"""Rows that share their column widths: a store may have millions, and a screen has room for few."""


def print_rows(columns: Sequence[Column], rows: Iterable[Sequence[Text | str]], console: Console) -> int:
    """Print rows as they arrive, a table for each `ROWS_AT_ONCE`, and return how many there were."""
    number, arriving = 0, iter(rows)
    while part := list(islice(arriving, ROWS_AT_ONCE)):
        print_table(columns, part, console)
        number += len(part)
    return number


def _fitting(columns: Sequence[Column], needed: Sequence[int], width: int) -> list[int]:
    """Return the numbers of the columns that fit."""
    kept = list(range(len(columns)))
    for n in sorted(kept, key=lambda n: -columns[n].drop):
        if not columns[n].drop or sum(needed[each] + _GAP for each in kept) - _GAP <= width:
            break
        kept.remove(n)
    return kept


def _needed(rows: Sequence[Sequence[Text]], n: int) -> int:
    """Return the width that a column of prose needs: of its longest word, and of a few short ones."""
    texts = [row[n].plain for row in rows]
    word = max((len(word) for text in texts for word in text.split()), default=0)
    return max(min(word, _WORD_WIDTH), min(max(map(len, texts), default=0), _PROSE_WIDTH))


def _print_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], widths: Sequence[int], console: Console
) -> None:
    for row in ([Text(column.name) for column in columns], *rows):
        padded = [cell.plain + " " * (width - cell.cell_len) for cell, width in zip(row, widths, strict=True)]
        console.print(Text((" " * _GAP).join(padded).rstrip()), soft_wrap=True)


def format_moment(moment: datetime | None) -> str:
    """Return a time to the second, in UTC, as every table shows it."""
    return moment.strftime("%Y-%m-%d %H:%M:%SZ") if moment else "-"


def state_text(word: str) -> Text:
    """Return a state in its colour, the same in every table."""
    return Text(word, style=_COLOURS.get(word, ""))
