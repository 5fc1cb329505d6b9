"""Looking for what a request may have made although its answer was lost."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from flows.reconcile.steps.patience import patience
from graph_client import GraphClient
from graph_client.errors import WaitExpired

T = TypeVar("T")


async def look_for(graph: GraphClient, find: Callable[[], Awaitable[T | None]]) -> T | None:
    """Call `find` until it finds something, or until it is safe to say that there is nothing."""
    bounds = patience()
    try:
        return await graph.wait_until(
            find, seen=1, within_seconds=bounds.lookup_seconds, interval_seconds=bounds.interval_seconds
        )
    except WaitExpired:
        return None
