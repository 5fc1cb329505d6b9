"""Waiting until something has settled: several good reads, within a bound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from .errors import GraphStatusError, WaitExpired
from .retry import Clock, Sleep

__all__ = ["wait_until"]

T = TypeVar("T")
_GROWTH = 1.5


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
    """The value of `check` after `seen` good reads; one bad read between costs one more good one.

    Replicas answer in turn, so one good read proves little, and one bad one after it does not disprove all.
    An answer that a fresh object explains (`not_yet`) counts as a bad read, any other error ends the wait.

    Raises:
        WaitExpired: when the time is over; no wait starts that would end later.
    """
    started = clock()
    good, reads, pause = 0, 0, interval_seconds
    last: GraphStatusError | None = None
    while True:
        value: T | None = None
        reads += 1
        try:
            value = await check()
        except GraphStatusError as error:
            if not error.not_yet:
                raise
            last = error
        if value is not None:
            good, pause = good + 1, interval_seconds
            if good >= seen:
                return value
        else:
            good = max(0, good - 1)
        if clock() - started + pause > within_seconds:
            raise _expired(clock() - started, reads, good, seen, last)
        await sleep(pause)
        if value is None:
            pause = min(pause * _GROWTH, longest_interval_seconds)


def _expired(elapsed_seconds: float, reads: int, good: int, seen: int, last: GraphStatusError | None) -> WaitExpired:
    expired = WaitExpired(
        f"not settled after {elapsed_seconds:.0f} s: {reads} reads, {good} of {seen} good ones in the end",
        hint="wait longer, or look at the object in the portal",
    )
    if last is not None:
        expired.what += f"; the last refusal: {last.what}"
        expired.verb, expired.path, expired.status = last.verb, last.path, last.status
        expired.code, expired.message, expired.request_id = last.code, last.message, last.request_id
        expired.hint = last.hint or expired.hint
    return expired
