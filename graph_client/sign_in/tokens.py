"""Tokens: sign-in methods, providers, claims, and the authorization of requests."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx

from graph_client.error_body import read_error, read_json
from graph_client.errors import HostRefused
from graph_client.hints import Refusal, is_stale_token
from graph_client.protocol import same_origin
from graph_client.redaction import learn_secrets

__all__ = [
    "BearerAuth",
    "Certificate",
    "ClientSecret",
    "FederatedAssertion",
    "ManagedIdentity",
    "SignInMethod",
    "StaticTokens",
    "TokenClaims",
    "TokenProvider",
]


class TokenProvider(Protocol):
    """Provides bearer tokens for one Graph root."""

    async def token(self) -> str:
        """A token that should be valid.

        Raises:
            AuthFailed: when none can be obtained.
        """
        ...

    async def renew(self, rejected: str) -> str:
        """A token to replace one that Graph rejected; the same one when there is no other.

        Raises:
            AuthFailed: when none can be obtained.
        """
        ...


@dataclass(frozen=True, slots=True)
class StaticTokens:
    """A fixed token, for callers that sign in on their own."""

    value: str = field(repr=False)

    async def token(self) -> str:
        """The token."""
        return self.value

    async def renew(self, rejected: str) -> str:  # noqa: ARG002  # the protocol's signature
        """The same token: there is no other."""
        return self.value


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The identity in a token; an opaque token reveals nothing.

    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """

    tenant_id: str | None = None
    app_id: str | None = None
    object_id: str | None = None
    roles: frozenset[str] = frozenset()

    @classmethod
    def of(cls, token: str) -> TokenClaims:
        """The claims of a token, unverified: Graph verifies them, we only report problems early."""
        payload = _payload(token)
        roles = payload.get("roles")
        return cls(
            tenant_id=_text(payload, "tid"),
            # Version 1 tokens, which Graph gets, say `appid`; version 2 says `azp`.
            app_id=_text(payload, "appid") or _text(payload, "azp"),
            object_id=_text(payload, "oid"),
            roles=frozenset(r for r in roles if isinstance(r, str)) if isinstance(roles, list) else frozenset(),
        )


def _payload(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        # A token's base64 comes without padding, which Python needs.
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        value = read_json(base64.urlsafe_b64decode(padded.encode("ascii", "strict")))
    except (ValueError, binascii.Error):
        return {}
    return value if isinstance(value, dict) else {}


def _text(payload: dict[str, Any], name: str) -> str | None:
    value = payload.get(name)
    return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecret:
    """An application and its client secret."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """An application and a PEM file that holds its certificate and private key."""

    client_id: str
    path: Path
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedAssertion:
    """An application, and a source of assertions from an issuer that it trusts.

    `assertion` may block; it is called in a thread for each token request, because assertions last only minutes. See
    `graph_client.sign_in.assertions` for the usual sources.
    """

    client_id: str
    assertion: Callable[[], str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedIdentity:
    """The managed identity of this machine; `client_id` selects a user-assigned one."""

    client_id: str | None = None


SignInMethod = ClientSecret | Certificate | FederatedAssertion | ManagedIdentity


class BearerAuth(httpx.Auth):
    """Authorizes requests to one origin; a token that Graph rejects is renewed once."""

    def __init__(self, tokens: TokenProvider, graph_url: str) -> None:
        self._tokens = tokens
        self._graph_url = graph_url

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Add the token; after a 401 that a new token may resolve, repeat the request with one."""
        if not same_origin(str(request.url), self._graph_url):
            raise HostRefused(f"refused to send the token to {request.url.host}", verb=request.method)
        token = await self._tokens.token()
        learn_secrets(token)
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        # httpx reads the body only in the synchronous form of this method.
        await response.aread()
        if not _is_stale(request, response):
            return
        renewed = await self._tokens.renew(token)
        if renewed != token:
            learn_secrets(renewed)
            request.headers["Authorization"] = f"Bearer {renewed}"
            # One id for each request on the wire, so that Microsoft's support can distinguish the two.
            request.headers["client-request-id"] = str(uuid.uuid4())
            yield request


def _is_stale(request: httpx.Request, response: httpx.Response) -> bool:
    if response.status_code != 401:
        return False
    body = read_error(response.headers, response.content)
    path = request.url.path
    return is_stale_token(Refusal(request.method, path, 401, body.code or "", body.message or ""))
