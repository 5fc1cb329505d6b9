"""Sign-in with MSAL, by any method, outside the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import httpx

from graph_client.clock import Clock, Sleep
from graph_client.errors import AuthFailed
from graph_client.redaction import learn_secrets, mask
from graph_client.retry import Retrying
from graph_client.settings import GraphSettings
from graph_client.sign_in.http import SignInHttp, auth_failed
from graph_client.sign_in.tokens import Certificate, ClientSecret, FederatedAssertion, ManagedIdentity, SignInMethod

__all__ = ["MsalTokens"]

# MSAL's own margin: it renews a token with less than this left. A shorter-lived token is renewed at half its life.
_MARGIN_SECONDS = 300.0


class _Application(Protocol):
    def acquire_token_for_client(self, **request: Any) -> Mapping[str, Any] | None: ...


class MsalTokens:
    """Tokens for one tenant and one sign-in method; safe to share between clients.

    Args:
        settings: the authority, the Graph root and the limits.
        tenant_id: id or verified domain of the tenant.
        method: how to sign in.
        transport: the seam for tests; blocking, since MSAL is.
        sleep: waits between attempts.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        settings: GraphSettings,
        tenant_id: str,
        method: SignInMethod,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = time.monotonic,
    ) -> None:
        self._settings = settings
        self._tenant_id = tenant_id
        self._method = method
        self._http = SignInHttp(settings, transport, plain_http=isinstance(method, ManagedIdentity))
        self._retrying = Retrying(settings, sleep, clock)
        self._clock = clock
        self._application: _Application | None = None
        self._current = ""
        self._good_until = float("-inf")
        self._turn = asyncio.Lock()
        # A cancelled caller releases its turn while its thread is still signing in.
        self._one_thread = threading.Lock()

    def __repr__(self) -> str:
        return f"MsalTokens(tenant_id={self._tenant_id!r}, method={self._method!r})"

    async def token(self) -> str:
        """A token, cached or from the sign-in service.

        Raises:
            AuthFailed: when the sign-in fails; nothing is sent for an invalid certificate.
        """
        if self._clock() < self._good_until:
            return self._current
        async with self._turn:
            return await self._current_or_new()

    async def renew(self, rejected: str) -> str:
        """A token to replace a rejected one; concurrent callers share one sign-in.

        Raises:
            AuthFailed: when the sign-in fails.
        """
        async with self._turn:
            # Else another caller has renewed it meanwhile.
            if self._current == rejected:
                # A new MSAL application has an empty cache; the old one would return the rejected token.
                self._application = None
                self._good_until = float("-inf")
            return await self._current_or_new()

    async def _current_or_new(self) -> str:
        if self._clock() < self._good_until:
            return self._current
        asked_at = self._clock()
        result: Mapping[str, Any] = {}
        async for attempt in self._retrying.sign_in_attempts():
            with attempt:
                # MSAL blocks.
                result = await asyncio.to_thread(self._acquire)
        self._current = str(result["access_token"])
        learn_secrets(self._current)
        lifetime = float(result.get("expires_in") or 0.0)
        # From when it was asked for: the lifetime runs from Entra's answer, and that is later.
        self._good_until = asked_at + max(lifetime - _MARGIN_SECONDS, lifetime / 2)
        return self._current

    def _acquire(self) -> Mapping[str, Any]:
        with self._one_thread:
            try:
                return self._sign_in()
            except AuthFailed as error:
                raise error from None
            # MSAL documents no closed set of exceptions.
            except Exception as error:  # noqa: BLE001
                raise _unexpected(error) from None

    def _sign_in(self) -> Mapping[str, Any]:
        if self._application is None:
            self._application = self._build()
        result = self._request()(self._application)
        if not result or not result.get("access_token"):
            raise auth_failed(result or {})
        return result

    def _request(self) -> Callable[[_Application], Mapping[str, Any] | None]:
        if isinstance(self._method, ManagedIdentity):
            # A managed identity is asked for a resource, an application for a scope.
            return lambda app: app.acquire_token_for_client(resource=self._settings.graph_url)
        return lambda app: app.acquire_token_for_client(scopes=[self._settings.scope])

    def _build(self) -> _Application:
        # Imported here: callers with their own tokens do not need it.
        import msal  # noqa: PLC0415

        method = self._method
        if isinstance(method, ManagedIdentity):
            identity = (
                msal.UserAssignedManagedIdentity(client_id=method.client_id)
                if method.client_id
                else msal.SystemAssignedManagedIdentity()
            )
            return cast("_Application", msal.ManagedIdentityClient(identity, http_client=self._http))
        application = msal.ConfidentialClientApplication(
            method.client_id,
            client_credential=_credential(method),
            authority=f"{self._settings.authority}/{self._tenant_id}",
            http_client=self._http,
            # The authority is configured, not discovered: no other host learns of a private or test authority.
            instance_discovery=False,
        )
        return cast("_Application", application)


def _unexpected(error: Exception) -> AuthFailed:
    text = " ".join(mask(str(error)).split())[:300]
    return AuthFailed(
        f"sign-in failed: {text or error.__class__.__name__}",
        hint="check tenant id, client id, credential and authority",
    )


def _credential(method: ClientSecret | Certificate | FederatedAssertion) -> Any:
    if isinstance(method, ClientSecret):
        learn_secrets(method.client_secret)
        return method.client_secret
    if isinstance(method, Certificate):
        # Imported here: few sign in by certificate, and cryptography is slow to import.
        from graph_client.sign_in.assertions import msal_certificate  # noqa: PLC0415

        learn_secrets(method.password)
        credential = msal_certificate(method)
        learn_secrets(credential["private_key"])
        return credential
    return {"client_assertion": method.assertion}
