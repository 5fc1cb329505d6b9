"""Records on standard output: a table for people, JSON, JSON lines or CSV for programs."""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.errors import BadUsage, CommandFailed
from flows.cli.output.console import print_json_text, print_text, stdout_console

# Also after blanks or invisible characters, and as East Asian full-width forms:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"[\t\r\n]|[\s\u200b-\u200f\u2060\ufeff\x00-\x1f]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


class Format(StrEnum):
    """How records are printed."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class InventoryFormat(StrEnum):
    """How an inventory is printed."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


class OldFormat(StrEnum):
    """What `--format` takes."""

    JSONL = "jsonl"
    CSV = "csv"


FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--output",
        help="A table, one JSON document, JSON Lines, or CSV with a header row; by default text on a terminal, "
        "jsonl in a pipe.",
    ),
]
OldFormatOption = Annotated[OldFormat | None, typer.Option("--format", help="Older name of --output.", hidden=True)]


def choose_format(output: Format | None, old: OldFormat | None) -> Format:
    """Return how to print records: as asked for, else as a table for a person and as JSON lines for a program.

    Raises:
        BadUsage: Two different formats were asked for.
    """
    asked = [Format(each) for each in (output, old) if each]
    if len(set(asked)) > 1:
        raise BadUsage(f"--output {asked[0]} and --format {asked[1]} contradict each other.\nUse --output alone.")
    if asked:
        return asked[0]
    return Format.TEXT if stdout_console().is_terminal else Format.JSONL


def print_json_array(records: Iterable[str]) -> None:
    """Print JSON texts as one JSON array, as they arrive."""
    opening = "["
    for record in records:
        print_json_text(f"{opening}\n{record}", end="")
        opening = ","
    print_json_text("\n]" if opening == "," else "[]")


def print_records(records: Iterable[Mapping[str, Any]], columns: Sequence[str], form: Format) -> None:
    """Print records as they arrive; CSV always begins with a header row.

    Args:
        records: JSON values by column.
        columns: Every column, in order.
        form: Output format; a table is the caller's.
    """
    if form is Format.JSON:
        print_json_array(json.dumps(record, ensure_ascii=False) for record in records)
        return
    if form is Format.JSONL:
        for record in records:
            print_json_text(json.dumps(record, ensure_ascii=False))
        return
    rows = csv.writer(_StandardOutput(), lineterminator="\r\n")
    rows.writerow(columns)
    rows.writerows([format_cell(record[column]) for column in columns] for record in records)


class _StandardOutput:
    """Takes lines with RFC 4180 endings, so that the writer quotes both characters wherever they occur."""

    def write(self, line: str) -> None:
        """Print a line with a plain newline at its end."""
        print_text(line.removesuffix("\r\n") + "\n")


def format_cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet treats as a formula."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if _FORMULA.match(text) else text


def refuse_existing(out: Path | None) -> None:
    """Refuse a file that already exists.

    Raises:
        CommandFailed: The file exists.
    """
    if out and out.exists():
        raise CommandFailed(f"{out} already exists.", "Name another file.")


def write_new(text: str, out: Path | None) -> None:
    """Write text to a new file, or to standard output if `out` is None.

    Raises:
        CommandFailed: The file already exists or cannot be written.
    """
    if out is None:
        print_text(text)
        return
    try:
        # "x" also refuses a file that appeared since the first check.
        with out.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except FileExistsError:
        raise CommandFailed(f"{out} already exists.", "Name another file.") from None
    except OSError as error:
        raise CommandFailed(f"Cannot write {out}: {error.strerror}.") from None
