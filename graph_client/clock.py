"""Time: what waits and measures, and what Graph's answers say the time is.

https://www.rfc-editor.org/rfc/rfc9110#field.date
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

__all__ = [
    "SHORTEST_WAIT_SECONDS",
    "Clock",
    "ServerClock",
    "Sleep",
    "WallClock",
    "read_http_date",
    "read_utc_now",
    "retry_after_seconds",
]

Sleep = Callable[[float], Awaitable[None]]
# Monotonic seconds.
Clock = Callable[[], float]
# What rounding leaves of a wait may be less than a clock can show: who slept for it would look again at the same time.
SHORTEST_WAIT_SECONDS = 0.001
# Aware, in UTC.
WallClock = Callable[[], datetime]


def read_utc_now() -> datetime:
    """This machine's clock, in UTC."""
    return datetime.now(UTC)


# A page of Microsoft's has the fraction 2.128; more than nine digits are no wait.
_NUMBER = re.compile(r"\d{1,9}(\.\d+)?", re.ASCII)


def retry_after_seconds(value: str | None, now: datetime, date: str | None = None) -> float | None:
    """Seconds to wait, from an integer, a fraction (2.128) or an HTTP date; None when unusable.

    Args:
        value: the header.
        now: the wall clock, for an HTTP date.
        date: the Date header of the same answer, preferred to a wall clock that may be wrong.
    """
    text = (value or "").strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    until = read_http_date(text)
    if until is None:
        return None
    # Both dates of one answer come from one clock, so a wrong clock of this machine does not matter.
    return max(0.0, (until - (read_http_date(date or "") or now)).total_seconds())


def read_http_date(text: str) -> datetime | None:
    """The moment of an HTTP date, in UTC; None for any other text."""
    try:
        moment = parsedate_to_datetime(text)
        # A date that ends in "-0000" is parsed without a time zone; HTTP dates are always in UTC.
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


# The Date header has whole seconds, and servers write it anew once a second, not for each answer: on a busy one,
# two answers in a row would otherwise turn the clock back, and later events would come first.
_RESOLUTION = timedelta(seconds=2)


class ServerClock:
    """This machine's clock, corrected by what Graph's answers say the time is.

    Args:
        wall_clock: this machine's clock, aware and in UTC.
    """

    def __init__(self, wall_clock: WallClock = read_utc_now) -> None:
        self.read_wall_clock = wall_clock
        self._skew: timedelta | None = None

    @property
    def skew_seconds(self) -> float | None:
        """How far this machine's clock is ahead of Graph's; None before the first answer, 0 if both may agree."""
        return None if self._skew is None else self._skew.total_seconds()

    def now(self) -> datetime:
        """The time at Graph, in UTC."""
        now = self.read_wall_clock()
        try:
            # A date of year 1 or 9999 in an answer makes the difference leave the range of datetime.
            return now - (self._skew or timedelta(0))
        except OverflowError:
            return now

    def learn(self, date: str | None, sent: datetime, received: datetime) -> None:
        """Correct the skew by an answer, by no more than the answer proves, so that it does not jitter.

        Args:
            date: the answer's Date header; anything but a date is ignored.
            sent: when the request left, by this machine's clock.
            received: when the answer arrived, by this machine's clock.
        """
        server = read_http_date(date or "")
        if server is None:
            return
        # Graph wrote the header between the two moments, or shortly before.
        least, most = sent - server - _RESOLUTION, received - server
        # The known skew is moved into the range that this answer allows, and not beyond.
        self._skew = max(min(self._skew or timedelta(0), most), least)
