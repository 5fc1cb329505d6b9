"""The client: Graph's resources over one session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import httpx

from graph_client.batch import BatchedSession
from graph_client.clock import Clock, Sleep, WallClock, read_utc_now
from graph_client.replication import wait_until
from graph_client.resources import Resources
from graph_client.session import Session
from graph_client.settings import GraphSettings
from graph_client.sign_in.tokens import TokenClaims, TokenProvider

__all__ = ["GraphClient"]

T = TypeVar("T")


class GraphClient(Resources):
    """Microsoft Graph for one tenant; an async context manager that closes its connections.

    Args:
        settings: the addresses, time limits and budgets.
        tokens: the source of tokens; not closed by the client.
        transport: the seam for tests and for the embedded tenant.
        sleep: waits between attempts; tests pass one that returns immediately.
        clock: monotonic seconds.
        wall_clock: this machine's clock, aware and in UTC.
    """

    def __init__(
        self,
        settings: GraphSettings,
        tokens: TokenProvider,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = time.monotonic,
        wall_clock: WallClock = read_utc_now,
    ) -> None:
        self._tokens = tokens
        self._sleep = sleep
        self._clock = clock
        self._session = Session(settings, tokens, transport=transport, sleep=sleep, clock=clock, wall_clock=wall_clock)
        super().__init__(self._session)
        self._batched_session = BatchedSession(self._session)
        self._batched = Resources(self._batched_session)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        # First: its batches still use the connections of the session.
        await self._batched_session.aclose()
        await self._session.aclose()

    @property
    def settings(self) -> GraphSettings:
        """The settings of the client."""
        return self._session.settings

    @property
    def batched(self) -> Resources:
        """The same resources, but reads that are awaited together share requests, up to twenty in one.

        For example `await gather(*(graph.batched.synchronization.jobs(id_) for id_ in ids))`.

        https://learn.microsoft.com/graph/json-batching
        """
        return self._batched

    @property
    def requests_sent(self) -> int:
        """Requests to Graph on the wire so far: retries count, a batch counts as one, sign-in does not count."""
        return self._session.requests_sent

    @property
    def requests_throttled(self) -> int:
        """How many of them Graph answered with 429; the parts of a batch do not count."""
        return self._session.requests_throttled

    @property
    def clock_skew_seconds(self) -> float | None:
        """How far this machine's clock is ahead of Graph's, by the Date header of the answers; None before the first.

        The header has whole seconds; a skew smaller than it can prove is 0.
        """
        return self._session.server_clock.skew_seconds

    def now(self) -> datetime:
        """The time at Graph, in UTC: this machine's clock, corrected by the Date header of the last answer."""
        return self._session.server_clock.now()

    def note_created(self, *ids: str | None) -> None:
        """Record that the objects with these ids have just been created, where Graph's answer was lost.

        Graph may deny a new object until it is replicated: calls about it are retried for up to ten minutes after
        its creation. The client already knows the objects that it created itself and those that Graph reports as new.
        """
        self._session.fresh_objects.add(*ids)

    async def claims(self) -> TokenClaims:
        """The identity in the token; signs in, but sends nothing to Graph.

        Raises:
            AuthFailed: when the sign-in fails.
        """
        return TokenClaims.of(await self._tokens.token())

    async def wait_until(
        self,
        check: Callable[[], Awaitable[T | None]],
        *,
        seen: int = 2,
        within_seconds: float = 600.0,
        interval_seconds: float | None = None,
    ) -> T:
        """The value of `check` after `seen` good reads (not None); each bad read cancels one good read.

        Raises:
            WaitExpired: after `within_seconds`.
            GraphError: what `check` raises, unless a new object explains it (see `errors`).
        """
        settings = self.settings
        return await wait_until(
            check,
            seen=seen,
            within_seconds=within_seconds,
            interval_seconds=interval_seconds or settings.grace_interval_seconds,
            longest_interval_seconds=max(interval_seconds or 0.0, settings.longest_grace_interval_seconds),
            sleep=self._sleep,
            clock=self._clock,
        )
