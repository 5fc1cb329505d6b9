"""Concurrent calls that end together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, overload

__all__ = ["gather"]

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")


@overload
async def gather(one: Coroutine[Any, Any, T1], two: Coroutine[Any, Any, T2], /) -> tuple[T1, T2]: ...
@overload
async def gather(
    one: Coroutine[Any, Any, T1], two: Coroutine[Any, Any, T2], three: Coroutine[Any, Any, T3], /
) -> tuple[T1, T2, T3]: ...
@overload
async def gather(
    one: Coroutine[Any, Any, T1],
    two: Coroutine[Any, Any, T2],
    three: Coroutine[Any, Any, T3],
    four: Coroutine[Any, Any, T4],
    /,
) -> tuple[T1, T2, T3, T4]: ...
@overload
async def gather(
    one: Coroutine[Any, Any, T1],
    two: Coroutine[Any, Any, T2],
    three: Coroutine[Any, Any, T3],
    four: Coroutine[Any, Any, T4],
    five: Coroutine[Any, Any, T5],
    /,
) -> tuple[T1, T2, T3, T4, T5]: ...
@overload
async def gather(*calls: Coroutine[Any, Any, T]) -> tuple[T, ...]: ...
async def gather(*calls: Coroutine[Any, Any, Any]) -> tuple[Any, ...]:
    """The results of concurrent calls, in the order of the calls.

    Unlike with asyncio.gather, no call continues in the background after another has failed: the others are
    cancelled, and have ended before the error is raised.

    Raises:
        Exception: the first that a call raised.
    """
    tasks: list[asyncio.Task[Any]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(call) for call in calls]
    except BaseExceptionGroup as failures:
        # One error, as callers expect; the group has already cancelled the other calls.
        raise failures.exceptions[0] from None
    return tuple(task.result() for task in tasks)
