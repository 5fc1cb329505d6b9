"""How fast a client may send: budgets of writes and of reporting calls, and a limit on requests in flight."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from .call import Call
from .errors import Throttled
from .retry import Clock, Sleep
from .settings import GraphSettings

__all__ = ["Budget", "Pacing"]


class Budget:
    """At most `limit` requests in any window of `window_seconds`; no limit when it is None."""

    def __init__(
        self,
        name: str,
        limit: int | None,
        window_seconds: float,
        longest_pause_seconds: float,
        sleep: Sleep,
        clock: Clock,
    ) -> None:
        self.name = name
        self._limit = limit
        self._window_seconds = window_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._sleep = sleep
        self._clock = clock
        self._sent: deque[float] = deque()
        self._paused_until = float("-inf")
        # Waiting inside the lock keeps the callers in their order.
        self._turn = asyncio.Lock()

    def pause(self, seconds: float) -> None:
        """Let nothing pass for this long, as Graph asked."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    async def spend(self, call: Call) -> None:
        """Wait until one more request fits.

        Raises:
            Throttled: when Graph asked for a longer pause than any call would wait; nothing was sent.
        """
        async with self._turn:
            while (wait := self._wait_seconds(call)) > 0:
                await self._sleep(wait)
            if self._limit is not None:
                self._sent.append(self._clock())

    def _wait_seconds(self, call: Call) -> float:
        now = self._clock()
        paused = self._paused_until - now
        if paused > self._longest_pause_seconds:
            raise self._throttled(call, paused)
        if paused > 0:
            return paused
        while self._sent and self._sent[0] <= now - self._window_seconds:
            self._sent.popleft()
        if self._limit is None or len(self._sent) < self._limit:
            return 0.0
        return self._sent[0] + self._window_seconds - now

    def _throttled(self, call: Call, paused_seconds: float) -> Throttled:
        error = Throttled(
            f"not sent: Graph asked for no {self.name} for another {paused_seconds:.0f} s",
            verb=call.method,
            path=call.path,
            hint="try again after that time",
        )
        error.retry_after_seconds = paused_seconds
        return error


class Pacing:
    """The one budget object of a client.

    https://learn.microsoft.com/graph/throttling-limits
    """

    def __init__(self, settings: GraphSettings, sleep: Sleep, clock: Clock = time.monotonic) -> None:
        longest = settings.total_retry_seconds
        self.writes = Budget("writes", settings.writes_per_window, settings.write_window_seconds, longest, sleep, clock)
        self.reports = Budget(
            "reporting calls",
            settings.reports_per_window,
            settings.report_window_seconds,
            longest,
            sleep,
            clock,
        )
        self.reads = Budget("reads", None, 0.0, longest, sleep, clock)
        self._in_flight = asyncio.Semaphore(settings.requests_in_flight)

    def budget_of(self, call: Call) -> Budget:
        """The budget that a call is counted against."""
        if "/auditLogs/" in call.path:
            return self.reports
        return self.reads if call.method == "GET" else self.writes

    @asynccontextmanager
    async def admit(self, calls: Sequence[Call]) -> AsyncIterator[None]:
        """Hold a request back until the calls it carries fit their budgets, and it the limit on requests in flight."""
        for call in calls:
            await self.budget_of(call).spend(call)
        async with self._in_flight:
            yield
