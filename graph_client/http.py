"""Requests on the wire to Graph: connections, headers, time limits, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import logging
import uuid
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from graph_client.call import Call
from graph_client.clock import Clock, ServerClock
from graph_client.errors import GraphError, TransportFailed, UnreadableAnswer
from graph_client.protocol import Answer, encode_body, path_on_wire, same_origin
from graph_client.redaction import learn_url_password, mask
from graph_client.settings import GraphSettings, shared_ssl_context
from graph_client.sign_in.tokens import BearerAuth, TokenProvider

__all__ = ["GraphHttp"]


logger = logging.getLogger(__name__)

# Raised before a byte of the request leaves: the connection itself failed, or none was free.
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

# Graph's gateway refuses these without the header, body or not: "Write requests (excluding DELETE) must contain the
# Content-Type header declaration." https://learn.microsoft.com/graph/use-the-api#http-methods
_WITH_CONTENT_TYPE = frozenset({"POST", "PATCH", "PUT"})


class GraphHttp:
    """Sends a call once, authorized, and returns whatever came back.

    Args:
        settings: where Graph is, and the time limits.
        tokens: the source of tokens.
        clock: monotonic seconds.
        server_clock: learns the time from each answer.
        transport: the seam for tests and for the embedded tenant.
    """

    def __init__(
        self,
        settings: GraphSettings,
        tokens: TokenProvider,
        clock: Clock,
        server_clock: ServerClock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.requests_sent = 0
        self.requests_throttled = 0
        self._settings = settings
        self._clock = clock
        self._server_clock = server_clock
        learn_url_password(settings.proxy_url)
        # A connection for each request in flight: otherwise some would wait for one and run into the pool's timeout.
        limits = httpx.Limits(
            max_connections=settings.requests_in_flight, max_keepalive_connections=settings.requests_in_flight
        )
        self._http = httpx.AsyncClient(
            auth=BearerAuth(tokens, settings.graph_url),
            headers={"User-Agent": settings.user_agent, "Accept": "application/json"},
            verify=shared_ssl_context(settings) if transport is None else True,  # httpx ignores it with a transport
            transport=transport,
            proxy=settings.proxy_for(settings.graph_url) if transport is None else None,
            mounts=_sign_in_mounts(settings, limits) if transport is None else None,
            limits=limits,
            # Counted below the sign-in: a 401 that is answered with a new token is two requests.
            event_hooks={"request": [self._count]},
            # Each request stands alone: a gateway's cookie must not decide where the next one goes.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            # `protocol.decode` refuses redirects: none of our calls has one.
            follow_redirects=False,
            # The settings decide: httpx would also take proxies and `.netrc` from the environment.
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call, url: str) -> Answer:
        """Send a call once.

        Raises:
            TransportFailed: when there is no answer.
            UnreadableAnswer: when the answer cannot be decompressed.
            AuthFailed: when no token can be obtained.
        """
        request = self._http.build_request(
            call.method,
            url,
            content=encode_body(call),
            headers=_headers(call),
            timeout=_limits(self._settings, call),
        )
        started, sent = self._clock(), self._server_clock.read_wall_clock()
        try:
            # httpx limits each read, not their sum: an answer that trickles in would never time out.
            async with asyncio.timeout(self._settings.attempt_timeout_seconds):
                # The token is for Graph alone.
                response = await self._http.send(request, auth=None if call.public else httpx.USE_CLIENT_DEFAULT)
        except httpx.DecodingError:
            raise _undecodable(call, url) from None
        except httpx.RequestError as error:
            raise _no_answer(call, url, request, error) from None
        except TimeoutError as error:
            raise _no_answer(call, url, request, error) from None
        _log(call, url, response, self._clock() - started)
        self.requests_throttled += response.status_code == HTTPStatus.TOO_MANY_REQUESTS
        # Graph's date is a moment between sending and receiving.
        received = self._server_clock.read_wall_clock()
        self._server_clock.learn(response.headers.get("date"), sent, received)
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=response.content,
            received=received,
            client_request_id=request.headers["client-request-id"],
        )

    async def _count(self, request: httpx.Request) -> None:  # noqa: ARG002  # httpx gives it
        self.requests_sent += 1


def _sign_in_mounts(settings: GraphSettings, limits: httpx.Limits) -> dict[str, httpx.AsyncBaseTransport]:
    """The connections to the sign-in endpoint, which may be reached through another proxy than Graph."""
    proxy = settings.proxy_for(settings.authority)
    # One transport is enough unless NO_PROXY treats the two hosts differently.
    if same_origin(settings.authority, settings.graph_url) or proxy == settings.proxy_for(settings.graph_url):
        return {}
    return {
        settings.authority: httpx.AsyncHTTPTransport(
            verify=shared_ssl_context(settings), limits=limits, proxy=proxy, trust_env=False
        )
    }


def _headers(call: Call) -> dict[str, str]:
    # Ours, so that it is known for a request that gets no answer, too.
    headers = {"client-request-id": str(uuid.uuid4()), **call.headers}
    if call.method in _WITH_CONTENT_TYPE:
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
    # The text may be a proxy's refusal, and quote what the proxy received.
    text = mask(str(error), call.secrets)
    reason = f"{error.__class__.__name__}: {text}" if text else error.__class__.__name__
    # httpx has no class of its own for this; the word is OpenSSL's.
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
        may_have_happened=not nothing_sent and call.method != "GET",  # a lost answer is not a failed write
    )
    failed.nothing_sent = nothing_sent
    # A certificate does not become trusted by trying again.
    failed.heals = not distrust
    return failed


def _undecodable(call: Call, url: str) -> GraphError:
    return UnreadableAnswer(
        "the answer cannot be decompressed",
        verb=call.method,
        path=path_on_wire(url),
        hint="check any proxy on the way",
        may_have_happened=call.method != "GET",
    )


def _log(call: Call, url: str, response: httpx.Response, elapsed_seconds: float) -> None:
    logger.debug(
        "%s %s: %s in %.3f s, request-id %s",
        call.method,
        path_on_wire(url),
        response.status_code,
        elapsed_seconds,
        mask(response.headers.get("request-id", ""), call.secrets),
    )
