"""Graph's moments and durations."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

__all__ = ["Moment", "parse_duration", "parse_moment"]

_DURATION = re.compile(
    r"(?P<sign>[+-])?P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)


def parse_moment(value: Any) -> datetime | None:
    """A moment in UTC; the year 0001, which Graph writes for "never", is None.

    Raises:
        ValueError: for what is no moment.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        # Digits beyond the microsecond are cut off.
        moment = datetime.fromisoformat(value)
    else:
        raise ValueError("not a moment")  # noqa: TRY004  # pydantic takes only this one
    if moment.year <= 1:
        return None
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("out of range") from None


Moment = Annotated[datetime | None, BeforeValidator(parse_moment)]


def parse_duration(text: str | None) -> timedelta | None:
    """The length of an ISO 8601 duration in weeks, days and smaller; None for anything else.

    TimeSpan.MaxValue, `P10675199DT2H48M5.4775807S`, fits; its seventh digit is cut off.
    """
    found = _DURATION.fullmatch(text or "")
    if found is None or not any(found.group(name) for name in ("weeks", "days", "hours", "minutes", "seconds")):
        return None
    whole, _, fraction = (found.group("seconds") or "0").partition(".")
    try:
        length = timedelta(
            weeks=int(found.group("weeks") or 0),
            days=int(found.group("days") or 0),
            hours=int(found.group("hours") or 0),
            minutes=int(found.group("minutes") or 0),
            seconds=int(whole),
            microseconds=int(fraction[:6].ljust(6, "0")),
        )
    except (OverflowError, ValueError):
        return None
    return -length if found.group("sign") == "-" else length
