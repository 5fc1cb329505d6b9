"""Running a non-idempotent operation exactly once, even if its answer is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from graph_client import GraphClient
from graph_client.errors import GraphError, GraphStatusError, WaitExpired


@dataclass(frozen=True)
class WaitLimits:
    """Limits on waiting; every wait has one.

    Args:
        lookup_seconds: How long to look for the result of an unanswered request before it is repeated.
        ready_seconds: How long a new application may take to appear on all replicas.
        interval_seconds: The first pause between checks; later ones grow.
        good_reads: How many consistent reads count as proof.
        steady_seconds: How long reads have to agree before a whole collection is replaced by what they show.
        second_look_seconds: Minimum wait before checking again for what another run may have created.
        deprovision_seconds: How long a job may take to delete its accounts, and the log to show it.
        deprovision_interval_seconds: The pause between looks at such a job: each reads the log, which Graph limits.
    """

    lookup_seconds: float = 30.0
    ready_seconds: float = 600.0
    interval_seconds: float = 0.5
    good_reads: int = 2
    second_look_seconds: float = 1.0
    steady_seconds: float = 60.0
    # An initial cycle of thousands takes hours, and nothing is lost by waiting.
    deprovision_seconds: float = 4 * 3600.0
    deprovision_interval_seconds: float = 60.0


_DEFAULT = WaitLimits()
_current: ContextVar[WaitLimits] = ContextVar("patience", default=_DEFAULT)


def wait_limits() -> WaitLimits:
    """Return the current limits."""
    return _current.get()


@contextmanager
def use_wait_limits(bounds: WaitLimits) -> Iterator[None]:
    """Use other limits inside the context, for a tenant whose lag is known."""
    token = _current.set(bounds)
    try:
        yield
    finally:
        _current.reset(token)


T = TypeVar("T")

ATTEMPTS = 6
_GROWTH = 1.5
_LONGEST_INTERVAL_SECONDS = 10.0


async def find_existing(graph: GraphClient, find: Callable[[], Awaitable[T | None]]) -> T | None:
    """Call `find` until it finds something, or until it is certain that there is nothing."""
    bounds = wait_limits()
    try:
        # One sight is enough: that something is there is proof, that it is not may be lag.
        return await graph.wait_until(
            find, seen=1, within_seconds=bounds.lookup_seconds, interval_seconds=bounds.interval_seconds
        )
    except WaitExpired:
        return None


async def create_once(
    do: Callable[[], Awaitable[T]],
    find: Callable[[], Awaitable[T | None]],
    *,
    misleading: type[GraphError] | tuple[type[GraphError], ...] = (),
) -> T:
    """Return what `do` created, or what `find` finds after an attempt whose outcome is unknown.

    An attempt on an object that is still being replicated is repeated while replication may last, but never without
    looking first: Graph has been seen to answer "not found" although it completed the request.

    Args:
        do: The attempt; repeated only if nothing was found.
        find: Looks for what an attempt may have created; returns None if there is nothing.
        misleading: Errors that Graph is known to return although it completed the request.

    Raises:
        GraphError: Graph refused, or the outcome stayed unknown.
    """
    attempts, interval_seconds = 0, wait_limits().interval_seconds
    while True:
        try:
            return await do()
        except GraphError as error:
            not_yet = isinstance(error, GraphStatusError) and error.not_yet and error.grace_seconds_left > 0
            if not (error.may_have_happened or not_yet or isinstance(error, misleading)):
                raise
            if (found := await find()) is not None:
                return found
            # Waiting for replication has a limit of its own, the object's grace.
            attempts += not not_yet
            # Graph may ask for a pause longer than any call waits; the client itself honours shorter ones.
            if attempts == ATTEMPTS or getattr(error, "wait_is_too_long", False):
                raise
            await asyncio.sleep(interval_seconds)
            interval_seconds = min(interval_seconds * _GROWTH, _LONGEST_INTERVAL_SECONDS)
