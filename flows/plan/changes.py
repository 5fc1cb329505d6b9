"""The differences between an instance and the fleet file, field by field."""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from flows.fleet_file.models import Assignment, Instance
from flows.monitoring.health import RUNNING, TOO_MANY_DELETES, JobHealth
from flows.plan.job_settings import MASK, build_job_settings, settings_equal
from flows.plan.known_state import KnownState
from flows.plan.plan import NEVER_STARTED, FieldChange
from flows.plan.single_sign_on import diff_claims, diff_sign_on
from flows.tenant.assignments import Assigned, Principal, format_assigned, format_assignment, missing_assignments
from flows.tenant.instance_state import ObservedInstance
from flows.tenant.ownership_tag import OwnershipTag
from flows.tenant.single_sign_on import NO_SIGN_ON, FleetPolicies

SAVED_AGAIN = "to be saved again"
AS_THE_FILE = "as the mappings file says"


def plan_creation(
    fleet: str, instance: Instance, waiting: Collection[Assignment], claims: FleetPolicies
) -> tuple[FieldChange, ...]:
    """Return the fields of an instance to be created, without pending assignments."""
    assigned = [each for each in instance.assignments if each not in waiting]
    keys = [*instance.credentials, *build_job_settings(instance, {})]
    # Last in the list, as in the work: nothing runs before everything else is in place.
    starts = (FieldChange("job_state", None, "running"),) if instance.job == "running" else ()
    mapped = (FieldChange("mappings", None, AS_THE_FILE),) if instance.mappings else ()
    return (
        FieldChange("application", None, instance.template),
        FieldChange("mark", None, instance.key),
        FieldChange("display_name", None, instance.display_name),
        FieldChange("job", None, instance.synchronization_template or "default"),
        *(FieldChange(f"credentials.{key}", None, "to be saved") for key in keys),
        *(FieldChange(f"owners.{owner}", None, "owner") for owner in instance.owners),
        *(diff_sign_on(instance.sso, NO_SIGN_ON, "") if instance.sso else ()),
        *(diff_claims(fleet, instance.sso, NO_SIGN_ON, claims) if instance.sso else ()),
        *(FieldChange(f"assignments.{each.principal_id}", None, format_assignment(each)) for each in assigned),
        *mapped,
        *starts,
    )


def diff_description(fleet: str, instance: Instance, found: ObservedInstance) -> tuple[FieldChange, ...]:
    """Return what one write to the application would change."""
    mark = OwnershipTag(fleet, instance.key)
    current = found.mark if found.marked else None
    pairs = {
        "mark": (current.tag if current else None, mark.tag),
        "display_name": (found.display_name, instance.display_name),
        "notes": (found.notes, instance.notes),
        "service_management_reference": (found.service_management_reference, instance.service_management_reference),
    }
    return tuple(
        FieldChange(field, before, after)
        for field, (before, after) in pairs.items()
        # What the file does not name stays unchanged in the tenant.
        if after is not None and before != after
    )


def diff_owners(instance: Instance, found: ObservedInstance) -> tuple[FieldChange, ...]:
    """Return the owners that the application lacks."""
    return tuple(
        FieldChange(f"owners.{owner}", None, "owner") for owner in instance.owners if owner not in found.owners
    )


def diff_assignments(
    instance: Instance, found: ObservedInstance, removals: Iterable[Assigned], principals: Mapping[str, Principal]
) -> tuple[FieldChange, ...]:
    """Return the missing assignments, then the surplus ones."""
    lacking = missing_assignments(instance, found.template_id or "", found.roles, found.assigned)
    return (
        *(FieldChange(f"assignments.{each.principal_id}", None, format_assignment(each)) for each, _ in lacking),
        *(_removal(each, found, principals.get(each.principal_id)) for each in removals),
    )


def _removal(assigned: Assigned, found: ObservedInstance, principal: Principal | None) -> FieldChange:
    field, before = f"assignments.{assigned.principal_id}", format_assigned(assigned, found.roles)
    return FieldChange(field, before, None, dangerous=True, members=principal.members if principal else None)


def saved_secrets(instance: Instance, found: ObservedInstance, health: JobHealth) -> Mapping[str, str]:
    """Return what is saved; if it may not be read, everything for a job that has run, and nothing otherwise."""
    if found.secrets is not None:
        return found.secrets
    # Unreadable secrets: of a job that never ran none may be saved, of others all are taken to be.
    if health.state in NEVER_STARTED:
        return {}
    return dict.fromkeys([*instance.credentials, *build_job_settings(instance, {})], MASK)


def diff_credentials(
    instance: Instance, saved: Mapping[str, str], health: JobHealth, save_all: bool
) -> tuple[FieldChange, ...]:
    """Return the credentials and settings that are not saved or differ."""
    wanted: dict[str, str | None] = {
        key: None if value.startswith("${") else value for key, value in instance.credentials.items()
    }
    settings = build_job_settings(instance, saved)
    changes = []
    for key, value in (wanted | settings).items():
        before = saved.get(key)
        # Users entering the scope get an account, and users leaving it may lose theirs.
        dangerous = key == "SyncAll" and health.state not in NEVER_STARTED
        if before is None:
            changes.append(FieldChange(f"credentials.{key}", None, "to be saved", dangerous))
        elif save_all and key in instance.credentials:
            changes.append(FieldChange(f"credentials.{key}", "saved", SAVED_AGAIN))
        elif value is not None and before != MASK and not settings_equal(value, before):
            danger = "scope" if dangerous else ""
            changes.append(FieldChange(f"credentials.{key}", before, value, dangerous, danger=danger))
    return tuple(changes)


def diff_job(
    instance: Instance, found: ObservedInstance, health: JobHealth, paused_by: str | None, force: bool
) -> tuple[FieldChange, ...]:
    """Return the changes for the job to exist and to run or pause as the file says."""
    changes = []
    if health.state == "missing":
        others = " and ".join(sorted(job.template_id or job.id for job in found.jobs)) or None
        wanted = instance.synchronization_template or "default"
        # A second job shares its secrets and assignments with the first.
        changes.append(FieldChange("job", others, wanted, dangerous=others is not None))
    if instance.job == "running" and health.state in NEVER_STARTED:
        changes.append(FieldChange("job_state", health.state, "running"))
    elif instance.job == "running" and _may_be_resumed(health, paused_by, force):
        changes.append(FieldChange("job_state", health.state, "running", dangerous=paused_by != "us"))
    elif instance.job == "paused" and health.state in RUNNING:
        # The result of its last cycle does not matter here.
        changes.append(FieldChange("job_state", "running", "paused"))
    return tuple(changes)


def _may_be_resumed(health: JobHealth, paused_by: str | None, force: bool) -> bool:
    # All held deletions would be carried out, which only a person may allow.
    if health.held_by == TOO_MANY_DELETES:
        return False
    if health.held_by:
        return force
    # Someone who paused a job had a reason that the fleet file does not know.
    return paused_by == "us" or (paused_by == "someone" and force)


def known_credentials(
    instance: Instance, saved: Mapping[str, str], found: ObservedInstance, memory: KnownState
) -> dict[str, Literal["known", "unknown"]]:
    """Return, for each saved credential in the file, whether the store knows if it has changed."""
    referred = [key for key, value in instance.credentials.items() if value.startswith("${") and key in saved]
    return {key: "known" if memory.knows(found.service_principal_id, key) else "unknown" for key in referred}
