"""The difference between a fleet file and a tenant, as a pure function."""

from collections.abc import Collection, Mapping

from flows.monitoring.health import JobHealth, assess
from flows.reconcile.assignments import missing, shown
from flows.reconcile.fleet import Fleet, Instance
from flows.reconcile.mark import Mark
from flows.reconcile.observe import Observed, ObservedInstance
from flows.reconcile.plan import Action, Conflict, FieldChange, InstancePlan, Orphan, Plan
from flows.reconcile.settings import job_settings, same_setting

_MASK = "*"


class UnknownKey(Exception):
    """A key was asked for that the fleet file does not have."""


def select(fleet: Fleet, only: Collection[str] | None) -> tuple[Instance, ...]:
    """Return the instances whose keys are in `only`, or all of them.

    Raises:
        UnknownKey: A key in `only` is not in the fleet file.
    """
    if not only:
        return fleet.instances
    unknown = set(only) - {instance.key for instance in fleet.instances}
    if unknown:
        raise UnknownKey(f"The fleet {fleet.fleet} has no instance {', '.join(sorted(unknown))}; check --only.")
    return tuple(instance for instance in fleet.instances if instance.key in only)


def diff(fleet: Fleet, observed: Observed, *, only: Collection[str] | None = None, save_all: bool = False) -> Plan:
    """Return what an apply would do.

    Args:
        fleet: What is wanted.
        observed: What there is.
        only: Keys to look at; the others do not appear in the plan.
        save_all: Plan to validate and save every instance's credentials, known to be there or not.
    """
    plans = tuple(_plan(fleet.fleet, instance, observed, save_all) for instance in select(fleet, only))
    keys = {key for instance in fleet.instances for key in (instance.key, instance.renamed_from)}
    orphans = tuple(
        Orphan(key, item.display_name, item.application_id, item.service_principal_id)
        for key, items in sorted(observed.instances.items())
        if key not in keys
        for item in items
    )
    return Plan(fleet.fleet, fleet.tenant_id, plans, orphans)


def _plan(fleet: str, instance: Instance, observed: Observed, save_all: bool) -> InstancePlan:
    bearers = observed.instances.get(instance.key) or observed.instances.get(instance.renamed_from or "", ())
    if conflict := _conflict(fleet, instance, observed, bearers):
        return InstancePlan(fleet, instance, Action.CONFLICT, conflict=conflict)
    template_id = observed.templates[instance.template].id
    if not bearers:
        return InstancePlan(fleet, instance, Action.CREATE, template_id, changes=_creation(instance))
    found = bearers[0]
    job = found.job_for(instance.synchronization_template)
    health = assess(job)
    changes = (
        *_description_changes(fleet, instance, found),
        *_credential_changes(instance, _saved(instance, found, health), save_all),
        *_owner_changes(instance, found),
        *_assignment_changes(instance, found),
        *_job_changes(instance, health),
    )
    action = Action.NONE if not changes else Action.UPDATE if found.marked else Action.ADOPT
    return InstancePlan(
        fleet,
        instance,
        action,
        template_id,
        changes,
        health,
        application_id=found.application_id,
        service_principal_id=found.service_principal_id,
        job_id=job.id if job else None,
    )


def _conflict(
    fleet: str, instance: Instance, observed: Observed, bearers: tuple[ObservedInstance, ...]
) -> Conflict | None:
    if problem := observed.problems.get(instance.template):
        return Conflict(problem.code, problem.message, problem.hint)
    tag = Mark(fleet, instance.key).tag
    if len(bearers) > 1:
        ids = " and ".join(sorted(item.application_id or item.app_id for item in bearers))
        return Conflict(
            "TwoApplications",
            f"{len(bearers)} applications bear the mark {tag}: {ids}.",
            "Two runs made it at the same time. Delete all but one of them, then apply again.",
        )
    template_id = observed.templates[instance.template].id
    if bearers:
        if bearers[0].template_id in {None, template_id}:
            return None
        return Conflict(
            "OtherTemplate",
            f"The application of {instance.key} was made from template {bearers[0].template_id}, not {template_id}.",
            "A template cannot be changed. Give the instance a new key, and retire the old one.",
        )
    if namesakes := observed.namesakes.get((template_id, instance.display_name)):
        return Conflict(
            "NameTaken",
            f"An application {instance.display_name!r} of this template exists and is not ours: {namesakes[0]}.",
            f"Give this instance another display_name, or tag that application {tag} to hand it to entra-fleet.",
        )
    return None


def _creation(instance: Instance) -> tuple[FieldChange, ...]:
    keys = [*instance.credentials, *job_settings(instance, {})]
    starts = (FieldChange("job_state", None, "running"),) if instance.job == "running" else ()
    return (
        FieldChange("application", None, instance.template),
        FieldChange("mark", None, instance.key),
        FieldChange("display_name", None, instance.display_name),
        FieldChange("job", None, instance.synchronization_template or "default"),
        *(FieldChange(f"credentials.{key}", None, "to be saved") for key in keys),
        *(FieldChange(f"owners.{owner}", None, "owner") for owner in instance.owners),
        *(FieldChange(f"assignments.{each.principal_id}", None, shown(each)) for each in instance.assignments),
        *starts,
    )


def _description_changes(fleet: str, instance: Instance, found: ObservedInstance) -> tuple[FieldChange, ...]:
    mark = Mark(fleet, instance.key)
    bears = found.mark if found.marked else None
    pairs = {
        "mark": (bears.tag if bears else None, mark.tag),
        "display_name": (found.display_name, instance.display_name),
        "notes": (found.notes, instance.notes),
        "service_management_reference": (found.service_management_reference, instance.service_management_reference),
    }
    return tuple(
        FieldChange(field, before, after)
        for field, (before, after) in pairs.items()
        if after is not None and before != after
    )


def _owner_changes(instance: Instance, found: ObservedInstance) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(f"owners.{owner}", None, "owner") for owner in instance.owners if owner not in found.owners
    )


def _assignment_changes(instance: Instance, found: ObservedInstance) -> tuple[FieldChange, ...]:
    lacking = missing(instance, found.template_id or "", found.roles, found.assigned)
    return tuple(FieldChange(f"assignments.{each.principal_id}", None, shown(each)) for each, _ in lacking)


def _saved(instance: Instance, found: ObservedInstance, health: JobHealth) -> Mapping[str, str]:
    """Return what is saved; where it may not be read, everything for a job that has run, and nothing for another."""
    if found.secrets is not None:
        return found.secrets
    if health.state in {"missing", "created"}:
        return {}
    return dict.fromkeys([*instance.credentials, *job_settings(instance, {})], _MASK)


def _credential_changes(instance: Instance, saved: Mapping[str, str], save_all: bool) -> tuple[FieldChange, ...]:
    wanted: dict[str, str | None] = {
        key: None if value.startswith("${") else value for key, value in instance.credentials.items()
    }
    settings = job_settings(instance, saved)
    changes = []
    for key, value in (wanted | settings).items():
        before = saved.get(key)
        if before is None:
            changes.append(FieldChange(f"credentials.{key}", None, "to be saved"))
        elif save_all and key in instance.credentials:
            changes.append(FieldChange(f"credentials.{key}", "saved", "to be saved again"))
        elif value is not None and before != _MASK and not same_setting(value, before):
            changes.append(FieldChange(f"credentials.{key}", before, value))
    return tuple(changes)


def _job_changes(instance: Instance, health: JobHealth) -> tuple[FieldChange, ...]:
    changes = []
    if health.state == "missing":
        changes.append(FieldChange("job", None, instance.synchronization_template or "default"))
    if instance.job == "running" and health.state in {"missing", "created"}:
        changes.append(FieldChange("job_state", health.state, "running"))
    if instance.job == "paused" and health.state in {"initial-cycle", "steady", "degraded"}:
        changes.append(FieldChange("job_state", health.state, "paused"))
    return tuple(changes)
