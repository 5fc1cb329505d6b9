"""A budget: a limited amount in any window of time."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

from graph_client.call import Call
from graph_client.clock import SHORTEST_WAIT_SECONDS, Clock, Sleep

__all__ = ["Budget", "estimate_units"]


class Budget:
    """At most `limit` in any window of `window_seconds`, and nothing while Graph asks for a pause.

    Graph counts a request on arrival, at some moment between its sending and its answer. So a cost counts from the
    sending until one window after the answer: then none of Graph's windows can exceed the limit.

    Args:
        name: what it limits, for messages.
        limit: the amount; a single call that costs more has a window to itself.
        window_seconds: the length of the window.
        sleep: waits.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        limit: int,
        window_seconds: float,
        sleep: Sleep,
        clock: Clock,
    ) -> None:
        self.name = name
        self._limit = limit
        self._window_seconds = window_seconds
        self._sleep = sleep
        self._clock = clock
        self._under_way = 0
        self._answered: deque[tuple[float, int]] = deque()
        self._answered_sum = 0
        self._answer_came = asyncio.Event()
        self._paused_until = float("-inf")
        # Waiting inside the lock serves the callers in order.
        self._turn = asyncio.Lock()

    def pause(self, seconds: float) -> None:
        """Block everything for this long, as Graph asked."""
        # A shorter pause that is asked for later must not end a longer one.
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def correct(self, difference: int) -> None:
        """Count the difference between the actual cost of a call and its estimate."""
        if difference:
            self._count(difference)

    def leave_out_one_window(self) -> None:
        """Spend nothing for one window: the previous owner of this budget may have just spent it."""
        self._count(self._limit)

    def tighten(self, limit: int) -> None:
        """Keep to a smaller limit from now on."""
        self._limit = min(self._limit, limit)

    @asynccontextmanager
    async def spend(self, cost: int = 1) -> AsyncIterator[None]:
        """Wait until the cost fits; leave the context when the answer has arrived."""
        async with self._turn:
            await self._until_it_fits(cost)
            self._under_way += cost
        try:
            yield
        finally:
            self._under_way -= cost
            self._count(cost)
            self._answer_came.set()

    async def _until_it_fits(self, cost: int) -> None:
        while True:
            wait = self._wait_seconds(cost)
            if wait is None:
                self._answer_came.clear()
                # A window begins with an answer: until one comes, there is no moment to sleep for.
                await self._answer_came.wait()
            elif wait > 0:
                await self._sleep(max(wait, SHORTEST_WAIT_SECONDS))
            else:
                return

    def _wait_seconds(self, cost: int) -> float | None:
        """How long until the cost may fit; None if that depends on answers that have not arrived yet."""
        now = self._clock()
        paused = self._paused_until - now
        if paused > 0:
            return paused
        while self._answered and self._answered[0][0] <= now - self._window_seconds:
            self._answered_sum -= self._answered.popleft()[1]
        # A cost above the limit waits for an empty window; it would never fit otherwise.
        excess = self._under_way + self._answered_sum + min(cost, self._limit) - self._limit
        if excess <= 0:
            return 0.0
        for moment, spent in self._answered:
            excess -= spent
            if excess <= 0:
                return moment + self._window_seconds - now
        return None

    def _count(self, cost: int) -> None:
        self._answered.append((self._clock(), cost))
        self._answered_sum += cost


_LISTED = (
    (re.compile(r"/groups/[^/]+/transitiveMembers"), 5),
    (re.compile(r"/groups/[^/]+/members|/getByIds"), 3),
    (re.compile(r"/(applications|users|oauth2PermissionGrants)(/|$)|/appRoleAssign"), 2),
)
_SMALL_PAGE = 20


def estimate_units(call: Call) -> int:
    """The resource units that Graph will probably count for a call; its answer has the actual number."""
    path, query = _parts(call)
    # Reading several objects by id is a POST, but costs as a read.
    if call.method != "GET" and not path.endswith("/getByIds"):
        return 1
    units = next((cost for pattern, cost in _LISTED if pattern.search(path)), 1)
    top = query.get("$top", "")
    cheaper = ("$select" in query) + (top.isdecimal() and int(top) < _SMALL_PAGE)
    return max(1, units - cheaper + ("$expand" in query))


def _parts(call: Call) -> tuple[str, Mapping[str, str]]:
    """Path and options of a call, which a nextLink carries in one text."""
    if "?" not in call.path:
        return call.path, call.query
    link = urlsplit(call.path)
    return link.path, dict(parse_qsl(link.query))
