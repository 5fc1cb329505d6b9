"""The one place that sends."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx

from .bearer import BearerAuth
from .call import Call
from .errors import GraphError, NotFound, Throttled, TransportFailed, UnreadableAnswer
from .pacing import Pacing
from .protocol import Answer, content_of, decode, path_on_wire, url_of
from .retry import Clock, Retrying, Sleep
from .server_clock import ServerClock, WallClock, read_utc_now
from .settings import GraphSettings
from .tls import ssl_context
from .tokens import TokenProvider
from .wait import wait_until

__all__ = ["Session"]

T = TypeVar("T")
Attempt = Callable[[Call], Awaitable[Any]]
logger = logging.getLogger(__name__)

# Raised before a byte of the request leaves: the connection itself failed, or none was free.
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Session:
    """Sends calls: paced, authorized, repeated where that is safe, decoded."""

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
        self.requests_sent = 0
        self.server_clock = ServerClock(wall_clock)
        self._sleep = sleep
        self._clock = clock
        self._pacing = Pacing(settings, sleep, clock)
        self._retrying = Retrying(settings, sleep, clock)
        self._http = _http_client(settings, tokens, transport, self._count)

    async def request(self, call: Call, attempt: Attempt | None = None) -> Any:
        """The decoded answer of a call: a dict, or None where nothing is expected.

        Args:
            call: what to send.
            attempt: another way to send it than by itself.

        Raises:
            GraphError: see the tree in `errors`.
        """
        send = attempt or self.attempt
        try:
            return await self._retrying.run(call, lambda: send(call))
        except NotFound as error:
            # An earlier attempt got lost on its way back, but did its work.
            if call.method == "DELETE" and error.may_have_happened:
                return None
            raise

    async def wait_until(
        self,
        check: Callable[[], Awaitable[T | None]],
        *,
        seen: int = 2,
        within_seconds: float = 600.0,
        interval_seconds: float | None = None,
    ) -> T:
        """See `wait.wait_until`."""
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

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def url_of(self, call: Call) -> str:
        """The absolute URL of a call; see `protocol.url_of`."""
        return url_of(self.settings.graph_url, self.settings.api_version, call)

    async def attempt(self, call: Call) -> Any:
        """Send a call once, and decode its answer."""
        return self.decoded(call, await self.exchange(call, (call,)))

    async def exchange(self, call: Call, counted: Sequence[Call]) -> Answer:
        """Send a request once.

        Args:
            call: what to send.
            counted: what Graph counts it as: itself, or the calls it carries.
        """
        url = self.url_of(call)
        async with self._pacing.admit(counted):
            return await self._send(call, url)

    def decoded(self, call: Call, answer: Answer) -> Any:
        """The value of an answer; one that asks for a pause holds back what comes after.

        Raises:
            GraphError: see `protocol.decode`.
        """
        url = self.url_of(call)
        self._pacing.learn(call, answer)
        try:
            return decode(call, url, answer)
        except Throttled as error:
            pause = error.retry_after_seconds
            self._pacing.pause(call, answer, self.settings.first_backoff_seconds if pause is None else pause)
            raise

    async def _send(self, call: Call, url: str) -> Answer:
        request = self._http.build_request(
            call.method,
            url,
            content=content_of(call),
            headers=_headers(call),
            timeout=_limits(self.settings, call),
        )
        started, sent = self._clock(), self.server_clock.read_wall_clock()
        try:
            async with asyncio.timeout(self.settings.attempt_timeout_seconds):
                response = await self._http.send(request)
        except httpx.DecodingError:
            raise _garbled(call, url) from None
        except httpx.RequestError as error:
            raise _no_answer(call, url, request, error) from None
        except TimeoutError as error:
            raise _no_answer(call, url, request, error) from None
        _log(call, url, response, self._clock() - started)
        received = self.server_clock.read_wall_clock()
        self.server_clock.learn(response.headers.get("date"), sent, received)
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=response.content,
            received=received,
            client_request_id=request.headers["client-request-id"],
        )

    async def _count(self, request: httpx.Request) -> None:  # noqa: ARG002  # httpx gives it
        self.requests_sent += 1


def _http_client(
    settings: GraphSettings,
    tokens: TokenProvider,
    transport: httpx.AsyncBaseTransport | None,
    count: Callable[[httpx.Request], Awaitable[None]],
) -> httpx.AsyncClient:
    limits = httpx.Limits(
        max_connections=settings.requests_in_flight, max_keepalive_connections=settings.requests_in_flight
    )
    return httpx.AsyncClient(
        auth=BearerAuth(tokens, settings.graph_url),
        headers={"User-Agent": settings.user_agent, "Accept": "application/json"},
        verify=ssl_context(settings) if transport is None else True,
        transport=transport,
        proxy=settings.proxy_url if transport is None else None,
        limits=limits,
        event_hooks={"request": [count]},
        # Each request stands alone: no state of a gateway decides where the next one goes.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


def _headers(call: Call) -> dict[str, str]:
    headers = {"client-request-id": str(uuid.uuid4()), **call.headers}
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    return headers


def _limits(settings: GraphSettings, call: Call) -> httpx.Timeout:
    return httpx.Timeout(
        connect=settings.connect_timeout_seconds,
        read=call.read_timeout_seconds or settings.read_timeout_seconds,
        write=settings.write_timeout_seconds,
        pool=settings.pool_timeout_seconds,
    )


def _no_answer(call: Call, url: str, request: httpx.Request, error: Exception) -> GraphError:
    text = str(error)
    reason = f"{error.__class__.__name__}: {text}" if text else error.__class__.__name__
    distrust = "CERTIFICATE_VERIFY_FAILED" in text
    nothing_sent = isinstance(error, _NOTHING_SENT)
    failed = TransportFailed(
        f"no answer from {request.url.host}: {reason}",
        verb=call.method,
        path=path_on_wire(url),
        client_request_id=request.headers["client-request-id"],
        hint="trust its CA: name the file in ca_file (SSL_CERT_FILE)"
        if distrust
        else "check graph_url, the network and any proxy",
        may_have_happened=not nothing_sent and call.method != "GET",
    )
    failed.nothing_sent = nothing_sent
    failed.heals = not distrust
    return failed


def _garbled(call: Call, url: str) -> GraphError:
    return UnreadableAnswer(
        "the answer is not compressed as it says",
        verb=call.method,
        path=path_on_wire(url),
        hint="check any proxy between",
        may_have_happened=call.method != "GET",
    )


def _log(call: Call, url: str, response: httpx.Response, elapsed_seconds: float) -> None:
    logger.debug(
        "%s %s: %s in %.3f s, request-id %s",
        call.method,
        path_on_wire(url),
        response.status_code,
        elapsed_seconds,
        response.headers.get("request-id"),
    )
