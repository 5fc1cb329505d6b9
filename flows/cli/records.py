"""Records on standard output, one at a time, as JSON lines or as CSV."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """How records are printed."""

    JSONL = "jsonl"
    CSV = "csv"


def print_records(records: Iterable[Mapping[str, Any]], columns: Sequence[str], form: Format) -> None:
    """Print records as they come; CSV begins with a line of the columns, records or none.

    Args:
        records: JSON values by column.
        columns: Every column, in order.
        form: Of the output.
    """
    if form is Format.JSONL:
        for record in records:
            sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
        return
    rows = csv.writer(_StandardOutput(), lineterminator="\r\n")
    rows.writerow(columns)
    rows.writerows([cell(record[column]) for column in columns] for record in records)


class _StandardOutput:
    """Takes lines that end as RFC 4180 has it, for the writer to quote both characters wherever they stand."""

    def write(self, line: str) -> None:
        """Print a line as every other program here ends it."""
        sys.stdout.write(line.removesuffix("\r\n") + "\n")


def cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # https://owasp.org/www-community/attacks/CSV_Injection
    return f"'{text}" if text.startswith(_FORMULA) else text
