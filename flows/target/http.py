"""GET requests to target systems: bounded in size and time, with a token that goes nowhere else."""

import asyncio
import ssl
import time
import zlib
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self, cast

import httpx

from flows.base_error import EntraFleetError
from flows.target.address import AddressGuard, AddressRefused, Resolver, TargetAddress, resolve_host
from graph_client import GraphSettings
from graph_client.error_body import read_json
from graph_client.redaction import learn_url_password, mask
from graph_client.settings import ssl_context

_QUOTED_MAX = 200


@dataclass(frozen=True)
class TargetLimits:
    """How much of a target is asked and taken."""

    seconds: float = 30.0
    """For one request, from the connection to the last byte."""
    slow_seconds: float = 5.0
    """An answer that takes longer is worth a warning."""
    bytes_max: int = 1_048_576
    """Of one answer, decompressed."""
    at_once_per_host: int = 5


@dataclass(frozen=True)
class TargetAnswer:
    """What came back."""

    status: int
    content_type: str
    """Without parameters, in lower case."""
    value: Any
    """The JSON value; None where there is none."""
    readable: bool
    """Whether the body was JSON, and whole."""
    cut: bool
    """Whether there was more than is taken."""
    seconds: float
    date: datetime | None
    location: str
    """Where a redirect leads: redacted, and never followed."""
    detail: str
    """What an error says: redacted."""


class NoAnswer(EntraFleetError):
    """A target that cannot be asked: what happened and what to do, both safe to show."""


class TargetHttp:
    """Sends to targets; leave the `async with` to close the connections.

    Args:
        settings: TLS trust and proxy.
        guard: Which hosts may be contacted.
        limits: How much is asked and taken.
        transport: The seam for tests.
        resolve: How names become IP addresses.
        clock: Monotonic seconds.

    Raises:
        BadSettings: The CA file or the proxy cannot be used.
    """

    def __init__(
        self,
        settings: GraphSettings,
        guard: AddressGuard | None = None,
        limits: TargetLimits | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        resolve: Resolver = resolve_host,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or TargetLimits()
        self.requests_sent = 0
        self._settings = settings
        self._guard = guard or AddressGuard()
        self._transport = transport
        self._resolve = resolve
        self._clock = clock
        self._context = _trust(settings) if transport is None else True
        self._gates: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(self.limits.at_once_per_host))
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._running = AsyncExitStack()
        learn_url_password(settings.proxy_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def get(self, address: TargetAddress, token: str | None, path: str, **parameters: str | int) -> TargetAnswer:
        """Ask a target once.

        Args:
            address: The target.
            token: Sent as a bearer token, as Entra does.
            path: Below the address.
            parameters: Of the query.

        Raises:
            NoAnswer: There is none, or the host may not be contacted.

        Source: https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups
        """
        url = address.locate(path, **parameters)
        # By host: many instances often have one target system, which must not be overrun.
        async with self._gates[address.host]:
            self.requests_sent += 1
            started = self._clock()
            try:
                async with asyncio.timeout(self.limits.seconds):
                    return await self._send(address, url, token, started)
            except AddressRefused as refused:
                raise NoAnswer(f"its address {refused.message}", refused.hint) from None
            except TimeoutError:
                raise _silent(self.limits.seconds) from None
            except (httpx.RequestError, httpx.InvalidURL, OSError) as error:
                raise _explain(error) from None

    async def _send(self, address: TargetAddress, url: str, token: str | None, started: float) -> TargetAnswer:
        proxy = self._settings.proxy_for(url)
        ip = await self._guard.choose_ip(address, self._resolve, proxied=proxy is not None)
        client = self._client(address.host, proxy)
        request = client.build_request("GET", url, headers=_headers(token))
        if ip:
            # The name stays in Host and in TLS, where the certificate is checked against it.
            request.url = request.url.copy_with(host=ip)
            request.extensions["sni_hostname"] = address.host
        response = await client.send(request, stream=True)
        try:
            raw = await self._take(response)
            return self._read(response, raw, self._clock() - started)
        finally:
            await response.aclose()

    async def _take(self, response: httpx.Response) -> bytes:
        """Return the body as it came, up to one chunk more than is taken."""
        raw = bytearray()
        # Not `aiter_bytes`: it unpacks whole chunks, however large they become.
        async for chunk in cast("httpx.AsyncByteStream", response.stream):
            raw += chunk
            # The connection is closed with the rest unread.
            if len(raw) > self.limits.bytes_max:
                break
        return bytes(raw)

    def _read(self, response: httpx.Response, raw: bytes, seconds: float) -> TargetAnswer:
        content, cut = _decompress(response.headers.get("content-encoding", ""), raw, self.limits.bytes_max)
        try:
            value = None if cut else read_json(content)
            readable = not cut
        except ValueError:
            value, readable = None, False
        error = value if isinstance(value, dict) and response.status_code >= 400 else {}
        return TargetAnswer(
            status=response.status_code,
            # Redacted before it is cut at the first parameter.
            content_type=quote_text(response.headers.get("content-type", "")).partition(";")[0].strip().lower(),
            value=value,
            readable=readable,
            cut=cut,
            seconds=seconds,
            date=_read_date(response.headers.get("date", "")),
            location=quote_text(response.headers.get("location", "")).partition("?")[0],
            detail=quote_text(str(error.get("detail") or "")),
        )

    def _client(self, host: str, proxy: str | None) -> httpx.AsyncClient:
        # One for each name: connections are kept by IP address, and two names may share one whose certificate was
        # checked for the other.
        if host not in self._clients:
            client = httpx.AsyncClient(
                transport=self._transport,
                verify=self._context,
                proxy=proxy if self._transport is None else None,
                timeout=httpx.Timeout(self.limits.seconds),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                follow_redirects=False,
                trust_env=False,
            )
            self._running.push_async_callback(client.aclose)
            self._clients[host] = client
        return self._clients[host]


def _headers(token: str | None) -> dict[str, str]:
    headers = {
        "Accept": "application/scim+json, application/json",
        # Compression is not asked for; a target that compresses nevertheless is read within the same limit.
        "Accept-Encoding": "identity",
        "User-Agent": "entra-fleet check",
    }
    return headers | ({"Authorization": f"Bearer {token}"} if token is not None else {})


def _trust(settings: GraphSettings) -> ssl.SSLContext:
    context = ssl_context(settings)
    # "The only acceptable protocol version is TLS 1.2": a target without it would be reached from here alone.
    # https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups#security-requirements
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def quote_text(text: str) -> str:
    """Return what a target said: redacted whole, then on one line and cut."""
    return " ".join(mask(text).split())[:_QUOTED_MAX]


def _decompress(encoding: str, raw: bytes, bytes_max: int) -> tuple[bytes, bool]:
    """Return the body, and whether it is cut; a small answer may unpack to gigabytes."""
    if encoding.lower() in ("gzip", "x-gzip", "deflate"):
        unpacker = zlib.decompressobj(wbits=47)  # gzip or zlib, as the header of the data says
        try:
            content = unpacker.decompress(raw[: bytes_max + 1], bytes_max + 1)
        except zlib.error:
            return b"", False
        return content[:bytes_max], len(content) > bytes_max or len(raw) > bytes_max
    return raw[:bytes_max], len(raw) > bytes_max


def _read_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _silent(seconds: float) -> NoAnswer:
    return NoAnswer(
        f"gave no whole answer within {seconds:g} seconds",
        "Check that the target is up, and that it is reachable from the internet, where Entra ID calls from.",
    )


def _explain(error: Exception) -> NoAnswer:
    # A proxy's refusal is in it, and may quote what it got.
    text = quote_text(str(error)) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        what = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or "it is not trusted"
        return NoAnswer(
            f"has a certificate that is refused: {what}",
            "Use a certificate of a public authority for this very name, with its intermediates.",
        )
    if "SSL" in text or "TLS" in text:
        return NoAnswer(f"does not speak TLS 1.2, the version Entra ID uses: {text}", "Enable TLS 1.2 on the target.")
    return NoAnswer(
        f"gave no answer: {text}", "Check host and port, and that the target is reachable from the internet."
    )
