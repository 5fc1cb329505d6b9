"""Puts the token on requests to Graph, and on no others."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator

import httpx

from graph_client.error_body import read_error
from graph_client.errors import HostRefused
from graph_client.hints import Refusal, is_stale_token
from graph_client.protocol import same_origin
from graph_client.redaction import learn_secrets

from .tokens import TokenProvider

__all__ = ["BearerAuth"]


class BearerAuth(httpx.Auth):
    """Authorizes requests to one origin; a token that Graph calls invalid is renewed once."""

    def __init__(self, tokens: TokenProvider, graph_url: str) -> None:
        self._tokens = tokens
        self._graph_url = graph_url

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Add the token; on a 401 that a new token may cure, once more with a new one."""
        if not same_origin(str(request.url), self._graph_url):
            raise HostRefused(f"refused to send the token to {request.url.host}", verb=request.method)
        token = await self._tokens.token()
        learn_secrets(token)
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        # httpx reads the body for the synchronous form of this method only.
        await response.aread()
        if not _is_stale(request, response):
            return
        renewed = await self._tokens.renew(token)
        if renewed != token:
            learn_secrets(renewed)
            request.headers["Authorization"] = f"Bearer {renewed}"
            request.headers["client-request-id"] = str(uuid.uuid4())
            yield request


def _is_stale(request: httpx.Request, response: httpx.Response) -> bool:
    if response.status_code != 401:
        return False
    body = read_error(response.headers, response.content)
    path = request.url.path
    return is_stale_token(Refusal(request.method, path, 401, body.code or "", body.message or ""))
