"""Which accounts a job has in its target system: the stored log, and what Graph's log has since."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from flows.store import AccountChange, Store
from flows.store.provisioned_accounts import add_events
from graph_client import GraphClient
from graph_client.protocol import text_literal


async def read_accounts(
    graph: GraphClient, store: Store | None, tenant_id: str, service_principal_id: str
) -> dict[str, AccountChange]:
    """Return the last successful change of each account of an application, by the id in the source.

    Graph keeps its log for 7 or 30 days. What a harvest has stored is older; without a store only Graph's log counts.

    Args:
        graph: A signed-in client.
        store: Where harvested events are; None if there is none.
        tenant_id: The source tenant.
        service_principal_id: The application's.

    Raises:
        GraphError: The log could not be read.
    """
    known = await asyncio.to_thread(store.accounts.of, tenant_id, service_principal_id) if store else {}
    return await follow_accounts(graph, known, service_principal_id)


async def follow_accounts(
    graph: GraphClient, known: Mapping[str, AccountChange], service_principal_id: str, after: datetime | None = None
) -> dict[str, AccountChange]:
    """Return the accounts with the changes that Graph's log has after a moment.

    Source: https://learn.microsoft.com/graph/api/provisioningobjectsummary-list
    """
    found = dict(known)
    # One application at a time: a harvest keeps the tenant's watermark, which must not move past what it skips.
    condition = f"servicePrincipal/id eq {text_literal(service_principal_id)}"
    async for page in graph.provisioning_logs.pages(after=after, filter=condition):
        add_events(found, page)
    return found
