"""The owners of an application."""

from graph_client import Resources


async def list_owners(graph: Resources, application_id: str) -> frozenset[str]:
    """Return the object ids of the application's current owners."""
    return frozenset([owner.id async for owner in graph.applications.owners(application_id)])
