"""Secrets of Azure Key Vault, read as the application that signs in to Graph.

The only file that knows the Azure SDK, which is an extra.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType, TracebackType
from typing import Any, Self

import aiohttp
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport
from azure.keyvault.secrets.aio import SecretClient
from pydantic import SecretStr

from flows.configuration.sign_in import Identity
from flows.credentials.references import Secret, SourceError
from graph_client import MsalTokens
from graph_client.errors import AuthFailed, BadSettings, GraphError
from graph_client.settings import shared_ssl_context

_REFUSALS = {
    "SecretDisabled": ("is disabled in {host}", "Enable the secret there, or correct the reference."),
    "ForbiddenByFirewall": (
        "the firewall of {host} refuses this machine",
        "Allow it under the vault's Networking, or run where it is allowed.",
    ),
    "ForbiddenByConnection": (
        "{host} is closed to public networks",
        "Run where its private endpoint is, or open it under the vault's Networking.",
    ),
    400: ("{host} answered 400 ({code})", "Check the reference: the vault rejects it."),
    401: (
        "{host} does not accept the sign-in",
        "Check that the vault belongs to the tenant that is signed in to.",
    ),
    403: (
        "{host} does not let {who} read it ({code})",
        "Grant it the role Key Vault Secrets User on the vault, or the access policy Get.",
    ),
    404: ("does not exist in {host}", "Create the secret there, or correct the reference."),
}
_FAILURE = (
    "{host} answered {status} ({code}), even after retries",
    "Try again later; a vault serves a few hundred reads per second.",
)


def explain_refusal(host: str, error: HttpResponseError, client_id: str | None) -> SourceError:
    """Return the meaning of a vault's answer, by its codes, since its text is not reliable.

    Source: https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
    """
    code, inner = _codes(error)
    # The inner code first: it distinguishes a firewall from a missing role, and both are 403.
    what, advice = _REFUSALS.get(inner) or _REFUSALS.get(error.status_code or 0) or _FAILURE
    who = f"application {client_id}" if client_id else "this managed identity"
    return SourceError(
        what.format(host=host, who=who, status=error.status_code, code=inner or code or "no code"), advice
    )


def explain_failed_sign_in(host: str, error: GraphError) -> SourceError:
    """Return the error for a failed sign-in to the vault."""
    return SourceError(f"the sign-in for {host} failed: {error.what}", error.hint or "Check the credential.")


def explain_not_a_vault(host: str) -> SourceError:
    """Return the error for a host that is not a key vault of this cloud."""
    return SourceError(f"{host} does not answer as a key vault", "Check the vault's name, the cloud and any proxy.")


def explain_no_answer(host: str, error: Exception) -> SourceError:
    """Return the error for an unreachable vault."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return SourceError(f"the certificate of {host} is not trusted", "Trust its CA: name the file in SSL_CERT_FILE.")
    what = f"{host} gave no answer ({reason[:200]})"
    return SourceError(what, "Check the vault's name and the network: a private vault has no public address.")


def _codes(error: HttpResponseError) -> tuple[str, str]:
    details = error.error
    inner = details.innererror if details else None
    return (details.code or "" if details else ""), str((inner or {}).get("code") or "")


# https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers
DOMAINS: Mapping[str, str] = MappingProxyType(
    {
        "global": "vault.azure.net",
        "usgov": "vault.usgovcloudapi.net",
        "usgov-dod": "vault.usgovcloudapi.net",
        "china": "vault.azure.cn",
    }
)
_WITHIN_SECONDS = 90.0
_LIMITS: Mapping[str, Any] = MappingProxyType(
    {"retry_total": 4, "retry_connect": 2, "retry_backoff_max": 15, "connection_timeout": 10, "read_timeout": 30}
)
_AT_ONCE = 16
# The SDK keeps a token until five minutes before its end; MSAL, which renews in time, is to be asked before that.
_TRUST_SECONDS = 360


class VaultCredential:
    """Our sign-in as the SDK takes one."""

    def __init__(self, tokens: MsalTokens, scope: str) -> None:
        self._tokens = tokens
        self._scope = scope

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """Return a token for key vaults.

        Raises:
            AuthFailed: The sign-in failed, or a server asks for a token that is meant for another.
        """
        if scopes != (self._scope,):  # the scope comes from the vault's answer
            raise AuthFailed("the vault asks for a token of another service", hint="check the vault's name")
        return AccessToken(await self._tokens.token(), int(time.time()) + _TRUST_SECONDS)

    async def close(self) -> None:
        """Nothing stays open."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


class KeyVaults:
    """The key vaults of one cloud, over one pool of connections.

    Args:
        identity: Who signs in.
    """

    def __init__(self, identity: Identity) -> None:
        self._domain = DOMAINS[identity.cloud]
        self._settings = identity.settings
        root = f"https://{self._domain}"
        # The same sign-in, for another service than Graph.
        tokens = MsalTokens(replace(identity.settings, graph_url=root), identity.tenant_id, identity.method)
        self._credential = VaultCredential(tokens, f"{root}/.default")
        self._who = identity.method.client_id
        self._session: aiohttp.ClientSession | None = None
        self._clients: dict[str, SecretClient] = {}

    async def read(self, name: str) -> Secret:
        """Return the current version of a secret.

        Args:
            name: VAULT/SECRET.

        Raises:
            SourceError: It cannot be read; the text says why and what to do.

        Source: https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret
        """
        vault, _, secret = name.partition("/")
        # One client for a vault, however its name is written.
        host = f"{vault.lower()}.{self._domain}"
        try:
            # The SDK limits each attempt, not their sum.
            async with asyncio.timeout(_WITHIN_SECONDS):
                found = await self._client(host).get_secret(secret)
        except HttpResponseError as error:
            raise explain_refusal(host, error, self._who) from None
        except (AuthFailed, BadSettings) as error:
            raise explain_failed_sign_in(host, error) from None
        except ValueError:
            # The SDK lets no vault ask for a token that is good outside its own domain.
            raise explain_not_a_vault(host) from None
        except (AzureError, OSError) as error:  # a TimeoutError is an OSError
            raise explain_no_answer(host, error) from None
        return Secret(SecretStr(found.value or ""), found.properties.version)

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()
        if self._session:
            await self._session.close()

    def _client(self, host: str) -> SecretClient:
        if host not in self._clients:
            # The session is ours: the SDK's own knows neither our CA nor our proxy, and asks the environment.
            self._session = self._session or aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=shared_ssl_context(self._settings), limit=_AT_ONCE),
                # As for Graph: each request stands alone.
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # the SDK's transport does it itself
            )
            transport = AioHttpTransport(session=self._session, session_owner=False)
            url = f"https://{host}"
            proxy = self._settings.proxy_for(url)
            self._clients[host] = SecretClient(
                url, self._credential, transport=transport, proxies={"https": proxy} if proxy else None, **_LIMITS
            )
        return self._clients[host]
