"""The users and groups in a plan."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flows.fleet_file.models import Assignment
from flows.tenant.assignments import Assigned
from graph_client import GraphClient
from graph_client.errors import BadRequest, Forbidden, NotFound, Unauthorized
from graph_client.parallel import gather

_UNTOLD = (BadRequest, Forbidden, Unauthorized)
"""Errors that a plan can do without an answer for; anything else may be a defect or an outage."""
_FIELDS = ("id", "displayName")


@dataclass(frozen=True)
class Principal:
    """A user, a group or an owner, as far as it could be read."""

    name: str | None = None
    members: int | None = None
    """Number of direct members of a group; read only for one that would lose an assignment."""
    exists: bool | None = None
    """Whether it exists with the kind in the file; None if that may not be read."""


async def find_principals(
    graph: GraphClient, added: Iterable[Assignment], removed: Iterable[Assigned], owners: Iterable[str] = ()
) -> dict[str, Principal]:
    """Look up the principals to be assigned or added as owners, each once, and the size of groups to remove.

    Returns:
        The principals by object id, including missing ones.

    Raises:
        GraphError: A read failed after all retries.

    Source: https://learn.microsoft.com/graph/api/user-get, https://learn.microsoft.com/graph/api/group-get,
        https://learn.microsoft.com/graph/api/group-list-members
    """
    assigned = {each.principal_id: each for each in added}
    owning = [each for each in dict.fromkeys(owners) if each not in assigned]
    groups = {each.principal_id for each in removed if each.principal_type == "Group"}
    people, owned_by, sizes = await gather(
        gather(*(_assignee(graph, each) for each in assigned.values())),
        gather(*(_owner(graph, each) for each in owning)),
        gather(*(_members(graph, each) for each in groups)),
    )
    found = dict(zip([*assigned, *owning], [*people, *owned_by], strict=True))
    return found | {each: Principal(members=size) for each, size in zip(groups, sizes, strict=True)}


async def _assignee(graph: GraphClient, assignment: Assignment) -> Principal:
    reader: Any = graph.batched.groups if assignment.group else graph.batched.users
    return await _looked_up(reader.get, assignment.principal_id)


async def _owner(graph: GraphClient, owner_id: str) -> Principal:
    """Look up an owner: usually a user, otherwise a service principal."""
    user = await _looked_up(graph.batched.users.get, owner_id)
    return user if user.exists is not False else await _looked_up(graph.batched.service_principals.get, owner_id)


async def _looked_up(read: Callable[..., Awaitable[Any]], object_id: str) -> Principal:
    try:
        return Principal((await read(object_id, select=_FIELDS)).display_name, exists=True)
    except NotFound:
        return Principal(exists=False)
    except _UNTOLD:
        # Assigning by id needs no permission to read the user or group.
        return Principal()


async def _members(graph: GraphClient, group_id: str) -> int | None:
    try:
        return await graph.groups.member_count(group_id)
    except (*_UNTOLD, NotFound):
        return None
