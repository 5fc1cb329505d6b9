"""How many instances are worked on at once: one that only waits for Graph takes no place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

_BEGUN_PER_PLACE = 6
"""So many may have begun for each place: replication may take a quarter of a minute."""


class Places:
    """Room for so many at work.

    Args:
        width: How many.
    """

    def __init__(self, width: int) -> None:
        # One at a time is meant so: whoever asks for it wants the first refusal to be the only one.
        self._begun = asyncio.Semaphore(_BEGUN_PER_PLACE * width if width > 1 else 1)
        self._working = asyncio.Semaphore(width)

    @asynccontextmanager
    async def take_place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it inside the context but for what is inside `leave_place`."""
        async with self._begun, self._working:
            token = _places.set(self)
            try:
                yield
            finally:
                _places.reset(token)

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """Give a place up inside the context, and wait for one at its end."""
        self._working.release()
        try:
            yield
        finally:
            # Who is cancelled here has no place to give back, and gives one back. A run cancels all of them together,
            # so that nobody is left to take it.
            await self._working.acquire()


_places: ContextVar[Places | None] = ContextVar("places", default=None)


@asynccontextmanager
async def leave_place() -> AsyncIterator[None]:
    """Let another instance be worked on while this one only waits; outside `Places` it does nothing."""
    places = _places.get()
    if places is None:
        yield
        return
    async with places.left():
        yield
