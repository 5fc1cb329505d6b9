"""The option --since: a time, a day, or how long ago."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"([0-9]{1,6})([mhdw])")


def parse_since(text: str) -> datetime:
    """Return the time that a text names, in UTC unless it says otherwise: 2026-05-01, 2026-05-01T12:00Z, 7d.

    Raises:
        typer.BadParameter: It names none.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is not a time: write a date (2026-05-01), a time (2026-05-01T12:00Z), "
            "or how long ago (90m, 12h, 7d, 2w)"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


SinceOption = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="MOMENT",
        parser=parse_since,
        help="Start of the range: a date or time (UTC), or 7d for seven days ago.",
    ),
]
