"""The one way to Graph: calls are paced, retried where that is safe, and decoded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import httpx

from graph_client.call import Call
from graph_client.clock import Clock, ServerClock, Sleep, WallClock, read_utc_now
from graph_client.errors import BadRequest, Forbidden, GraphStatusError, NotFound, Unauthorized
from graph_client.hints import is_bodyless_refusal, missing, refusal_of
from graph_client.http import GraphHttp
from graph_client.protocol import Answer, build_url, decode, query_string
from graph_client.replication import FreshObjects, is_checking
from graph_client.retry import Retrying
from graph_client.settings import GraphSettings
from graph_client.sign_in.tokens import TokenClaims, TokenProvider
from graph_client.throttling.pacing import Pacing

__all__ = ["Sender", "Session"]

SendOnce = Callable[[Call], Awaitable[Any]]


class Session:
    """Sends calls: paced, authorized, retried where that is safe, decoded."""

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
        self.settings = settings
        self.server_clock = ServerClock(wall_clock)
        self.fresh_objects = FreshObjects(settings.fresh_object_seconds, clock, self.server_clock.now)
        self._tokens = tokens
        # One pacing for all calls of a session, batched ones too: Graph's limits count them together.
        self._pacing = Pacing(settings, sleep, clock)
        self._retrying = Retrying(settings, sleep, clock)
        self._http = GraphHttp(settings, tokens, clock, self.server_clock, transport)

    async def request(self, call: Call, send_once: SendOnce | None = None) -> Any:
        """The decoded answer of a call: a dict, or None where nothing is expected.

        Args:
            call: what to send.
            send_once: sends one attempt; by default as a request of its own.

        Raises:
            GraphError: see the tree in `errors`.
        """
        send_once = send_once or self.send_once
        answer = None
        try:
            async for attempt in self._retrying.attempts(call):
                with attempt:
                    # Inside the attempt: this wait counts against the retry budget of the call.
                    await self._pacing.until_resumed(call)
                    try:
                        answer = await send_once(call)
                    except GraphStatusError as error:
                        await self._interpret(call, error)
                        raise
        except NotFound as error:
            # An earlier attempt deleted it, and its answer was lost.
            if call.method != "DELETE" or not error.may_have_happened:
                raise
        # From now on a 404 for this path is the truth, and no longer a replica that is behind.
        if call.method == "DELETE":
            self.fresh_objects.remove(call.path)
        return answer

    @property
    def requests_sent(self) -> int:
        """Requests on the wire so far."""
        return self._http.requests_sent

    @property
    def requests_throttled(self) -> int:
        """Those that Graph answered with 429."""
        return self._http.requests_throttled

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def url_of(self, call: Call) -> str:
        """The absolute URL of a call; see `protocol.build_url`."""
        if call.public:
            query = query_string(call.query)
            return f"{self.settings.authority}{call.path}" + (f"?{query}" if query else "")
        return build_url(self.settings.graph_url, self.settings.api_version, call)

    async def send_once(self, call: Call) -> Any:
        """Send a call once and decode its answer; a write refused for its empty body is sent again with `{}`."""
        try:
            return self.decoded(call, await self.exchange(call, (call,)))
        except BadRequest as error:
            if call.body is not None or not is_bodyless_refusal(refusal_of(error)):
                raise
        # The gateway refused it before the service saw it, so this is safe for every call.
        # Not at once with `{}`: Microsoft documents start and pause without a body.
        filled = replace(call, body={})
        return self.decoded(filled, await self.exchange(filled, (filled,)))

    async def exchange(self, call: Call, counted: Sequence[Call]) -> Answer:
        """Send a request once.

        Args:
            call: what to send.
            counted: what Graph counts it as: itself, or the calls it carries.
        """
        url = self.url_of(call)
        async with self._pacing.admit(counted):
            return await self._http.send(call, url)

    def decoded(self, call: Call, answer: Answer) -> Any:
        """The value of an answer; an answer that asks for a pause delays the calls after it.

        Raises:
            GraphError: see `protocol.decode`.
        """
        url = self.url_of(call)
        # Before decoding: a refusal also shows how much of the limits is used.
        self._pacing.learn(call, answer)
        try:
            return decode(call, url, answer)
        except GraphStatusError as error:
            self._pacing.pause(call, answer, error)
            raise

    async def _interpret(self, call: Call, error: GraphStatusError) -> None:
        """Decide what an error means, by what is new and by what the token permits."""
        left = self.fresh_objects.seconds_left(call.path)
        if isinstance(error, Unauthorized):
            # A 401 of the synchronization service is also how it denies a permission: without a fresh object, waiting
            # would not help.
            error.not_yet = error.not_yet and left > 0
        if isinstance(error, (Unauthorized, Forbidden)):
            error.not_yet = error.not_yet and await self._may_be_permitted(call)
        # Within `wait_until` the check decides what "not yet" means, so no call inside it waits on its own.
        error.grace_seconds_left = 0.0 if is_checking() else left

    async def _may_be_permitted(self, call: Call) -> bool:
        claims = TokenClaims.of(await self._tokens.token())
        # Tokens are opaque to clients: one that cannot be read proves nothing about its permissions.
        opaque = claims.tenant_id is None and not claims.roles
        return opaque or not missing(call.method, call.path, claims.roles)


class Sender(Protocol):
    """Sends calls and decodes their answers."""

    @property
    def settings(self) -> GraphSettings:
        """Where Graph is, page sizes, time limits."""

    @property
    def fresh_objects(self) -> FreshObjects:
        """The objects that were created minutes ago."""

    async def request(self, call: Call) -> Any:
        """The decoded answer of a call: a dict, or None where nothing is expected.

        Raises:
            GraphError: see the tree in `errors`.
        """
