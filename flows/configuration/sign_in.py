"""Signing in to a tenant, as the environment or a Prefect block says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from flows.base_error import EntraFleetError
from flows.configuration.environment import EnvironmentIncomplete, SignInMethod, environment
from graph_client import GraphClient, GraphSettings, MsalTokens, TokenClaims
from graph_client.redaction import learn_secrets


class WrongTenant(EntraFleetError):
    """The credential belongs to another tenant than the fleet file names."""


class UnknownBlock(EntraFleetError):
    """A Prefect block is named that does not exist."""


@dataclass(frozen=True)
class Identity:
    """Who signs in, where and how, and the key that came with it for fingerprints."""

    settings: GraphSettings
    tenant_id: str
    method: SignInMethod
    cloud: str = "global"
    fingerprint_key: str | None = field(default=None, repr=False)


async def read_identity(tenant: str | None, expected_tenant_id: str | None = None) -> Identity:
    """Return who the environment or a block says to sign in as; nothing is sent to Microsoft.

    Args:
        tenant: Name of an `EntraTenant` block, or None for the environment.
        expected_tenant_id: The tenant the fleet file names, for an environment that names none.

    Raises:
        EnvironmentIncomplete: It does not say how to sign in, or where.
        UnknownBlock: There is no such block, or no Prefect server to ask for it.
    """
    source = environment()
    # First of all: any error from here on may quote one.
    source.learn_secrets()
    if tenant is not None:
        return await _from_block(tenant)
    tenant_id = source.tenant or expected_tenant_id
    if tenant_id is None:
        raise EnvironmentIncomplete("AZURE_TENANT_ID is not set: the tenant to sign in to.")
    settings = source.budgeted(source.graph_settings())
    return Identity(settings, tenant_id, source.sign_in_method(), source.cloud, source.fingerprint_key)


async def _from_block(name: str, source_identity: Identity | None = None) -> Identity:
    # Prefect takes a second to import, and only a run that names a block needs it.
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415

    from flows.configuration.blocks import EntraTenant  # noqa: PLC0415

    if not PREFECT_API_URL.value():
        raise UnknownBlock(
            f"The EntraTenant block {name!r} needs a Prefect server, but none is configured.",
            "Set PREFECT_API_URL, or omit --tenant to sign in from the environment.",
        )
    try:
        block: EntraTenant = await EntraTenant.aload(name)
    except ValueError:
        raise UnknownBlock(
            f"The Prefect server has no EntraTenant block {name!r}.",
            "Create it in the Prefect UI under Blocks, or omit --tenant to sign in from the environment.",
        ) from None
    source = environment()
    key = block.fingerprint_key.get_secret_value() or source.fingerprint_key
    learn_secrets(key)
    # Proxy and budget belong to the place where a flow runs, not to the tenant.
    settings = source.budgeted(source.proxied(block.graph_settings()))
    if source_identity and block.cloud == source_identity.cloud and not block.names_addresses:
        settings = replace(source_identity.settings, api_version=settings.api_version)
    return Identity(settings, block.tenant_id, block.sign_in_method(), block.cloud, key)


async def read_target_identity(sign_in: str, tenant_id: str, source: Identity) -> Identity:
    """Return how to sign in to a target tenant; cloud, addresses and CA are the source's unless the block names them.

    Args:
        sign_in: Name of an `EntraTenant` block, or `env:PREFIX`.
        tenant_id: The target tenant, for variables that name none.
        source: Who signs in to the source tenant.

    Raises:
        EnvironmentIncomplete: The variables do not say how to sign in.
        UnknownBlock: There is no such block, or no Prefect server to ask for it.
    """
    scheme, colon, prefix = sign_in.partition(":")
    if not colon:
        return await _from_block(scheme, source)
    variables = environment().for_target(prefix)
    return Identity(source.settings, variables.tenant or tenant_id, variables.sign_in_method(), source.cloud)


@asynccontextmanager
async def open_client(
    tenant: str | None, expected_tenant_id: str | None = None
) -> AsyncIterator[tuple[GraphClient, TokenClaims]]:
    """Sign in without a store, for what only looks; arguments and errors as of `connected`."""
    identity = await read_identity(tenant, expected_tenant_id)
    async with open_client_as(identity, expected_tenant_id) as found:
        yield found


@asynccontextmanager
async def open_client_as(
    identity: Identity, expected_tenant_id: str | None = None
) -> AsyncIterator[tuple[GraphClient, TokenClaims]]:
    """Sign in with an identity; for errors see `open_client`."""
    tokens = MsalTokens(identity.settings, identity.tenant_id, identity.method)
    async with GraphClient(identity.settings, tokens) as graph:
        claims = await graph.claims()
        # Before the first call: a plan against the wrong tenant would show everything as missing.
        if expected_tenant_id and claims.tenant_id and claims.tenant_id.lower() != expected_tenant_id:
            raise WrongTenant(
                f"The fleet file is for tenant {expected_tenant_id}, but the credential is for {claims.tenant_id}.",
                "Nothing was sent to Graph. Use that tenant's credential, or correct tenant_id in the fleet file.",
            )
        yield graph, claims
