"""Running a non-idempotent operation exactly once, even if its answer is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from flows.steps.wait_limits import wait_limits
from graph_client import GraphClient
from graph_client.errors import GraphError, GraphStatusError, WaitExpired

T = TypeVar("T")

ATTEMPTS = 6
_GROWTH = 1.5
_LONGEST_INTERVAL_SECONDS = 10.0


async def find_existing(graph: GraphClient, find: Callable[[], Awaitable[T | None]]) -> T | None:
    """Call `find` until it finds something, or until it is certain that there is nothing."""
    bounds = wait_limits()
    try:
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
            attempts += not not_yet
            # Graph may ask for a pause longer than any call waits; the client itself honours shorter ones.
            if attempts == ATTEMPTS or getattr(error, "wait_is_too_long", False):
                raise
            await asyncio.sleep(interval_seconds)
            interval_seconds = min(interval_seconds * _GROWTH, _LONGEST_INTERVAL_SECONDS)
