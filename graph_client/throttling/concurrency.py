"""How many requests may be under way at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graph_client.retry import Clock

__all__ = ["Concurrency"]

# One burst that is refused is one sign, however many of its requests tell so.
_ONE_SIGN_SECONDS = 1.0


class Concurrency:
    """A limit that is halved when Graph is short of breath, and grows by one for each round of good answers.

    That is additive increase and multiplicative decrease, as in TCP: many clients that keep to it share what there is.

    Args:
        most: the limit to begin with, and never to exceed.
        clock: monotonic seconds.
    """

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._limit = float(most)
        self._clock = clock
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._shrunk_at = float("-inf")

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return int(self._limit)

    def shrink(self) -> None:
        """Send half as many from now on."""
        now = self._clock()
        if now - self._shrunk_at >= _ONE_SIGN_SECONDS:
            self._limit = max(1.0, self._limit / 2)
            self._shrunk_at = now

    def grow(self) -> None:
        """Count a good answer; a round of them allows one more."""
        self._limit = min(float(self._most), self._limit + 1 / self._limit)
        self._admit()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        await self._enter()
        try:
            yield
        finally:
            self._leave()

    async def _enter(self) -> None:
        if not self._waiting and self._under_way < self.limit:
            self._under_way += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            # Given up just when its turn had come: the place goes to the next.
            if place.done() and not place.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        self._under_way -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._under_way < self.limit:
            place = self._waiting.popleft()
            if not place.done():
                self._under_way += 1
                place.set_result(None)
