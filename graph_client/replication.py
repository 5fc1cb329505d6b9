"""Replication: Graph's replicas receive a new object one after the other, and deny it until then.

https://learn.microsoft.com/graph/application-saml-sso-configure-api
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import datetime
from typing import TypeVar
from urllib.parse import unquote

from graph_client.call import Call, Repeat
from graph_client.clock import Clock, Sleep
from graph_client.errors import GraphStatusError, NotFound, WaitExpired

__all__ = ["FreshObjects", "in_grace", "is_checking", "wait_until"]

T = TypeVar("T")

# A creation time further in the future than this comes from another clock than `now`.
_FUTURE_SECONDS = 60.0


class FreshObjects:
    """Knows which objects are new, and how long answers about them may still mean "not yet".

    Args:
        grace_seconds: how long after its creation an object is new.
        clock: monotonic seconds.
        now: the time at Graph.
    """

    def __init__(self, grace_seconds: float, clock: Clock, now: Callable[[], datetime]) -> None:
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._now = now
        self._until: dict[str, float] = {}

    def add(self, *ids: str | None, created_at: datetime | None = None) -> None:
        """Record the ids of one object.

        Args:
            ids: its ids; None is ignored.
            created_at: when it was created, by Graph's clock; None for just now.
        """
        age = (self._now() - created_at).total_seconds() if created_at else 0.0
        if -_FUTURE_SECONDS <= age < self._grace_seconds:
            self._note(ids, self._clock() + self._grace_seconds - max(0.0, age))

    def relate(self, known_id: str | None, *ids: str | None) -> None:
        """Record further ids of an object, if it is new."""
        until = self._until.get((known_id or "").lower())
        if until is not None:
            self._note(ids, until)

    def remove(self, path: str) -> None:
        """Forget the object that a path ends in: it was deleted, so a 404 no longer means "not yet"."""
        # The last segment only: the parents in the path still exist.
        self._until.pop(_segments(path)[-1], None)

    def seconds_left(self, path: str) -> float:
        """How long answers about the objects in a path may still mean "not yet"; 0 if none of them is new."""
        if not self._until:
            return 0.0
        # The newest object decides: what is below a fresh principal is as unknown as the principal.
        until = max((self._until.get(segment, 0.0) for segment in _segments(path)), default=0.0)
        return max(0.0, until - self._clock())

    def _note(self, ids: tuple[str | None, ...], until: float) -> None:
        # The oldest come first; drop those that are no longer new.
        while self._until and self._until[oldest := next(iter(self._until))] <= self._clock():
            del self._until[oldest]
        self._until |= {each.lower(): until for each in ids if each}


def _segments(path: str) -> list[str]:
    return [unquote(segment).lower() for segment in path.split("?", maxsplit=1)[0].split("/")]


def in_grace(call: Call, error: BaseException | None) -> bool:
    """Whether the error says "not yet" about a new object, and waiting is the right reaction."""
    if not isinstance(error, GraphStatusError) or not error.not_yet or error.grace_seconds_left <= 0:
        return False
    if isinstance(error, NotFound) and (call.none_if_absent or call.method == "DELETE"):
        return False
    # Graph sometimes answers 404 after it did what was asked: the caller must look before repeating a create.
    return call.repeat is not Repeat.NEVER


# Whether the check of a `wait_until` runs: then no call in it waits for replication on its own.
_checking: ContextVar[bool] = ContextVar("checking", default=False)
_INTERVAL_GROWTH = 1.5  # replication takes seconds or minutes, and is not known before


def is_checking() -> bool:
    """Whether this code runs inside the check of a `wait_until`."""
    return _checking.get()


async def wait_until(
    check: Callable[[], Awaitable[T | None]],
    *,
    seen: int,
    within_seconds: float,
    interval_seconds: float,
    longest_interval_seconds: float,
    sleep: Sleep,
    clock: Clock,
) -> T:
    """The value of `check` after `seen` good reads; each bad read cancels one good read.

    Replicas answer in turn: one good read proves little, and one bad read after it does not disprove everything.
    An answer that a new object explains (`not_yet`) counts as a bad read; any other error ends the wait.

    Raises:
        WaitExpired: when the time is over; no wait starts that would end later.
    """
    started = clock()
    good, reads, pause = 0, 0, interval_seconds
    last: GraphStatusError | None = None
    while True:
        value: T | None = None
        reads += 1
        # The check decides what "not yet" means; a call in it that waited for a better answer would hide it.
        token = _checking.set(True)
        try:
            value = await check()
        except GraphStatusError as error:
            if not error.not_yet:
                raise
            last = error
        finally:
            _checking.reset(token)
        if value is not None:
            # Short intervals again: the object is there, only confirmations are missing.
            good, pause = good + 1, interval_seconds
            if good >= seen:
                return value
        else:
            good = max(0, good - 1)
        if clock() - started + pause > within_seconds:
            raise _expired(clock() - started, reads, good, seen, last)
        await sleep(pause)
        if value is None:
            pause = min(pause * _INTERVAL_GROWTH, longest_interval_seconds)


def _expired(elapsed_seconds: float, reads: int, good: int, seen: int, last: GraphStatusError | None) -> WaitExpired:
    expired = WaitExpired(
        f"not settled after {elapsed_seconds:.0f} s: {reads} reads, the last {good} of {seen} required were good",
        hint="wait longer, or check the object in the portal",
    )
    if last is not None:
        # The last refusal says more than the number of reads, such as a permission that is missing after all.
        expired.what += f"; the last error: {last.what}"
        expired.verb, expired.path, expired.status = last.verb, last.path, last.status
        expired.code, expired.message, expired.request_id = last.code, last.message, last.request_id
        expired.hint = last.hint or expired.hint
    return expired
