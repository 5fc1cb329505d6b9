"""Graph's clock, as the `Date` header of its answers tells it.

https://www.rfc-editor.org/rfc/rfc9110#field.date
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from graph_client.protocol import read_http_date

__all__ = ["ServerClock", "WallClock", "read_utc_now"]

WallClock = Callable[[], datetime]
_RESOLUTION = timedelta(seconds=1)


def read_utc_now() -> datetime:
    """This machine's clock, in UTC."""
    return datetime.now(UTC)


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
        """How far this machine's clock is ahead of Graph's; None before the first answer, 0 while both may agree."""
        return None if self._skew is None else self._skew.total_seconds()

    def now(self) -> datetime:
        """The time at Graph, in UTC."""
        now = self.read_wall_clock()
        try:
            return now - (self._skew or timedelta(0))
        except OverflowError:
            return now

    def learn(self, date: str | None, sent: datetime, received: datetime) -> None:
        """Correct the skew by an answer; it moves no more than the answer proves, so that it does not jitter.

        Args:
            date: the answer's Date header; anything that is no date is ignored.
            sent: when the request left, by this machine's clock.
            received: when the answer was there, by this machine's clock.
        """
        told = read_http_date(date or "")
        if told is None:
            return
        # Graph wrote the header between the two moments, and it has whole seconds.
        least, most = sent - told - _RESOLUTION, received - told
        self._skew = max(min(self._skew or timedelta(0), most), least)
