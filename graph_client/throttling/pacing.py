"""How fast a client may send: Graph's documented budgets, and what Graph says of them while we use them.

https://learn.microsoft.com/graph/throttling-limits
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

from graph_client.call import Call
from graph_client.clock import Clock, Sleep
from graph_client.errors import GraphStatusError, Throttled
from graph_client.protocol import Answer
from graph_client.settings import GraphSettings
from graph_client.throttling.budget import Budget, estimate_units

__all__ = ["Concurrency", "Pacing"]


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


_OUT_OF_BREATH = frozenset({429, 503})
# Shares of a limit in use, as x-ms-throttle-limit-percentage tells them from 0.8 on.
_NEAR_THE_LIMIT, _BEYOND_THE_LIMIT = 0.8, 1.0


class Pacing:
    """The one budget object of a client: every request passes it, and every answer teaches it."""

    def __init__(self, settings: GraphSettings, sleep: Sleep, clock: Clock = time.monotonic) -> None:
        def budget(name: str, limit: float, window_seconds: float) -> Budget:
            # A share that is less than one request makes the window longer instead.
            own = round(limit * settings.budget_share, 6)
            stretched = window_seconds / min(1.0, own)
            return Budget(name, max(1, int(own)), stretched, sleep, clock)

        parts = settings.write_window_parts
        self.writes = budget("writes", settings.writes_per_window / parts, settings.write_window_seconds / parts)
        if parts > 1:
            self.writes.leave_out_one_window()
        self.units = budget("calls", settings.units_per_window, settings.unit_window_seconds)
        self.reports = budget("reporting calls", settings.reports_per_window, settings.report_window_seconds)
        self.on_demand = budget(
            "provisioning on demand", settings.on_demand_per_window, settings.on_demand_window_seconds
        )
        self._sleep = sleep
        self._clock = clock
        self._longest_pause_seconds = settings.total_retry_seconds
        self._first_backoff_seconds = settings.first_backoff_seconds
        # Until when which objects are to be left alone.
        self._paused: dict[str, float] = {}
        self._fewest_units = max(1, int(settings.fewest_units_per_window * settings.budget_share))
        self.concurrency = Concurrency(settings.requests_in_flight, clock)

    def costs_of(self, call: Call) -> Mapping[Budget, int]:
        """What a call takes from which budget, as far as can be told before its answer."""
        if call.path == "/$batch":
            # Its parts are counted, one by one.
            return {}
        if "/auditLogs/" in call.path:
            return {self.reports: 1}
        if call.path.endswith("/provisionOnDemand"):
            return {self.on_demand: 1}
        units = {self.units: estimate_units(call)}
        return units if call.method == "GET" else {self.writes: 1, **units}

    @asynccontextmanager
    async def admit(self, calls: Sequence[Call]) -> AsyncIterator[None]:
        """Hold a request back until the calls it carries fit their budgets, and it the limit on requests in flight."""
        costs: Counter[Budget] = Counter()
        for call in calls:
            costs.update(self.costs_of(call))
        async with AsyncExitStack() as stack:
            # Always in this order, or two requests could wait for each other.
            for budget in (self.on_demand, self.reports, self.writes, self.units):
                if costs[budget]:
                    await stack.enter_async_context(budget.spend(costs[budget]))
            await stack.enter_async_context(self.concurrency.one())
            yield

    def learn(self, call: Call, answer: Answer) -> None:
        """Take from an answer what the call did cost, and how near Graph is to its limits."""
        expected = self.costs_of(call).get(self.units)
        told = answer.headers.get("x-ms-resource-unit", "")
        if expected is not None and told.isdecimal():
            self.units.correct(int(told) - expected)
        used = _share(answer.headers.get("x-ms-throttle-limit-percentage"))
        if answer.status in _OUT_OF_BREATH or used > _BEYOND_THE_LIMIT:
            self.concurrency.shrink()
        elif used < _NEAR_THE_LIMIT:
            self.concurrency.grow()

    def pause(self, call: Call, answer: Answer, error: GraphStatusError) -> None:
        """Hold back what Graph wants to be left alone: the object of the call, and of a 429 its budget.

        A pause that is longer than any call waits ends this one call, which is marked, and holds no other back.
        """
        asked = error.retry_after_seconds
        error.wait_is_too_long = asked is not None and asked > self._longest_pause_seconds
        if error.wait_is_too_long:
            return
        if asked:
            self._paused[_object_of(call)] = self._clock() + asked
        if isinstance(error, Throttled):
            self._pause_budget(call, answer, self._first_backoff_seconds if asked is None else asked)

    async def until_resumed(self, call: Call) -> None:
        """Wait until the pause that Graph asked for is over, whoever sends the next call to the same object."""
        key = _object_of(call)
        while (until := self._paused.get(key)) is not None:
            left = until - self._clock()
            if left <= 0:
                del self._paused[key]
                return
            await self._sleep(left)

    def _pause_budget(self, call: Call, answer: Answer, seconds: float) -> None:
        """Hold back what belongs to the budget that Graph says is spent; without a word, the call's scarcest."""
        named = {
            "WriteLimitExceeded": self.writes,
            "ResourceUnitLimitExceeded": self.units,
            "CPULimitExceeded": self.units,
        }
        costs = self.costs_of(call)
        budget = named.get(answer.headers.get("x-ms-throttle-information", ""))
        if budget is None or budget not in costs:
            budget = next(iter(costs))
        if budget is self.units:
            self.units.tighten(self._fewest_units)
        budget.pause(seconds)


def _object_of(call: Call) -> str:
    """What a call is about: the first two parts of its path, such as a service principal, or a listing."""
    path = urlsplit(call.path).path.removeprefix("/v1.0").removeprefix("/beta")
    return "/".join(path.split("/")[:3])


def _share(text: str | None) -> float:
    try:
        return float(text or 0.0)
    except ValueError:
        return 0.0
