"""Signing in to a tenant, as the environment or a Prefect block says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flows.environment import EnvironmentIncomplete, SignInMethod, environment
from graph_client import GraphClient, GraphSettings, MsalTokens, TokenClaims


class WrongTenant(Exception):
    """The credential belongs to another tenant than the fleet file names."""


class UnknownBlock(Exception):
    """A Prefect block is named that does not exist."""


@asynccontextmanager
async def signed_in(
    tenant: str | None, expected_tenant_id: str | None = None
) -> AsyncIterator[tuple[GraphClient, TokenClaims]]:
    """Sign in without a store, for what only looks; arguments and errors as of `connected`."""
    settings, signed_in_to, method = await _credentials(tenant)
    tenant_id = signed_in_to or expected_tenant_id
    if tenant_id is None:
        raise EnvironmentIncomplete("AZURE_TENANT_ID is not set: the tenant to sign in to.")
    tokens = MsalTokens(settings, tenant_id, method)
    async with GraphClient(settings, tokens) as graph:
        claims = await graph.claims()
        if expected_tenant_id and claims.tenant_id and claims.tenant_id.lower() != expected_tenant_id:
            raise WrongTenant(
                f"The fleet file is for tenant {expected_tenant_id}, the credential signs in to {claims.tenant_id}.\n"
                "Nothing was sent to Graph. Use that tenant's credential, or correct tenant_id in the fleet file."
            )
        yield graph, claims


async def _credentials(tenant: str | None) -> tuple[GraphSettings, str | None, SignInMethod]:
    if tenant is None:
        source = environment()
        return source.graph_settings(), source.tenant, source.sign_in_method()
    # Prefect takes a second to import, and only a run that names a block needs it.
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415

    from flows.blocks import EntraTenant  # noqa: PLC0415

    if not PREFECT_API_URL.value():
        raise UnknownBlock(
            f"The EntraTenant block {tenant!r} is kept by a Prefect server, and none is configured.\n"
            "Set PREFECT_API_URL, or leave --tenant out to sign in as the environment says."
        )
    try:
        block: EntraTenant = await EntraTenant.aload(tenant)
    except ValueError:
        raise UnknownBlock(
            f"There is no EntraTenant block {tenant!r} on the Prefect server.\n"
            "Create it in the Prefect UI under Blocks, or leave --tenant out to sign in as the environment says."
        ) from None
    return block.graph_settings(), block.tenant_id, block.sign_in_method()
