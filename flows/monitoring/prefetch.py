"""Reading the next page while this one is stored."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


@asynccontextmanager
async def prefetch(items: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Give the items in their order, with the next one always on its way; leaving gives that one up.

    Args:
        items: What takes its time; an error it raises comes after the items before it.
    """
    upcoming = _next(items)

    async def each() -> AsyncIterator[T]:
        nonlocal upcoming
        while True:
            try:
                item = await upcoming
            except StopAsyncIteration:
                return
            upcoming = _next(items)
            yield item

    try:
        yield each()
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)


def _next(items: AsyncIterator[T]) -> asyncio.Task[T]:
    async def fetch() -> T:
        return await anext(items)

    return asyncio.create_task(fetch())
