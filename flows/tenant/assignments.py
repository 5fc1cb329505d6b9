"""The users and groups of a fleet file: who they are, and what they are assigned to."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.fleet_file.models import Assignment, Instance
from graph_client import GraphClient, Resources
from graph_client.errors import BadRequest, Forbidden, NotFound, Unauthorized
from graph_client.models import AppRole
from graph_client.parallel import gather

DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"
"""The role of an application without app roles."""

_ROLE_IMPORTERS = {"8b1025e4-1dd2-430b-a150-2ef79cd700f5"}
"""Templates whose connector imports the roles; AWS Single-Account Access has none before its first cycle."""

_DEFAULT_ROLE = {"Default Access", DEFAULT_ACCESS}
"""What the portal and Graph call it."""

_USUAL = ("User", "msiam_access")
_MAY_BE_NAMED = {"User", "Group"}


@dataclass(frozen=True)
class Assigned:
    """A principal and the role it is assigned to; two are the same if these are."""

    principal_id: str
    role_id: str
    assignment_id: str = field(default="", compare=False)
    principal_type: str | None = field(default=None, compare=False)
    principal_name: str | None = field(default=None, compare=False)


def resolve_role(roles: Sequence[AppRole], wanted: str | None) -> str | None:
    """Return the id of the role with that display name, value or id; by default, of the default role.

    Role ids differ between applications, so they are looked up and never stored.

    Returns:
        None if there is no such role, or no single default.

    Source: https://learn.microsoft.com/graph/api/resources/approle
    """
    # Only an explicit `false` disables a role.
    enabled = [role for role in roles if role.is_enabled is not False]
    # An application that publishes roles does not accept the default one.
    if wanted in _DEFAULT_ROLE and not enabled:
        return DEFAULT_ACCESS
    if wanted is not None:
        return next((role.id for role in enabled if wanted in {role.display_name, role.value, role.id}), None)
    if not enabled:
        return DEFAULT_ACCESS
    usual = [role.id for name in _USUAL for role in enabled if name in {role.display_name, role.value}]
    # Roles, ids included, belong to the template: AWS has msiam_access alone, others User.
    return usual[0] if usual else enabled[0].id if len(enabled) == 1 else None


def pending_assignments(
    instance: Instance, template_id: str, roles: Sequence[AppRole] | None
) -> tuple[Assignment, ...]:
    """Return the assignments that must wait until the connector has imported their roles.

    Args:
        instance: What is wanted.
        template_id: Id of the application template.
        roles: The roles of the application; None if it does not exist yet and will have only the default ones.
    """
    if template_id not in _ROLE_IMPORTERS:
        return ()
    if roles is None:
        added = {name for role in (instance.sso.roles if instance.sso else ()) for name in (role.name, role.value)}
        return tuple(each for each in instance.assignments if each.role not in {None, *_USUAL, *added})
    return tuple(each for each in instance.assignments if resolve_role(roles, each.role) is None)


def missing_assignments(
    instance: Instance, template_id: str, roles: Sequence[AppRole], there: frozenset[Assigned]
) -> list[tuple[Assignment, str | None]]:
    """Return the assignments of the file that the application lacks, each with the id of its role, if it has one.

    If the connector imports roles, an assignment to a missing one is left to a later apply.
    """
    waiting = pending_assignments(instance, template_id, roles)
    wanted = [(each, resolve_role(roles, each.role)) for each in instance.assignments if each not in waiting]
    return [(each, role) for each, role in wanted if role is None or Assigned(each.principal_id, role) not in there]


def surplus_assignments(
    instance: Instance, roles: Sequence[AppRole], there: Collection[Assigned]
) -> tuple[Assigned, ...]:
    """Return the assignments to remove if the file asks for exactly its own; otherwise nothing.

    A file cannot list service principals, so those stay; a user waiting for a role keeps the current assignments.
    """
    if instance.assignments_mode != "exact":
        return ()
    wanted = {Assigned(each.principal_id, resolve_role(roles, each.role) or "") for each in instance.assignments}
    waiting = {each.principal_id for each in wanted if not each.role_id}
    gone = [each for each in there if each not in wanted and each.principal_type in _MAY_BE_NAMED]
    kept = [each for each in gone if each.principal_id not in waiting]
    return tuple(sorted(kept, key=lambda each: (each.principal_id, each.role_id)))


def explain_unknown_role(key: str, role: str | None, roles: Sequence[AppRole]) -> tuple[str, str]:
    """Return the message and the hint for a missing role."""
    names = ", ".join(filter(None, (each.display_name for each in roles))) or "none"
    message = f"{key} has no role {role or 'that could serve as the default'!r} to assign."
    return message, f"It has {names}; correct the role in the fleet file."


def format_assignment(assignment: Assignment) -> str:
    """Return an assignment as a plan shows it."""
    principal = assignment.name or assignment.principal_id
    return f"{principal} as {assignment.role or 'User'}"


def unknown_roles(assignments: Iterable[Assignment], names: Mapping[str, str | None]) -> list[str]:
    """Return warnings for assignments whose name in the file differs from the directory's; the id decides."""
    return [
        f"assignments.{each.principal_id}: named {each.name!r} in the file but {found!r} in the tenant; the id decides"
        for each in assignments
        if each.name and (found := names.get(each.principal_id)) and found != each.name
    ]


def format_assigned(assigned: Assigned, roles: Sequence[AppRole]) -> str:
    """Return an existing assignment as a plan shows it."""
    role = next((role.display_name or role.value for role in roles if role.id == assigned.role_id), None)
    return f"{assigned.principal_name or assigned.principal_id} as {role or 'default access'}"


async def list_assigned(graph: Resources, service_principal_id: str) -> frozenset[Assigned]:
    """Return who is assigned to which role now."""
    return frozenset(
        [
            Assigned(
                each.principal_id or "",
                each.app_role_id or "",
                each.id,
                each.principal_type,
                each.principal_display_name,
            )
            async for each in graph.service_principals.assignments(service_principal_id)
        ]
    )


async def list_owners(graph: Resources, application_id: str) -> frozenset[str]:
    """Return the object ids of the application's current owners."""
    return frozenset([owner.id async for owner in graph.applications.owners(application_id)])


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
    # A user may be both; one lookup is enough.
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
    # Owners are given by id alone, and their kind shows only when they are added.
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
