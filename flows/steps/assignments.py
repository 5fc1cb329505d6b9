"""Assigning users and groups to an application."""

from contextlib import suppress

from flows.errors import StepFailed
from flows.plan.plan import InstancePlan
from flows.steps.idempotency import create_once
from flows.tenant.assignments import (
    Assigned,
    explain_unknown_role,
    format_assignment,
    list_assigned,
    list_owners,
    missing_assignments,
    pending_assignments,
)
from graph_client import GraphClient
from graph_client.errors import BadRequest, Conflict, NotFound


async def assign_principals(graph: GraphClient, plan: InstancePlan, service_principal_id: str) -> tuple[str, ...]:
    """Add the missing assignments, then remove exactly those that the plan removes.

    Returns:
        The assignments whose roles have not been imported yet.

    Raises:
        StepFailed: The application has no such role; nothing was removed.

    Source: https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto
    """
    principal = await graph.service_principals.get(service_principal_id, select=("id", "appRoles"))
    # Read again: people assign users in the portal between plan and apply.
    there = await list_assigned(graph, service_principal_id)
    for assignment, role in missing_assignments(plan.instance, plan.template_id, principal.app_roles, there):
        if role is None:
            raise StepFailed("RoleNotFound", *explain_unknown_role(plan.key, assignment.role, principal.app_roles))
        await _assign(graph, service_principal_id, assignment.principal_id, role)
    # Last, so that a user who changes roles is never without one.
    for removal in plan.removals:
        await remove_assignment(graph, service_principal_id, removal)
    return tuple(
        format_assignment(each) for each in pending_assignments(plan.instance, plan.template_id, principal.app_roles)
    )


async def _assign(graph: GraphClient, service_principal_id: str, principal_id: str, role: str) -> None:
    async def is_assigned() -> bool | None:
        return Assigned(principal_id, role) in await list_assigned(graph, service_principal_id) or None

    async def assign() -> bool:
        try:
            await graph.service_principals.assign(service_principal_id, principal_id, role)
        except (BadRequest, Conflict):
            # Graph reports a duplicate as a bad request or a conflict, and reads lag behind writes: look it up.
            if not await is_assigned():
                raise
        return True

    await create_once(assign, is_assigned)


async def remove_assignment(graph: GraphClient, service_principal_id: str, assigned: Assigned) -> None:
    """Remove an assignment, unless it is already gone.

    Source: https://learn.microsoft.com/graph/api/serviceprincipal-delete-approleassignedto
    """
    with suppress(NotFound):
        await graph.service_principals.unassign(service_principal_id, assigned.assignment_id)


def describe_assignment(plan: InstancePlan) -> str:
    """Return the added and removed assignments, for the log."""
    changes = [change for change in plan.changes if change.field.startswith("assignments.")]
    return ", ".join(change.after or f"no longer {change.before}" for change in changes)


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
