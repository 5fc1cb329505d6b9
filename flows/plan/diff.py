"""The difference between a fleet file and a tenant, as a pure function."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from flows.base_error import USAGE, EntraFleetError
from flows.documents.errors import suggest_nearest
from flows.fleet_file.models import Fleet, Instance
from flows.mappings.scope_filter import selections
from flows.monitoring.health import JobHealth, assess_job, unreadable
from flows.monitoring.own_job import other_jobs
from flows.plan import changes
from flows.plan.cross_tenant import (
    ask_administrators,
    diff_cross_tenant,
    find_organization_warnings,
    find_partnership_conflict,
    find_permission_warnings,
)
from flows.plan.known_state import KnownState, name_changes
from flows.plan.plan import Action, Conflict, FieldChange, InstancePlan, Orphan, Plan
from flows.plan.safety import find_conflict, too_many_removals, unassignable, unclear_job
from flows.plan.schema_changes import SchemaMerge, initial_cycle, merge_mappings
from flows.plan.single_sign_on import (
    diff_claims,
    diff_sign_on,
    find_claims_conflict,
    find_sign_on_conflict,
    name_sharers,
)
from flows.tenant.assignments import format_assignment, pending_assignments, surplus_assignments, unknown_roles
from flows.tenant.instance_state import Observed, ObservedInstance
from flows.tenant.schemas import SchemaLanguage
from flows.tenant.single_sign_on import expected_roles, merge_roles


class UnknownKey(EntraFleetError):
    """A requested key is not in the fleet file."""

    exit_code = USAGE


@dataclass(frozen=True)
class _Options:
    """The options of an apply."""

    save_all: bool
    force: bool
    now: datetime | None


def select_instances(fleet: Fleet, only: Collection[str] | None) -> tuple[Instance, ...]:
    """Return the instances whose keys are in `only`, or all of them.

    Raises:
        UnknownKey: A key in `only` is not in the fleet file.
    """
    if not only:
        return fleet.instances
    keys = [instance.key for instance in fleet.instances]
    if unknown := sorted(set(only) - set(keys)):
        near = suggest_nearest(unknown[0], keys)
        hint = f"Did you mean {near}?" if near else "Check --only."
        raise UnknownKey(f"Fleet {fleet.fleet} has no instance {', '.join(unknown)}.", hint)
    return tuple(instance for instance in fleet.instances if instance.key in only)


def diff_fleet(
    fleet: Fleet,
    observed: Observed,
    *,
    memory: KnownState = KnownState(),  # noqa: B008  # frozen
    only: Collection[str] | None = None,
    save_all: bool = False,
    force: bool = False,
    now: datetime | None = None,
) -> Plan:
    """Return what an apply would do.

    Args:
        fleet: The desired state.
        observed: The current state of the tenant.
        memory: What earlier runs recorded.
        only: Keys to plan; others do not appear in the plan.
        save_all: Plan to validate and save every instance's credentials, even if already saved.
        force: Override the safety checks: pauses by others, quarantines, many removals.
        now: The time for deciding whether a job is stale; does not affect what would be done.
    """
    options = _Options(save_all, force, now)
    selected = select_instances(fleet, only)
    plans = name_sharers(fleet, (_plan(fleet.fleet, each, observed, memory, options) for each in selected))
    keys = {key for instance in fleet.instances for key in instance.own_keys}
    # Against all keys of the file, not only the selected ones: what --only leaves out is no orphan.
    orphans = tuple(
        Orphan(key, item.display_name, item.application_id, item.service_principal_id)
        for key, items in sorted(observed.instances.items())
        if key not in keys
        for item in items
    )
    absent = {key for plan in plans if plan.action is Action.CREATE for key in plan.instance.own_keys}
    deleted = tuple(each for each in observed.deleted if each.key in absent)
    # Of the whole fleet, because the safety checks take a share of it.
    existing = sum(bool(observed.owned(instance)) for instance in fleet.instances)
    return Plan(fleet.fleet, fleet.tenant_id, plans, orphans, deleted, existing)


def _plan(fleet: str, instance: Instance, observed: Observed, memory: KnownState, options: _Options) -> InstancePlan:
    owned = observed.owned(instance)
    if conflict := find_conflict(fleet, instance, observed, owned):
        return _left_alone(InstancePlan(fleet, instance, Action.CONFLICT, conflict=conflict), owned, memory, options)
    template = observed.templates.get(instance.template)
    template_id = template.id if template else owned[0].template_id or ""  # an existing one needs no template
    owned = tuple(_with_new_roles(instance, each) for each in owned)
    waiting = pending_assignments(instance, template_id, owned[0].roles if owned else None)
    names = {key: principal.name for key, principal in observed.principals.items()}
    if owned:
        names |= {each.principal_id: each.principal_name for each in owned[0].assigned}
    common = InstancePlan(
        fleet,
        instance,
        Action.CREATE,
        template_id,
        pending=(*map(format_assignment, waiting), *_find_waiting(instance, observed, owned)),
        warnings=(*_remarks(instance, observed, owned), *unknown_roles(instance.assignments, names)),
    )
    if owned:
        return _planned_change(common, owned[0], observed, memory, options)
    if conflict := _new_conflict(instance, observed):
        return replace(common, action=Action.CONFLICT, conflict=conflict)
    created = changes.plan_creation(fleet, instance, waiting, observed.claims)
    return replace(common, changes=(*_policy_changes(instance, observed), *created))


def _policy_changes(instance: Instance, observed: Observed) -> tuple[FieldChange, ...]:
    found = observed.partnerships.get(instance.key)
    return diff_cross_tenant(instance.cross_tenant, found) if instance.cross_tenant and found else ()


def _find_waiting(instance: Instance, observed: Observed, owned: tuple[ObservedInstance, ...]) -> tuple[str, ...]:
    """Return what the administrators of a target have to do before an instance without a job can have one."""
    wanted = instance.cross_tenant
    done = owned and owned[0].job_for(instance.synchronization_template)
    found = observed.partnerships.get(instance.key)
    if wanted is None or wanted.sign_in or done or found is None:
        return ()
    return (ask_administrators(wanted, found.source_tenant_id),)


def _new_conflict(instance: Instance, observed: Observed) -> Conflict | None:
    """Return the conflict of an instance to be created."""
    return (
        unassignable(instance, observed, None)
        or find_sign_on_conflict(instance, None, observed.identifier_owners, None)
        or find_partnership_conflict(instance, observed.partnerships.get(instance.key), None)
    )


def _with_new_roles(instance: Instance, found: ObservedInstance) -> ObservedInstance:
    """Return an instance with the roles that its sso adds: assignments may name them."""
    if instance.sso is None:
        return found
    principal_id = found.service_principal_id or ""
    added = expected_roles(principal_id, merge_roles(principal_id, instance.sso.roles, found.roles))
    return replace(found, roles=(*found.roles, *added))


def _left_alone(
    plan: InstancePlan, owned: tuple[ObservedInstance, ...], memory: KnownState, options: _Options
) -> InstancePlan:
    """Return a plan in conflict, with the health of its job, which does not depend on the conflict."""
    found = next((each for each in owned if each.jobs), owned[0] if owned else None)
    if found is None:
        return plan
    job = found.job_for(plan.instance.synchronization_template)
    health = unreadable(found.unreadable) if found.unreadable else assess_job(job, options.now)
    return replace(
        plan,
        health=health,
        paused_by=_paused_by(health, memory),
        changed_by=memory.pause_of(plan.key, health),
        app_id=found.app_id or None,
        application_id=found.application_id,
        service_principal_id=found.service_principal_id,
        job_id=job.id if job else None,
    )


def _remarks(instance: Instance, observed: Observed, owned: tuple[ObservedInstance, ...]) -> tuple[str, ...]:
    """Return the warnings about an instance that need no change."""
    problem = observed.problems.get(instance.template)
    renamed = (f"{problem.message} {problem.hint}",) if problem else ()
    policies = observed.partnerships.get(instance.key)
    renamed = (*renamed, *find_organization_warnings(policies), *find_permission_warnings(instance, policies))
    if not owned:
        return renamed
    others = owned[0].other_jobs(instance.synchronization_template)
    added = (f"its service principal has {other_jobs(others)}",) if others else ()
    principal = owned[0].service_principal_id is None
    lost = ("its service principal was not found; an apply looks it up again, and changes nothing if it is gone",)
    return (*renamed, *added, *(lost if principal else ()))


def _planned_change(
    common: InstancePlan, found: ObservedInstance, observed: Observed, memory: KnownState, options: _Options
) -> InstancePlan:
    fleet, instance = common.fleet, common.instance
    removals = surplus_assignments(instance, found.roles, found.assigned)
    job = found.job_for(instance.synchronization_template)
    health = assess_job(job, options.now)
    saved = changes.saved_secrets(instance, found, health)
    paused_by = _paused_by(health, memory)
    merge = _merge(instance, found, observed, memory) if job else None
    conflict = _conflict(fleet, instance, found, observed, len(removals), options)
    conflict = conflict or (merge.conflict(instance.key) if merge else None)
    needed = (
        *_policy_changes(instance, observed),
        *changes.diff_description(fleet, instance, found),
        *changes.diff_credentials(instance, saved, health, options.save_all),
        *changes.diff_owners(instance, found),
        *_sign_on_changes(fleet, instance, found, observed),
        *changes.diff_assignments(instance, found, removals, observed.principals),
        *_mapping_changes(instance, merge),
        *changes.diff_job(instance, found, health, paused_by, options.force),
    )
    warnings = (initial_cycle(job),) if merge and merge.changes and not conflict else ()
    # Without its tag: an earlier run was interrupted before it set the tag, or the file names the application in
    # `adopt`.
    action = Action.NONE if not needed else Action.UPDATE if found.marked else Action.ADOPT
    plan = replace(
        common,
        action=Action.CONFLICT if conflict else action,
        changes=() if conflict else needed,
        health=health,
        paused_by=paused_by,
        changed_by=memory.pause_of(instance.key, health),
        settings_read=found.secrets is not None,
        credentials=changes.known_credentials(instance, saved, found, memory),
        removals=() if conflict else removals,
        app_id=found.app_id or None,
        application_id=found.application_id,
        service_principal_id=found.service_principal_id,
        job_id=job.id if job else None,
        job_template_id=(job.template_id or "") if job else "",
        schema_digest=merge.digest if merge else None,
        warnings=(*common.warnings, *warnings),
        selections=selections(merge.desired, all_users=instance.scope == "all") if merge and not conflict else (),
        conflict=conflict,
    )
    return name_changes(plan, memory)


def _sign_on_changes(
    fleet: str, instance: Instance, found: ObservedInstance, observed: Observed
) -> tuple[FieldChange, ...]:
    if instance.sso is None:
        return ()
    claims = diff_claims(fleet, instance.sso, found.sign_on, observed.claims)
    return (*diff_sign_on(instance.sso, found.sign_on, found.service_principal_id or ""), *claims)


def _conflict(
    fleet: str, instance: Instance, found: ObservedInstance, observed: Observed, removals: int, options: _Options
) -> Conflict | None:
    """Return the conflict of changes that no step can or should carry out."""
    # --force lifts limits, but not what no step could do.
    conflict = unclear_job(instance, found) or unassignable(instance, observed, found)
    conflict = conflict or find_sign_on_conflict(
        instance, found.sign_on, observed.identifier_owners, found.application_id
    )
    conflict = conflict or find_claims_conflict(fleet, instance, found.sign_on, observed.claims)
    conflict = conflict or find_partnership_conflict(instance, observed.partnerships.get(instance.key), found.secrets)
    if conflict or options.force:
        return conflict
    return too_many_removals(instance, removals, len(found.assigned))


def _merge(instance: Instance, found: ObservedInstance, observed: Observed, memory: KnownState) -> SchemaMerge | None:
    job = found.job_for(instance.synchronization_template)
    if instance.mappings is None or job is None or found.schema is None:
        return None
    language = observed.languages.get((found.template_id or "", job.template_id or ""), SchemaLanguage())
    applied = memory.applied_to(found.service_principal_id, job.id)
    return merge_mappings(instance.mappings, applied, language, found.schema)


def _mapping_changes(instance: Instance, merge: SchemaMerge | None) -> tuple[FieldChange, ...]:
    if merge:
        return merge.changes
    # A job to be created gets its template's schema, which has not been read.
    return (FieldChange("mappings", None, changes.AS_THE_FILE),) if instance.mappings else ()


def _paused_by(health: JobHealth, memory: KnownState) -> Literal["us", "someone"] | None:
    if health.state != "paused":
        return None
    return "us" if health.job_id in memory.paused_by_us else "someone"
