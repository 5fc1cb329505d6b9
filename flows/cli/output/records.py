"""Records on standard output, one at a time, as JSON lines or as CSV."""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from flows.cli.output.console import print_json_text, print_text

# With a blank or an invisible character before it too, and as the wide form of East Asian writing:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"[\t\r\n]|[\s\u200b-\u200f\u2060\ufeff\x00-\x1f]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


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
            print_json_text(json.dumps(record, ensure_ascii=False))
        return
    rows = csv.writer(_StandardOutput(), lineterminator="\r\n")
    rows.writerow(columns)
    rows.writerows([format_cell(record[column]) for column in columns] for record in records)


class _StandardOutput:
    """Takes lines that end as RFC 4180 has it, for the writer to quote both characters wherever they stand."""

    def write(self, line: str) -> None:
        """Print a line as every other program here ends it."""
        print_text(line.removesuffix("\r\n") + "\n")


def format_cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if _FORMULA.match(text) else text
