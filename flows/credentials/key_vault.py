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
from flows.credentials.key_vault_errors import (
    explain_failed_sign_in,
    explain_no_answer,
    explain_not_a_vault,
    explain_refusal,
)
from flows.credentials.references import Secret
from graph_client import MsalTokens
from graph_client.errors import AuthFailed, BadSettings
from graph_client.tls import ssl_context

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
            AuthFailed: The sign-in failed, or a server asks for a token that is meant for somebody else.
        """
        if scopes != (self._scope,):
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
        host = f"{vault.lower()}.{self._domain}"
        try:
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
                connector=aiohttp.TCPConnector(ssl=ssl_context(self._settings), limit=_AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
            transport = AioHttpTransport(session=self._session, session_owner=False)
            url = f"https://{host}"
            proxy = self._settings.proxy_for(url)
            self._clients[host] = SecretClient(
                url, self._credential, transport=transport, proxies={"https": proxy} if proxy else None, **_LIMITS
            )
        return self._clients[host]
