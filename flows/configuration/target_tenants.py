"""The target tenants of one run: a client for each, opened when it is needed and closed with the run."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Self

from flows.configuration.environment import EnvironmentIncomplete
from flows.configuration.sign_in import Identity, UnknownBlock, open_client_as, read_target_identity
from flows.errors import StepFailed
from graph_client import GraphClient, TokenClaims
from graph_client.errors import BadSettings

_OPENING_AT_ONCE = 8
"""Sign-ins under way together: each waits in a thread of its own."""


@dataclass(frozen=True)
class TargetTenant:
    """A target tenant that this run is signed in to."""

    graph: GraphClient
    claims: TokenClaims


class TargetTenants:
    """Signs in to target tenants, each once; leave the `async with` to close their connections.

    Each has a client of its own, with its own sign-in and its own write budget: Graph's limits count by tenant, and
    a token is never sent in a call about another tenant.

    Args:
        source: Who signs in to the source tenant; a target's cloud, addresses and CA default to it.
    """

    def __init__(self, source: Identity) -> None:
        self._source = source
        self._open = AsyncExitStack()
        self._tenants: dict[tuple[str, str], asyncio.Future[TargetTenant]] = {}
        self._gate = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for opening in self._tenants.values():
            opening.cancel()
        await asyncio.gather(*self._tenants.values(), return_exceptions=True)
        await self._open.aclose()

    async def open(self, sign_in: str, tenant_id: str) -> GraphClient:
        """Return the client of a target tenant; arguments and errors as of `open_tenant`."""
        return (await self.open_tenant(sign_in, tenant_id)).graph

    async def open_tenant(self, sign_in: str, tenant_id: str) -> TargetTenant:
        """Sign in to a target tenant, or return what an earlier call signed in to.

        Args:
            sign_in: Name of an `EntraTenant` block, or `env:PREFIX`.
            tenant_id: The tenant that the fleet file names.

        Raises:
            StepFailed: It is unclear how to sign in, or the token is another tenant's; nothing was sent to Graph.
            AuthFailed: Microsoft Entra refused the sign-in.
        """
        place = (sign_in, tenant_id)
        if place not in self._tenants:
            self._tenants[place] = asyncio.ensure_future(self._sign_in(sign_in, tenant_id))
        # Others wait for it too: one that gives up must not take it away from them.
        return await asyncio.shield(self._tenants[place])

    @property
    def requests_sent(self) -> Mapping[str, int]:
        """Requests to Graph on the wire so far, by target tenant."""
        signed_in = {tenant_id: each for (_, tenant_id), each in self._tenants.items() if each.done()}
        counts = {
            tenant_id: each.result().graph.requests_sent
            for tenant_id, each in signed_in.items()
            if not each.cancelled() and each.exception() is None
        }
        return MappingProxyType(counts)

    async def _sign_in(self, sign_in: str, tenant_id: str) -> TargetTenant:
        try:
            identity = await read_target_identity(sign_in, tenant_id, self._source)
            async with self._gate:
                graph, claims = await self._open.enter_async_context(open_client_as(identity))
        except (EnvironmentIncomplete, UnknownBlock, BadSettings) as error:
            message = error.what if isinstance(error, BadSettings) else error.message
            # Cause: `sign_in` of the fleet file names a block or variables that are missing or incomplete.
            raise StepFailed(
                "TargetSignInUnclear",
                f"It is unclear how to sign in to tenant {tenant_id} by {sign_in}: {message}",
                "Correct sign_in of cross_tenant; or create the block, or set the variables, where the flow runs.",
            ) from None
        # Before the first call: everything would be given to the wrong company.
        found = (claims.tenant_id or identity.tenant_id).lower()
        if found != tenant_id:
            # Cause: `sign_in` of an instance leads to another tenant than `cross_tenant.tenant_id`.
            raise StepFailed(
                "WrongTargetTenant",
                f"The fleet file names tenant {tenant_id}, but sign_in {sign_in} leads to {found}.",
                "Nothing was sent to Graph there. Correct sign_in, or tenant_id of cross_tenant.",
            )
        return TargetTenant(graph, claims)
