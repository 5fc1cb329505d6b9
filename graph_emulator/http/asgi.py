"""The two ways to carry requests: ASGI, with connections that really break, and an httpx transport."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graph_emulator.wire.problems import Request, Response

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class TransportProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which also passes its transport to the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add the transport to the state that the application receives."""
        # ASGI knows no way to break a connection, so each request carries its transport.
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)

    def shutdown(self) -> None:
        """Abort an idle connection: an orderly end of TLS would wait for clients that do not read."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            super().shutdown()


class AsgiApp:
    """The ASGI application."""

    def __init__(self, handle: Callable[[Request], Response], root: str, body_limit_bytes: int) -> None:
        self._handle = handle
        self._root = root
        self._limit = body_limit_bytes

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await self._body(receive)
        host = headers.get("host")
        response = self._handle(
            Request(
                scope["method"],
                scope["raw_path"].decode("latin-1"),  # as sent: an escaped slash belongs to a segment
                scope["query_string"].decode("latin-1"),
                headers,
                body,
                # Links lead back to where the client came from, be it localhost or a mapped port.
                f"https://{host}" if host else self._root,
            )
        )
        if response.delay_seconds:
            await asyncio.sleep(response.delay_seconds)
        if response.reset:
            _reset(scope["state"]["transport"])
            return
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
        # A 204 must not have a length: https://www.rfc-editor.org/rfc/rfc9110#section-8.6
        if response.status != 204:
            pairs.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": pairs})
        await send({"type": "http.response.body", "body": response.body})

    async def _body(self, receive: Receive) -> bytes:
        """The whole body; of one that is too long, only enough to see that it is."""
        message = await receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            # Read on, but not kept: an answer before the end of the request would look like a broken connection.
            if len(body) <= self._limit:
                body += message.get("body", b"")
        return body


def _reset(transport: asyncio.Transport) -> None:
    """Break the connection with a TCP reset instead of an orderly end."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # With a linger time of zero, closing sends RST instead of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class EmulatorTransport(httpx.AsyncBaseTransport):
    """Carries httpx requests to the emulator without a network, whatever their host."""

    def __init__(self, handle: Callable[[Request], Response]) -> None:
        self._handle = handle

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request; a dropped connection raises the error that httpx would raise."""
        # As a server would: the body may be a stream.
        body = await request.aread()
        path, _, query = request.url.raw_path.partition(b"?")
        root = f"{request.url.scheme}://{request.url.netloc.decode()}"
        headers = {name.lower(): value for name, value in request.headers.items()}  # ASGI's are lower-case too
        response = self._handle(Request(request.method, path.decode(), query.decode(), headers, body, root))
        if response.delay_seconds:
            await asyncio.sleep(response.delay_seconds)
        if response.reset:
            raise httpx.ReadError("connection reset by the emulator", request=request)
        return httpx.Response(response.status, headers=response.headers, content=response.body)
