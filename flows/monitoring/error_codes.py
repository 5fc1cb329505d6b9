"""What is known of the error codes and quarantine reasons of Microsoft's provisioning service.

The knowledge itself is in `error_codes.toml`, to which anybody can add.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Action = Literal[
    "rotate", "raise-threshold", "restart", "fix-mapping", "assign", "unassign", "wait", "contact-target", "errors"
]

_SUFFIX_LETTERS_MIN = 12
"""Shorter codes (Conflict, Timeout) are the end of too many words to be taken for a code behind a name."""


@dataclass(frozen=True)
class ErrorCode:
    """An entry of the table; the table says what the fields mean."""

    codes: Sequence[str]
    meaning: str
    cause: str
    action: Action
    source: str
    restart: str = ""
    advice: str = ""


@dataclass(frozen=True)
class ErrorCodes:
    """The table: errors of single objects, and reasons for quarantine."""

    errors: Sequence[ErrorCode]
    quarantines: Sequence[ErrorCode]

    def error(self, code: str | None) -> ErrorCode | None:
        """Return what is known of an error code, also where the application's name stands before it."""
        if code is None:
            return None
        found = _exactly(self.errors, code)
        if found is not None:
            return found
        ends = [
            (len(known), entry)
            for entry in self.errors
            for known in entry.codes
            if len(known) >= _SUFFIX_LETTERS_MIN and code.lower().endswith(known.lower())
        ]
        return max(ends, key=lambda end: end[0])[1] if ends else None

    def quarantine(self, reason: str | None) -> ErrorCode | None:
        """Return what is known of a quarantine reason."""
        return None if reason is None else _exactly(self.quarantines, reason)


@cache
def error_codes() -> ErrorCodes:
    """Return the table that comes with the program."""
    tables = tomllib.loads(files("flows.monitoring").joinpath("error_codes.toml").read_text("utf-8"))
    return ErrorCodes(_entries(tables["error"]), _entries(tables["quarantine"]))


def _entries(rows: Sequence[dict[str, Any]]) -> tuple[ErrorCode, ...]:
    return tuple(ErrorCode(**{**row, "codes": tuple(row["codes"])}) for row in rows)


def _exactly(entries: Sequence[ErrorCode], code: str) -> ErrorCode | None:
    return next((entry for entry in entries if code.lower() in (known.lower() for known in entry.codes)), None)
