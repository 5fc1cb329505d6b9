"""How fast a client may send: Graph's documented limits, corrected by what its answers say.

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
from graph_client.clock import SHORTEST_WAIT_SECONDS, Clock, Sleep
from graph_client.errors import GraphStatusError, Throttled
from graph_client.protocol import Answer
from graph_client.settings import GraphSettings
from graph_client.throttling.budget import Budget, estimate_units

__all__ = ["Concurrency", "Pacing"]


# A burst that is throttled counts once, however many of its requests are refused.
_ONE_BURST_SECONDS = 1.0


class Concurrency:
    """A limit on concurrent requests: halved when Graph throttles, raised by one for each round of good answers.

    This is additive increase and multiplicative decrease, as in TCP: clients that follow it share the capacity.

    Args:
        most: the initial limit, which is never exceeded.
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
        """How many requests may be in flight now."""
        return int(self._limit)

    def shrink(self) -> None:
        """Halve the limit."""
        now = self._clock()
        if now - self._shrunk_at >= _ONE_BURST_SECONDS:
            # At least one: without any request no answer could raise the limit again.
            self._limit = max(1.0, self._limit / 2)
            self._shrunk_at = now

    def grow(self) -> None:
        """Count a good answer; a full round of them raises the limit by one."""
        # One more after a whole round of good answers, half after a refusal, as TCP does.
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
            # Cancelled just when its turn had come: the place goes to the next in line.
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


_THROTTLING_STATUS = frozenset({429, 503})
# Shares of a limit in use; x-ms-throttle-limit-percentage reports them from 0.8 on.
_NEAR_THE_LIMIT, _BEYOND_THE_LIMIT = 0.8, 1.0


class Pacing:
    """All budgets of a client: every request passes through it, and every answer corrects it."""

    def __init__(self, settings: GraphSettings, sleep: Sleep, clock: Clock = time.monotonic) -> None:
        def budget(name: str, limit: float, window_seconds: float) -> Budget:
            # A share of less than one request per window makes the window longer instead.
            own = round(limit * settings.budget_share, 6)
            # For twenty workers that share 5 reports in 10 s, each has one in 40 s.
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
        # Objects that Graph asked to leave alone, and until when.
        self._paused: dict[str, float] = {}
        self._fewest_units = max(1, int(settings.fewest_units_per_window * settings.budget_share))
        self.concurrency = Concurrency(settings.requests_in_flight, clock)

    def costs_of(self, call: Call) -> Mapping[Budget, int]:
        """The estimated cost of a call in each budget that it uses."""
        if call.path == "/$batch" or call.public:
            # The parts of a batch are counted one by one; what is not Graph's has no budget of Graph's.
            return {}
        # Reports have a limit of their own: 5 requests in 10 s.
        if "/auditLogs/" in call.path:
            return {self.reports: 1}
        if call.path.endswith("/provisionOnDemand"):
            return {self.on_demand: 1}
        units = {self.units: estimate_units(call)}
        return units if call.method == "GET" else {self.writes: 1, **units}

    @asynccontextmanager
    async def admit(self, calls: Sequence[Call]) -> AsyncIterator[None]:
        """Delay a request until its calls fit their budgets, and it fits the limit on concurrent requests."""
        costs: Counter[Budget] = Counter()
        for call in calls:
            costs.update(self.costs_of(call))
        async with AsyncExitStack() as stack:
            # Always in this order: otherwise two requests could deadlock.
            for budget in (self.on_demand, self.reports, self.writes, self.units):
                if costs[budget]:
                    await stack.enter_async_context(budget.spend(costs[budget]))
            await stack.enter_async_context(self.concurrency.one())
            yield

    def learn(self, call: Call, answer: Answer) -> None:
        """Read from an answer what the call actually cost, and how close Graph is to its limits."""
        expected = self.costs_of(call).get(self.units)
        reported = answer.headers.get("x-ms-resource-unit", "")
        if expected is not None and reported.isdecimal():
            # The table of costs is an estimate: this header is what Graph counted.
            self.units.correct(int(reported) - expected)
        used = _share(answer.headers.get("x-ms-throttle-limit-percentage"))
        if answer.status in _THROTTLING_STATUS or used > _BEYOND_THE_LIMIT:
            self.concurrency.shrink()
        elif used < _NEAR_THE_LIMIT:
            self.concurrency.grow()

    def pause(self, call: Call, answer: Answer, error: GraphStatusError) -> None:
        """Pause what Graph asks to leave alone: the object of the call and, after a 429, the exhausted budget.

        A pause longer than any call waits ends only this call, whose error is marked, and delays no other.
        """
        asked = error.retry_after_seconds
        # Such a pause would make all other calls give up as well.
        error.wait_is_too_long = asked is not None and asked > self._longest_pause_seconds
        if error.wait_is_too_long:
            return
        if asked:
            self._paused[_object_of(call)] = self._clock() + asked
        if isinstance(error, Throttled):
            self._pause_budget(call, answer, self._first_backoff_seconds if asked is None else asked)

    async def until_resumed(self, call: Call) -> None:
        """Wait until a pause that Graph asked for on the object of this call is over."""
        key = _object_of(call)
        while (until := self._paused.get(key)) is not None:
            left = until - self._clock()
            if left <= 0:
                del self._paused[key]
                return
            await self._sleep(max(left, SHORTEST_WAIT_SECONDS))

    def _pause_budget(self, call: Call, answer: Answer, seconds: float) -> None:
        """Pause the budget that Graph says is exhausted; if it names none, the scarcest budget of the call."""
        named = {
            "WriteLimitExceeded": self.writes,
            "ResourceUnitLimitExceeded": self.units,
            "CPULimitExceeded": self.units,
        }
        costs = self.costs_of(call)
        budget = named.get(answer.headers.get("x-ms-throttle-information", ""))
        if budget is None or budget not in costs:
            budget = next(iter(costs), None)
        if budget is None:
            return
        # The documented limit depends on the size of the tenant; after a 429 we assume the smallest.
        if budget is self.units:
            self.units.tighten(self._fewest_units)
        budget.pause(seconds)


def _object_of(call: Call) -> str:
    """The object of a call: the first two segments of its path, such as a service principal, or a listing."""
    path = urlsplit(call.path).path.removeprefix("/v1.0").removeprefix("/beta")
    # Collection and id: a Retry-After about one application must not hold up the others.
    return "/".join(path.split("/")[:3])


def _share(text: str | None) -> float:
    try:
        return float(text or 0.0)
    except ValueError:
        return 0.0
