"""The users and groups that a plan speaks of."""

from collections.abc import Iterable
from dataclasses import dataclass

from flows.reconcile.assignments import Assigned
from flows.reconcile.fleet import Assignment
from graph_client import GraphClient
from graph_client.errors import BadRequest, Forbidden, NotFound, Unauthorized
from graph_client.parallel import gather

_REFUSED = (BadRequest, Forbidden, NotFound, Unauthorized)
"""What tells that a plan has to do without; anything else may be a defect or an outage."""


@dataclass(frozen=True)
class Principal:
    """A user or group, as far as it could be looked up."""

    name: str | None = None
    members: int | None = None
    """How many direct members a group has; looked up only for one that would lose an assignment."""


async def find_principals(
    graph: GraphClient, added: Iterable[Assignment], removed: Iterable[Assigned]
) -> dict[str, Principal]:
    """Look up the names of those to be assigned, where the file gives one to check, and the size of groups to go.

    Returns:
        What was found, by object id; who may not be read is left out.

    Raises:
        GraphError: A read failed for good.

    Source: https://learn.microsoft.com/graph/api/group-list-members
    """
    named = {each.principal_id: each for each in added if each.name}
    groups = {each.principal_id for each in removed if each.principal_type == "Group"}
    names = dict(zip(named, await gather(*(_name(graph, each) for each in named.values())), strict=True))
    sizes = dict(zip(groups, await gather(*(_members(graph, each) for each in groups)), strict=True))
    return {each: Principal(names.get(each), sizes.get(each)) for each in {*names, *sizes}}


async def _name(graph: GraphClient, assignment: Assignment) -> str | None:
    reader = graph.batched.groups if assignment.group else graph.batched.users
    try:
        return (await reader.get(assignment.principal_id, select=("id", "displayName"))).display_name
    except _REFUSED:
        # Assigning by id needs no permission to read whom it is.
        return None


async def _members(graph: GraphClient, group_id: str) -> int | None:
    try:
        return await graph.groups.member_count(group_id)
    except _REFUSED:
        return None
