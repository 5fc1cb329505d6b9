"""Who a fleet file assigns to an application, and to which of its roles."""

from collections.abc import Sequence
from dataclasses import dataclass

from flows.reconcile.fleet import Assignment, Instance
from graph_client.models import AppRole

DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"
"""The role of an application that publishes none."""

_ROLE_IMPORTERS = {"8b1025e4-1dd2-430b-a150-2ef79cd700f5"}
"""Templates whose connector imports the roles; AWS Single-Account Access has none before its first cycle."""

_USUAL = ("User", "msiam_access")


@dataclass(frozen=True)
class Assigned:
    """A principal and the role it is assigned to."""

    principal_id: str
    role_id: str


def role_id(roles: Sequence[AppRole], wanted: str | None) -> str | None:
    """Return the id of the role with that display name, value or id; of the usual one if none is wanted.

    Role ids differ from application to application, so they are looked up and never written down.

    Returns:
        None if there is no such role, or none that is the obvious one.

    Source: https://learn.microsoft.com/graph/api/resources/approle
    """
    enabled = [role for role in roles if role.is_enabled is not False]
    if wanted is not None:
        return next((role.id for role in enabled if wanted in {role.display_name, role.value, role.id}), None)
    if not enabled:
        return DEFAULT_ACCESS
    usual = [role.id for name in _USUAL for role in enabled if name in {role.display_name, role.value}]
    return usual[0] if usual else enabled[0].id if len(enabled) == 1 else None


def missing(
    instance: Instance, template_id: str, roles: Sequence[AppRole], there: frozenset[Assigned]
) -> list[tuple[Assignment, str | None]]:
    """Return the assignments of the file that the application lacks, each with the id of its role, if it has one.

    Where the connector imports the roles, an assignment to one that is not there yet is left to a later apply.
    """
    wanted = [(assignment, role_id(roles, assignment.role)) for assignment in instance.assignments]
    pending = {None} if template_id in _ROLE_IMPORTERS else set()
    return [
        (assignment, role)
        for assignment, role in wanted
        if role not in pending and (role is None or Assigned(assignment.principal_id, role) not in there)
    ]


def shown(assignment: Assignment) -> str:
    """Return an assignment as a plan shows it."""
    principal = assignment.name or assignment.principal_id
    return f"{principal} as {assignment.role or 'User'}"
