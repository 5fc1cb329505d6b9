"""Assigning users and groups to an application."""

from flows.reconcile.assignments import Assigned, missing, shown
from flows.reconcile.plan import InstancePlan
from flows.reconcile.steps.failure import StepFailed
from graph_client import GraphClient, Resources
from graph_client.errors import BadRequest


async def assign_principals(graph: GraphClient, plan: InstancePlan, service_principal_id: str) -> None:
    """Assign whom the file names and who is not assigned yet; nobody is taken away.

    Raises:
        StepFailed: The application has no such role.

    Source: https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto
    """
    principal = await graph.service_principals.get(service_principal_id, select=("id", "appRoles"))
    there = await assigned(graph, service_principal_id)
    for assignment, role in missing(plan.instance, plan.template_id, principal.app_roles, there):
        if role is None:
            names = ", ".join(filter(None, (each.display_name for each in principal.app_roles))) or "none"
            raise StepFailed(
                "RoleNotFound",
                f"{plan.key} has no role {assignment.role or 'that is the obvious one'!r} to assign to.",
                f"It has {names}; correct the role in the fleet file.",
            )
        try:
            await graph.service_principals.assign(service_principal_id, assignment.principal_id, role)
        except BadRequest:
            # Graph words a duplicate as a bad request, and reads lag behind writes: look rather than guess.
            if Assigned(assignment.principal_id, role) not in await assigned(graph, service_principal_id):
                raise


async def assigned(graph: Resources, service_principal_id: str) -> frozenset[Assigned]:
    """Return who is assigned to which role now."""
    return frozenset(
        [
            Assigned(each.principal_id or "", each.app_role_id or "")
            async for each in graph.service_principals.assignments(service_principal_id)
        ]
    )


def describe(plan: InstancePlan) -> str:
    """Return whom the file assigns, for the log."""
    return ", ".join(shown(assignment) for assignment in plan.instance.assignments)
