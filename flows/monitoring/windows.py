"""The windows of time in which the provisioning log is read."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FIRST_LENGTH = timedelta(days=1)
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=30)
PAGES_PER_WINDOW = 20
"""What a crash may cost to read again: 40 seconds at 5 requests per 10 seconds."""

_LARGEST_GROWTH = 8.0


@dataclass(frozen=True)
class Window:
    """A span of the log: from `start` until before `end`, both whole seconds.

    Graph compares by `gt` and `lt` only, and how it treats fractions of a second in them is not documented:
    an event exactly on a bound would fall between two windows. So each asks from one second earlier; what is
    read twice is stored once.
    """

    start: datetime
    end: datetime

    @property
    def after(self) -> datetime:
        """What `activityDateTime gt` asks for."""
        return self.start - timedelta(seconds=1)

    @property
    def before(self) -> datetime:
        """What `activityDateTime lt` asks for."""
        return self.end

    @property
    def length(self) -> timedelta:
        """From its start to its end."""
        return self.end - self.start

    def halves(self) -> "tuple[Window, Window]":
        """Return the window in two, cut at a whole second; one of a second cannot be cut."""
        seconds = int(self.length.total_seconds())
        middle = self.start + timedelta(seconds=seconds // 2)
        return Window(self.start, middle), Window(middle, self.end)

    def next_length(self, pages: int) -> timedelta:
        """Return how long the next window should be, to hold about `PAGES_PER_WINDOW` pages.

        A quiet tenant is caught up within few requests, a busy one saves its progress often.
        """
        growth = min(PAGES_PER_WINDOW / max(pages, 1), _LARGEST_GROWTH)
        return min(max(self.length * growth, SHORTEST), LONGEST)


def whole_second(moment: datetime) -> datetime:
    """Return the moment in UTC without its fraction of a second.

    Raises:
        ValueError: The moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs a time zone: {moment.isoformat()}")
    return moment.astimezone(UTC).replace(microsecond=0)
