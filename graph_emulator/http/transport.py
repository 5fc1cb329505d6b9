"""The way in for this process: an httpx transport."""

import asyncio
from collections.abc import Callable

import httpx

from graph_emulator.wire.messages import Request, Response


class EmulatorTransport(httpx.AsyncBaseTransport):
    """Carries httpx requests to the emulator without a network; any host name is the tenant's."""

    def __init__(self, handle: Callable[[Request], Response]) -> None:
        self._handle = handle

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request; a dropped connection is the error that httpx would see."""
        body = await request.aread()
        path, _, query = request.url.raw_path.partition(b"?")
        root = f"{request.url.scheme}://{request.url.netloc.decode()}"
        headers = {name.lower(): value for name, value in request.headers.items()}
        response = self._handle(Request(request.method, path.decode(), query.decode(), headers, body, root))
        if response.delay_seconds:
            await asyncio.sleep(response.delay_seconds)
        if response.reset:
            raise httpx.ReadError("connection reset by the emulator", request=request)
        return httpx.Response(response.status, headers=response.headers, content=response.body)
