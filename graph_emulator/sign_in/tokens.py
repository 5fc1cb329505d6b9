"""Access tokens and permissions: issued at sign-in, checked for every request."""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Any

import orjson

from graph_emulator.settings import Client, EmulatorSettings
from graph_emulator.wire.problems import GraphProblem, forbidden, forbidden_synchronization, unauthenticated

SPARED_STRIKES = 4
"""How many random faults spare a token that replaces a rejected one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity that sends a request."""

    app_id: str
    object_id: str
    roles: frozenset[str]
    refused_from: float


class TokenIssuer:
    """Issues access tokens and recognises its own.

    The signature is a keyed hash: Graph's access tokens are opaque to everyone but Graph.
    """

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        # Not seeded: tokens of one run must not be valid in another.
        self._key = os.urandom(32)
        # By the whole token, which needs no verification then: what is not in here was not issued here.
        self._known: dict[str, Caller] = {}
        self._made = 0
        self._refused: set[str] = set()
        self._spared: dict[str, int] = {}

    def make(self, client: Client, object_id: str, audience: str, now: float) -> str:
        """A token for an authenticated client."""
        settings = self._settings
        self._made += 1
        expires = now + settings.token_lifetime_seconds
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{settings.tenant_id}/",
            "iat": int(now),
            "nbf": int(now),
            "exp": int(expires),
            "appid": client.client_id,
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "roles": list(client.roles),
            "tid": settings.tenant_id,
            "uti": f"{self._made:022d}",
            "ver": "1.0",  # Graph's tokens are version 1, with `appid`
        }
        token = self._sign({"typ": "JWT", "alg": "HS256", "kid": "emulator"}, claims)
        valid = settings.token_valid_seconds
        refused_from = expires if valid is None else min(now + valid, expires)
        self._known[token] = Caller(client.client_id, object_id, frozenset(client.roles), refused_from)
        # A replacement for a rejected token must work at least once, or renewing could never succeed.
        if self._refused:
            self._spared[token] = SPARED_STRIKES
        return token

    def refuse(self, authorization: str | None) -> bool:
        """Reject a token from now on.

        Returns:
            False for a token that has just replaced a rejected one: renewing once must be enough, even for the
            requests that were in flight with the old token.
        """
        token = (authorization or "").partition(" ")[2]
        left = self._spared.get(token, 0)
        if left:
            self._spared[token] = left - 1
            return False
        if token in self._known:
            self._refused.add(token)
        return True

    def knows(self, authorization: str | None) -> bool:
        """Whether a token was issued here, even if it has expired since."""
        return (authorization or "").partition(" ")[2] in self._known

    def _sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        text = f"{_encode(orjson.dumps(header))}.{_encode(orjson.dumps(claims))}"
        return f"{text}.{_encode(hmac.new(self._key, text.encode(), hashlib.sha256).digest())}"

    def caller(self, authorization: str | None, now: float) -> Caller:
        """The caller of a request.

        Raises:
            GraphProblem: 401, the token is missing, foreign or expired.
        """
        if not authorization:
            raise unauthenticated("Access token is empty.")
        scheme, _, token = authorization.partition(" ")
        caller = self._known.get(token)
        if caller is None or scheme.lower() != "bearer":
            # Graph distinguishes a text that is no JWT from a JWT that it did not issue.
            if token.count(".") != 2:
                raise unauthenticated("IDX14100: JWT is not well formed, there are no dots (.).")
            raise unauthenticated("Access token validation failure. Invalid signature.")
        if now >= caller.refused_from or token in self._refused:
            raise _expired()
        return caller


def _expired() -> GraphProblem:
    return unauthenticated("Lifetime validation failed, the token is expired.")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


Permission = tuple[frozenset[str], ...]


def _any_of(*names: str) -> frozenset[str]:
    return frozenset(names)


_READ = _any_of(
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)

ANY_TOKEN: Permission = ()
READ_APPLICATIONS: Permission = (_READ,)
WRITE_APPLICATIONS: Permission = (_any_of("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"),)
WRITE_PRINCIPALS: Permission = (
    _any_of("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All"),
)
INSTANTIATE: Permission = WRITE_PRINCIPALS
ASSIGN: Permission = (_any_of("AppRoleAssignment.ReadWrite.All"), _READ)
ADD_OWNER: Permission = (*WRITE_PRINCIPALS, _any_of("Directory.Read.All", "Directory.ReadWrite.All"))
READ_DELETED: Permission = (_READ,)
READ_SYNCHRONIZATION: Permission = (
    _any_of("Application.ReadWrite.OwnedBy", "Synchronization.Read.All", "Synchronization.ReadWrite.All"),
)
WRITE_SYNCHRONIZATION: Permission = (_any_of("Application.ReadWrite.OwnedBy", "Synchronization.ReadWrite.All"),)
# The only permissions that no other one includes.
ALL_SYNCHRONIZATION: Permission = (_any_of("Synchronization.ReadWrite.All"),)
PATCH_JOB = ALL_SYNCHRONIZATION
DISCOVER: Permission = (_any_of("Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All"),)
_READ_POLICIES = _any_of(
    "Policy.Read.ApplicationConfiguration", "Policy.Read.All", "Policy.ReadWrite.ApplicationConfiguration"
)
READ_POLICIES: Permission = (_READ_POLICIES,)
WRITE_POLICIES: Permission = (_any_of("Policy.ReadWrite.ApplicationConfiguration"),)
READ_ASSIGNED_POLICIES: Permission = (_READ, _READ_POLICIES)
ASSIGN_POLICY: Permission = (*WRITE_PRINCIPALS, _READ_POLICIES)
READ_PARTNERS: Permission = (_any_of("Policy.Read.All", "Policy.ReadWrite.CrossTenantAccess"),)
WRITE_PARTNERS: Permission = (_any_of("Policy.ReadWrite.CrossTenantAccess"),)
READ_LOGS: Permission = (_any_of("ProvisioningLog.Read.All", "AuditLog.Read.All", "Directory.Read.All"),)
READ_AUDITS: Permission = (_any_of("AuditLog.Read.All", "Directory.Read.All"),)
READ_USERS: Permission = (_any_of("User.Read.All", "User.ReadBasic.All", "Directory.Read.All"),)
READ_GROUPS: Permission = (_any_of("Group.Read.All", "GroupMember.Read.All", "Directory.Read.All"),)


def check(caller: Caller, permission: Permission, *, synchronization: bool) -> bool:
    """Check the permission of a caller.

    Returns:
        Whether the caller may only access objects that it owns.

    Raises:
        GraphProblem: 403, or on synchronization paths a 401 like that for an invalid token.
    """
    owned_only = False
    for group in permission:
        held = group & caller.roles
        if not held:
            raise forbidden_synchronization() if synchronization else forbidden()
        # One permission without the restriction lifts it.
        owned_only = owned_only or all(name.endswith(".OwnedBy") for name in held)
    return owned_only
