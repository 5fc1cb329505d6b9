"""The windows of time in which the provisioning log is read."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flows.store import Gap
from graph_client.errors import (
    GraphError,
    GraphStatusError,
    ServerFailed,
    TransportFailed,
    UnreadableAnswer,
)

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
        # Whole seconds, as the bounds of every window.
        middle = self.start + timedelta(seconds=seconds // 2)
        return Window(self.start, middle), Window(middle, self.end)

    def next_length(self, pages: int) -> timedelta:
        """Return how long the next window should be, to hold about `PAGES_PER_WINDOW` pages.

        A quiet tenant is caught up within few requests, a busy one saves its progress often.
        """
        growth = min(PAGES_PER_WINDOW / max(pages, 1), _LARGEST_GROWTH)
        # A window that was halved may have been one bad minute: growth brings the length back.
        return min(max(self.length * growth, SHORTEST), LONGEST)


def whole_second(moment: datetime) -> datetime:
    """Return the moment in UTC without its fraction of a second.

    Raises:
        ValueError: The moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs a time zone: {moment.isoformat()}")
    return moment.astimezone(UTC).replace(microsecond=0)


_EXPIRED_LINK = frozenset({400, 410})
_GAVE_UP = (ServerFailed, TransportFailed)
"""What a gateway that waited too long for a long window answers, and what may as well be an outage."""
_PATIENCE = 24
"""Windows that may fail in a row before ever longer ones are given up: halving 30 days down to a second takes 22."""


def lies_in_the_window(error: GraphError, pages: int) -> bool:
    """Return whether a shorter window may be read although this one failed.

    Args:
        error: Why it failed.
        pages: How many pages of it were read before; a link to the next one expires, or leads elsewhere.
    """
    if isinstance(error, GraphStatusError) and not isinstance(error, ServerFailed):
        # On the first page there is no link yet, and the refusal is about the request.
        return pages > 0 and error.status in _EXPIRED_LINK
    return isinstance(error, (UnreadableAnswer, *_GAVE_UP))


class UnreadableWindows:
    """What has failed since a window was last read to its end."""

    def __init__(self) -> None:
        self.error: GraphError | None = None
        self._failures = 0
        self._skipped: list[Gap] = []

    @property
    def shortest(self) -> timedelta:
        """How short a window has to be to be given up; longer ones are read in halves."""
        # Each has been tried for minutes already where Graph gave up, so those are not narrowed down to a second.
        least = SHORTEST if isinstance(self.error, _GAVE_UP) else timedelta(seconds=1)
        return max(least, timedelta(seconds=2 ** max(0, self._failures - _PATIENCE)))

    def met(self, error: GraphError) -> bool:
        """Take note of a window that failed; return whether the log as a whole is in doubt."""
        self.error = error
        self._failures += 1
        return self._failures == 1 or isinstance(error, _GAVE_UP)

    def skip(self, window: Window) -> None:
        """Give a window up."""
        detail = "; ".join(str(self.error).splitlines()[:2])
        self._skipped.append(Gap("unreadable", window.start, window.end, detail))

    def over(self) -> list[Gap]:
        """Forget the trouble, as a window was read; return what was given up before it."""
        skipped, self._skipped = self._skipped, []
        self.error, self._failures = None, 0
        return skipped

    def raise_if_unfinished(self) -> None:
        """Fail if nothing could be read after what was given up: that may pass, so it is no gap yet.

        Raises:
            GraphError: Why the last window failed.
        """
        if self._skipped and self.error:
            raise self.error
