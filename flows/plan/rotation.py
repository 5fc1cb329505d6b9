"""The plan of a rotation, which saves credentials and nothing else."""

from collections.abc import Collection
from dataclasses import replace

from flows.fleet_file.models import Fleet
from flows.plan.diff import diff_fleet
from flows.plan.plan import Action, Conflict, FieldChange, InstancePlan, Plan
from flows.tenant.observed import Observed


def build_rotation_plan(fleet: Fleet, observed: Observed, only: Collection[str]) -> Plan:
    """Return a plan that saves the credentials of some instances again and changes nothing else.

    Args:
        fleet: The fleet with the credential references.
        observed: The current state of the tenant.
        only: Keys of the instances.

    Raises:
        UnknownKey: A key is not in the fleet file.
    """
    plan = diff_fleet(fleet, observed, only=only)
    return replace(plan, instances=tuple(_rotation(each) for each in plan.instances), orphans=())


def _rotation(plan: InstancePlan) -> InstancePlan:
    key, conflict = plan.key, plan.conflict
    if conflict is None and not plan.job_id:
        conflict = Conflict(
            "NotProvisioned",
            f"{key} has no provisioning job to validate new credentials with.",
            f"Create it with entra-fleet apply FLEET --only {key}, which also saves the credentials.",
        )
    if conflict is None and not plan.instance.credentials:
        conflict = Conflict(
            "NoCredentials",
            f"The fleet file has no credentials for {key}.",
            "Add them under credentials; renew a portal authorization in the portal.",
        )
    if conflict:
        return replace(plan, action=Action.CONFLICT, changes=(), conflict=conflict)
    changes = (FieldChange(f"credentials.{name}", "saved", "to be saved again") for name in plan.instance.credentials)
    return replace(plan, action=Action.UPDATE, changes=tuple(changes))
