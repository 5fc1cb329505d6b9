"""Tokens: what gives one, and what stands in one."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any, Protocol

from graph_client.error_body import read_json

__all__ = ["StaticTokens", "TokenClaims", "TokenProvider"]


class TokenProvider(Protocol):
    """Gives bearer tokens for one Graph root."""

    async def token(self) -> str:
        """A token that should be good.

        Raises:
            AuthFailed: when none can be had.
        """
        ...

    async def renew(self, rejected: str) -> str:
        """A token in place of one that Graph rejected; the same text when there is no other.

        Raises:
            AuthFailed: when none can be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class StaticTokens:
    """One fixed token, for a caller that has its own way to sign in."""

    value: str = field(repr=False)

    async def token(self) -> str:
        """The token."""
        return self.value

    async def renew(self, rejected: str) -> str:  # noqa: ARG002  # the protocol's signature
        """The same token: there is no other."""
        return self.value


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """Who the token says we are; nothing is known of an opaque token.

    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """

    tenant_id: str | None = None
    app_id: str | None = None
    object_id: str | None = None
    roles: frozenset[str] = frozenset()

    @classmethod
    def of(cls, token: str) -> TokenClaims:
        """The claims of a token, unverified: Graph verifies, we only want to tell the user early."""
        payload = _payload(token)
        roles = payload.get("roles")
        return cls(
            tenant_id=_text(payload, "tid"),
            app_id=_text(payload, "appid") or _text(payload, "azp"),
            object_id=_text(payload, "oid"),
            roles=frozenset(r for r in roles if isinstance(r, str)) if isinstance(roles, list) else frozenset(),
        )


def _payload(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        value = read_json(base64.urlsafe_b64decode(padded.encode("ascii", "strict")))
    except (ValueError, binascii.Error):
        return {}
    return value if isinstance(value, dict) else {}


def _text(payload: dict[str, Any], name: str) -> str | None:
    value = payload.get(name)
    return value if isinstance(value, str) and value else None
