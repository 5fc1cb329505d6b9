"""MSAL's HTTP: our TLS trust, time limits and proxy, and clear errors instead of its exceptions."""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from graph_client.clock import retry_after_seconds
from graph_client.error_body import read_json
from graph_client.errors import AuthFailed, BadSettings
from graph_client.redaction import learn_secrets, learn_url_password, mask
from graph_client.settings import GraphSettings, shared_ssl_context

__all__ = ["SignInHttp", "auth_failed"]


_CODE = re.compile(r"\bAADSTS(\d{4,8})\b")
# The description ends with ids and a timestamp.
_TAIL = re.compile(r"\s*(Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)
_LONGEST_MESSAGE = 300

_WRONG_VALUE = "the client secret is wrong: give its value, not its id, and check that it belongs to this application"
_TENANT = "the tenant does not exist in this cloud: check the tenant id and the authority"
_CERTIFICATE = "the certificate is not accepted: upload it to the app registration, and check that it has not expired"
_FEDERATED = "the federated credential does not match: compare issuer, subject and audience with the app registration"
_HINTS = {
    "7000215": _WRONG_VALUE,
    "7000216": "a client secret, certificate or assertion is required: give one",
    "7000222": "the client secret has expired: create a new one in the app registration",
    "7000112": "the application is disabled in this tenant: enable it",
    "700016": "the application is unknown in this tenant: check the client id, the tenant id and the cloud",
    "700027": _CERTIFICATE,
    "700024": "the assertion is outside its time: check the clock of this machine",
    "70021": _FEDERATED,
    "700211": _FEDERATED,
    "700212": _FEDERATED,
    "700213": _FEDERATED,
    "7002138": _FEDERATED,
    "900023": _TENANT,
    "90002": _TENANT,
    "90038": "the tenant belongs to another cloud: check the cloud and the authority",
    "500011": "this Graph root is unknown in the tenant: authority and Graph URL must be of the same cloud",
    "70011": "this Graph root is unknown in the tenant: authority and Graph URL must be of the same cloud",
    "1002012": "this Graph root is unknown in the tenant: authority and Graph URL must be of the same cloud",
    "53003": "a Conditional Access policy for workload identities blocks this sign-in",
    "530003": "a Conditional Access policy for workload identities blocks this sign-in",
    "50196": "too many sign-ins in a loop: wait some minutes",
    "650057": "the application has no permission on Microsoft Graph: grant application permissions",
}
_OTHER = "check tenant id, client id, credential and cloud"


def auth_failed(
    result: Mapping[str, Any],
    *,
    verb: str | None = None,
    path: str | None = None,
    status: int | None = None,
) -> AuthFailed:
    """The error for an OAuth error answer (`error`, `error_description`, ids)."""
    # The service or a proxy may quote what was sent: redact before anything is cut.
    description = mask(str(result.get("error_description") or result.get("message") or ""))
    found = _CODE.search(description)
    oauth_error = mask(error) if isinstance(error := result.get("error"), str) else None
    code = f"AADSTS{found.group(1)}" if found else oauth_error
    message = _TAIL.sub("", _CODE.sub("", description)).strip(" :")
    text = " ".join(message.split())[:_LONGEST_MESSAGE]
    return AuthFailed(
        f"sign-in failed: {text or code or 'refused without a message'}",
        verb=verb,
        path=path,
        status=status,
        code=code,
        message=text or None,
        request_id=_identity(result),
        hint=_HINTS.get(found.group(1), _OTHER) if found else _OTHER,
    )


def _identity(result: Mapping[str, Any]) -> str | None:
    identity = result.get("trace_id") or result.get("correlation_id")
    return mask(identity) if isinstance(identity, str) else None


logger = logging.getLogger(__name__)

# App Service and Functions request a managed identity's token with X-IDENTITY-HEADER, and earlier with `secret`.
# https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
_PROOFS = frozenset({"client_secret", "client_assertion", "assertion", "authorization", "x-identity-header", "secret"})


class SignInHttp:
    """MSAL's `http_client`: sends, and raises AuthFailed for every answer that MSAL could not handle.

    `plain_http` allows http URLs: the metadata endpoint of a virtual machine has no TLS.
    """

    def __init__(
        self,
        settings: GraphSettings,
        transport: httpx.BaseTransport | None = None,
        *,
        plain_http: bool = False,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._plain_http = plain_http
        self._context: ssl.SSLContext | None = None

    def get(self, url: str, params: Any = None, headers: Mapping[str, str] | None = None, **_: Any) -> httpx.Response:
        """A GET, as MSAL calls it."""
        return self.send("GET", url, params=params or None, headers=headers)

    def post(
        self,
        url: str,
        params: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> httpx.Response:
        """A POST of a form, as MSAL calls it."""
        return self.send("POST", url, params=params or None, data=_texts(data), headers=headers)

    def close(self) -> None:
        """Do nothing: no connection stays open between requests."""

    def send(self, method: str, url: str, **parts: Any) -> httpx.Response:
        """Send one request.

        Raises:
            AuthFailed: when there is no answer, or one that MSAL could not read.
        """
        _learn(parts, self._settings.proxy_url)
        if not self._plain_http and urlsplit(url).scheme != "https":
            raise AuthFailed("refused to sign in over plain http", hint="check the authority")
        try:
            with self._client(url) as client:
                response = client.request(method, url, **parts)
        except httpx.RequestError as error:
            raise _unreachable(method, url, error) from None
        logger.debug("%s %s: %s", method, urlsplit(url).path, response.status_code)
        _check(method, url, response)
        return response

    def _client(self, url: str) -> httpx.Client:
        # A client for each request: tokens last an hour, and nothing has to be closed.
        if self._transport is not None:
            return httpx.Client(transport=_Shared(self._transport), trust_env=False, timeout=self._limits())
        if self._context is None:
            self._context = self._trust()
        return httpx.Client(
            verify=self._context,
            proxy=None if self._plain_http else self._proxy_for(url),
            trust_env=False,
            timeout=self._limits(),
            headers={"User-Agent": self._settings.user_agent},
        )

    def _proxy_for(self, url: str) -> str | None:
        try:
            return self._settings.proxy_for(url)
        except BadSettings as error:
            raise AuthFailed(error.what, hint=error.hint) from None

    def _trust(self) -> ssl.SSLContext:
        try:
            return shared_ssl_context(self._settings)
        except BadSettings as error:
            # MSAL reports any ValueError as a wrong tenant.
            raise AuthFailed(error.what, hint=error.hint) from None

    def _limits(self) -> httpx.Timeout:
        return httpx.Timeout(self._settings.sign_in_timeout_seconds)


def _learn(parts: Mapping[str, Any], proxy_url: str | None) -> None:
    """Register our credentials for redaction: any answer may quote them."""
    learn_url_password(proxy_url)
    for name, value in {**(parts.get("data") or {}), **(parts.get("headers") or {})}.items():
        if name.lower() in _PROOFS and isinstance(value, str):
            learn_secrets(value.removeprefix("Bearer "))


def _texts(data: Any) -> Any:
    # MSAL passes signed assertions as bytes, and httpx would send their repr.
    if not isinstance(data, Mapping):
        return data
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in data.items()}


class _Shared(httpx.BaseTransport):
    """A transport that outlives the client that uses it."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._transport.handle_request(request)


def _check(method: str, url: str, response: httpx.Response) -> None:
    location: dict[str, Any] = {
        "verb": method,
        "path": urlsplit(url).path,
        "status": response.status_code,
    }
    # 410 is how the managed identity endpoint says that it is being updated.
    if response.status_code in (408, 410, 429) or response.status_code >= 500:
        failed = AuthFailed("the sign-in service is overloaded or failing", hint="try again later", **location)
        failed.transient = True
        failed.retry_after_seconds = retry_after_seconds(
            response.headers.get("retry-after"), datetime.now(UTC), response.headers.get("date")
        )
        raise failed
    if response.status_code == 401 and "www-authenticate" in response.headers:
        # Azure Arc's challenge, to which MSAL replies.
        return
    try:
        body = read_json(response.content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        hint = "check the authority, and any proxy on the way"
        raise AuthFailed("the sign-in service did not answer with JSON", hint=hint, **location)
    if response.status_code >= 400:
        raise auth_failed(body, **location)


def _unreachable(method: str, url: str, error: httpx.RequestError) -> AuthFailed:
    text = mask(str(error)) or error.__class__.__name__
    distrust = "CERTIFICATE_VERIFY_FAILED" in text
    failed = AuthFailed(
        f"{urlsplit(url).netloc} gave no answer: {text}",
        verb=method,
        path=urlsplit(url).path,
        hint="trust its CA: name the file in ca_file (SSL_CERT_FILE)"
        if distrust
        else "check the authority, the network and any proxy",
    )
    failed.transient = not distrust
    return failed
