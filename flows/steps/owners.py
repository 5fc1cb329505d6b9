"""Adding owners to an application."""

from flows.plan.plan import InstancePlan
from flows.steps.idempotency import create_once
from flows.tenant.owners import list_owners
from graph_client import GraphClient
from graph_client.errors import BadRequest, Conflict


async def add_owners(graph: GraphClient, plan: InstancePlan, application_id: str) -> None:
    """Add the missing owners. Owners are never removed.

    Source: https://learn.microsoft.com/graph/api/application-post-owners
    """
    there = await list_owners(graph, application_id)
    for owner in plan.instance.owners:
        if owner not in there:
            await _add_owner(graph, application_id, owner)


async def _add_owner(graph: GraphClient, application_id: str, owner: str) -> None:
    async def is_owner() -> bool | None:
        return owner in await list_owners(graph, application_id) or None

    async def add() -> bool:
        try:
            await graph.applications.add_owner(application_id, owner)
        except (BadRequest, Conflict):
            # Graph reports a duplicate as a bad request or a conflict, and reads lag behind writes: look it up.
            if not await is_owner():
                raise
        return True

    await create_once(add, is_owner)
