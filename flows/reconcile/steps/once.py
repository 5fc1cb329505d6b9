"""Doing once what must not be done twice, although its answer may be lost."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from graph_client.errors import GraphError

T = TypeVar("T")

ATTEMPTS = 3


async def once(
    do: Callable[[], Awaitable[T]],
    find: Callable[[], Awaitable[T | None]],
    *,
    misleading: type[GraphError] | tuple[type[GraphError], ...] = (),
) -> T:
    """Return what `do` made, or what `find` finds after an attempt whose outcome is unknown.

    Args:
        do: The attempt; repeated only when nothing was found.
        find: Looks for what an attempt may have made; None when it is safe to say that it made nothing.
        misleading: Errors that Graph is known to answer although it did what was asked.

    Raises:
        GraphError: Graph refused, or the outcome stayed unknown.
    """
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            return await do()
        except GraphError as error:
            if not (error.may_have_happened or isinstance(error, misleading)):
                raise
            if (found := await find()) is not None:
                return found
            if not attempts_left:
                raise
    raise AssertionError("the last attempt returns or raises")
