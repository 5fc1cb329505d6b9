"""The Retry-After header in all its spellings."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["read_http_date", "retry_after_seconds"]

_NUMBER = re.compile(r"\d{1,9}(\.\d+)?", re.ASCII)


def retry_after_seconds(value: str | None, now: datetime, date: str | None = None) -> float | None:
    """Seconds to wait, from an integer, a fraction (2.128) or an HTTP date; None when unusable.

    Args:
        value: the header.
        now: the wall clock, for an HTTP date.
        date: the Date header of the same answer, which beats a wall clock that goes wrong.
    """
    text = (value or "").strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    until = read_http_date(text)
    if until is None:
        return None
    return max(0.0, (until - (read_http_date(date or "") or now)).total_seconds())


def read_http_date(text: str) -> datetime | None:
    """The moment of an HTTP date, in UTC; None for any other text."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
