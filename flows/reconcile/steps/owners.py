"""Making people owners of an application."""

from flows.reconcile.plan import InstancePlan
from graph_client import GraphClient, Resources
from graph_client.errors import BadRequest, Conflict


async def add_owners(graph: GraphClient, plan: InstancePlan, application_id: str) -> None:
    """Make everybody the file names an owner who is none yet; nobody is taken away.

    Source: https://learn.microsoft.com/graph/api/application-post-owners
    """
    there = await owners(graph, application_id)
    for owner in plan.instance.owners:
        if owner in there:
            continue
        try:
            await graph.applications.add_owner(application_id, owner)
        except (BadRequest, Conflict):
            # Graph words a duplicate as a bad request or a conflict, and reads lag behind writes: look, never guess.
            if owner not in await owners(graph, application_id):
                raise


async def owners(graph: Resources, application_id: str) -> frozenset[str]:
    """Return the object ids of those who own the application now."""
    return frozenset([owner.id async for owner in graph.applications.owners(application_id)])
