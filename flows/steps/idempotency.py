"""Doing once what must not be done twice, although its answer may be lost."""

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
    """Call `find` until it finds something, or until it is safe to say that there is nothing."""
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
    """Return what `do` made, or what `find` finds after an attempt whose outcome is unknown.

    An attempt on an object that the tenant does not know yet everywhere is repeated for as long as that may last, but
    never before a look: Graph was seen to answer "not found" although it did what was asked.

    Args:
        do: The attempt; repeated only when nothing was found.
        find: Looks for what an attempt may have made; None when it is safe to say that it made nothing.
        misleading: Errors that Graph is known to answer although it did what was asked.

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
            # Graph may ask for a pause that is longer than any call waits; a shorter one is kept to by the client.
            if attempts == ATTEMPTS or getattr(error, "wait_is_too_long", False):
                raise
            await asyncio.sleep(interval_seconds)
            interval_seconds = min(interval_seconds * _GROWTH, _LONGEST_INTERVAL_SECONDS)
