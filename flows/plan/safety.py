"""The safety checks: why an instance, or a plan as a whole, is refused."""

import shlex

from flows.base_error import EntraFleetError
from flows.fleet_file.models import Instance
from flows.plan.changes import SAVED_AGAIN
from flows.plan.plan import NEVER_STARTED, UNFINISHED, Action, Conflict, FieldChange, InstancePlan, Plan
from flows.tenant.assignments import explain_unknown_role, missing_assignments
from flows.tenant.instance_state import Observed, ObservedInstance
from flows.tenant.observe import duplicate_hint
from flows.tenant.ownership_tag import OwnershipTag

PERCENT_MAX = 30
NEVER_REFUSED = 4
"""Always allowed, however small the fleet."""


class PlanRefused(EntraFleetError):
    """A plan is refused; nothing was written."""


def refuse_large_share(count: int, of: int, what: str) -> PlanRefused | None:
    """Return why a run may not change so many instances of a fleet at once.

    Args:
        count: Instances that would be changed.
        of: Instances that the fleet has.
        what: The action, such as `retire`.

    Returns:
        The refusal; None if the run may continue.
    """
    # In whole numbers: a limit must not depend on rounding.
    if count <= NEVER_REFUSED or 100 * count <= PERCENT_MAX * of:
        return None
    # Cause: Often a truncated file, or the wrong one. Up to four instances are always allowed.
    return PlanRefused(
        f"This would {what} {count} of {of} instances ({100 * count / of:.3g} %); the limit is {PERCENT_MAX} %.",
        "Check the plan again, and add --force if that is what you want.",
    )


_DANGERS_SHOWN = 3


class PlanChanged(PlanRefused):
    """The plan has changed since it was reviewed."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(
            f"The plan of {plan.fleet} has changed since its review: the fleet file or the tenant changed.",
            "Nothing was written. Run plan again and apply the new plan.",
        )
        self.plan = plan


def find_refusal(
    plan: Plan, *, force: bool = False, digest: str | None = None, in_waves: bool = False
) -> PlanRefused | None:
    """Return why a plan is refused, or None if it may be applied.

    Args:
        plan: The plan.
        force: Whether to override the safety checks.
        digest: Digest of the reviewed plan; None without a review.
        in_waves: Whether it is applied in waves, which replace the limit on changes.
    """
    if digest not in {None, plan.digest}:  # before --force, which lifts limits and not a review
        return PlanChanged(plan)
    if force:
        return None
    # A reviewed plan has shown them; a plan that is only shown has not been approved.
    refusal = None if digest else _dangers(plan)
    if not in_waves:
        count = sum(_updates(each) for each in plan.instances)
        refusal = refusal or refuse_large_share(count, plan.existing, "update")
    return refusal


def _dangers(plan: Plan) -> PlanRefused | None:
    """Return the refusal for changes of mappings and scopes that may deprovision users, if there are any."""
    found = {each.key: _dangerous(each) for each in plan.instances}
    named = {key: changes for key, changes in found.items() if changes}
    if not named:
        return None
    key, changes = next(iter(named.items()))
    words = ", ".join(dict.fromkeys(f"{each.field} ({each.danger})" for each in changes[:_DANGERS_SHOWN]))
    fewer = len(changes) - _DANGERS_SHOWN
    more = f" and {fewer} more" if fewer > 0 else ""
    others = f"; and {len(named) - 1} more instances" if len(named) > 1 else ""
    return PlanRefused(
        f"This changes which users are provisioned, or how they are matched: {key}: {words}{more}{others}.",
        "Review it with plan --out PLAN and apply --plan-file PLAN, or add --force if that is what you want.",
    )


def _dangerous(plan: InstancePlan) -> list[FieldChange]:
    # A job that never ran has no accounts that could be lost.
    if plan.action not in {Action.UPDATE, Action.ADOPT} or plan.health.state in NEVER_STARTED:
        return []
    return [each for each in plan.changes if each.dangerous and each.danger]


def _updates(plan: InstancePlan) -> bool:
    """Return whether a working instance is changed: creating, finishing or tagging one risks nothing."""
    if plan.action not in {Action.UPDATE, Action.ADOPT}:
        return False
    unfinished = plan.health.state in NEVER_STARTED and plan.touches(*UNFINISHED)
    # Saving credentials again was explicitly requested.
    harmless = frozenset({"mark", SAVED_AGAIN})
    return not unfinished and any(harmless.isdisjoint({each.field, each.after}) for each in plan.changes)


REMOVALS_ALWAYS = 10
"""This many assignments of an instance may always be removed at once."""


def find_conflict(
    fleet: str, instance: Instance, observed: Observed, owned: tuple[ObservedInstance, ...]
) -> Conflict | None:
    """Return the conflict of an instance, if there is one."""
    if len(owned) > 1:
        ids = " and ".join(sorted(item.application_id or item.app_id for item in owned))
        return Conflict(
            "TwoApplications",
            f"{len(owned)} applications have the ownership tag {OwnershipTag(fleet, instance.key).tag}: {ids}.",
            duplicate_hint(instance.key),
        )
    if conflict := _not_to_adopt(fleet, instance, owned):
        return conflict
    template = observed.templates.get(instance.template)
    if owned:
        # An existing instance needs no template.
        other = _other_template(instance, template.id, owned[0]) if template else None
        return other or _half_there(instance, observed, owned[0]) or _unreadable(instance, owned[0])
    if template is None:
        problem = observed.problems[instance.template]
        return Conflict(problem.code, problem.message, problem.hint)
    template_id = template.id
    if namesakes := observed.namesakes.get((template_id, instance.display_name)):
        return Conflict(
            "NameTaken",
            f"An application {instance.display_name!r} of this template exists outside this fleet: {namesakes[0]}.",
            f"To adopt it, run: entra-fleet adopt --template {shlex.quote(instance.template)}. "
            "Otherwise give this instance another display_name.",
        )
    return None


def too_many_removals(instance: Instance, removals: int, assigned: int) -> Conflict | None:
    """Return the conflict of removing suspiciously many assignments at once."""
    limit = max(REMOVALS_ALWAYS, assigned * PERCENT_MAX // 100)  # a share of few would allow none
    if removals <= limit:
        return None
    return Conflict(
        "TooManyRemovals",
        f"assignments_mode exact would remove {removals} of the {assigned} assignments of {instance.key} "
        f"({100 * removals / assigned:.3g} %); the limit is {limit}.",
        "Correct assignments in the fleet file, or review them with plan --force and run apply with --force.",
    )


def _not_to_adopt(fleet: str, instance: Instance, owned: tuple[ObservedInstance, ...]) -> Conflict | None:
    """Return why the application named in adopt cannot be adopted, if one is named."""
    if instance.adopt is None:
        return None
    if not owned:
        return Conflict(
            "AdoptNotFound",
            f"The tenant has no application {instance.adopt} to adopt as {instance.key}.",
            "adopt takes the object id of the application, not that of its service principal or its client id.",
        )
    found = owned[0]
    if found.application_id not in {None, instance.adopt}:
        return Conflict(
            "AdoptedAnother",
            f"{instance.key} already has application {found.application_id}, but adopt names {instance.adopt}.",
            "Correct or remove adopt, or add another instance for that application.",
        )
    if not found.marked and found.mark not in {None, *(OwnershipTag(fleet, key) for key in instance.own_keys)}:
        return Conflict(
            "MarkedByAnother",
            f"The application {instance.adopt} has the ownership tag {found.mark.tag if found.mark else ''}.",
            "Only untagged applications can be adopted. Release it from the other fleet, or correct adopt.",
        )
    return None


def unassignable(instance: Instance, observed: Observed, found: ObservedInstance | None) -> Conflict | None:
    """Return the conflict of an assignment or owner that cannot be added, before anything is created.

    Args:
        instance: The desired state.
        observed: The tenant, including the users and groups to be assigned or added as owners.
        found: The existing instance; None if it is to be created, with roles still unknown.
    """
    kinds = {each.principal_id: "group" if each.group else "user" for each in instance.assignments}
    for principal_id in (*kinds, *instance.owners):
        principal = observed.principals.get(principal_id)
        # None means that it could not be read: assigning by id needs no such permission.
        if principal and principal.exists is False:
            kind = kinds.get(principal_id, "user or service principal")
            return Conflict(
                "PrincipalNotFound",
                f"The tenant has no {kind} {principal_id}, which the fleet file lists for {instance.key}.",
                "Correct assignments or owners: they take object ids, under group or user according to the kind.",
            )
    if found is None:
        return None
    lacking = missing_assignments(instance, found.template_id or "", found.roles, found.assigned)
    unknown = [each for each, role in lacking if role is None]
    if not unknown:
        return None
    return Conflict("RoleNotFound", *explain_unknown_role(instance.key, unknown[0].role, found.roles))


def _half_there(instance: Instance, observed: Observed, found: ObservedInstance) -> Conflict | None:
    """Return the conflict of a deleted application or service principal whose counterpart still exists."""
    again = f"or remove the rest, then apply: entra-fleet retire FLEET --only {instance.key}"
    if found.service_principal_id is None and found.app_id in observed.deleted_principals:
        return Conflict(
            "ServicePrincipalDeleted",
            f"The service principal of {instance.key} was deleted; application {found.application_id} still exists.",
            f"Restore it in Entra under Enterprise applications, Deleted applications, {again}",
        )
    if found.application_id is None and found.app_id in {each.app_id for each in observed.deleted}:
        return Conflict(
            "ApplicationDeleted",
            f"The application of {instance.key} was deleted; its service principal {found.service_principal_id} "
            "still exists.",
            f"Restore it in Entra under App registrations, Deleted applications, {again}",
        )
    return None


def _unreadable(instance: Instance, found: ObservedInstance) -> Conflict | None:
    if (error := found.unreadable) is None:
        return None
    # Cause: The health of this one instance is unknown.
    return Conflict(
        error.code or type(error).__name__,
        f"Graph did not return the jobs of {instance.key}: {error.message or error.what}",
        error.hint or "This instance was skipped; the plan covers all others. Plan again later.",
    )


def unclear_job(instance: Instance, found: ObservedInstance) -> Conflict | None:
    """Return the conflict of several jobs, none of which is certain to be ours."""
    template = instance.synchronization_template
    if template or not found.jobs or found.job_for(template):  # named in the file, absent, or found: then it is clear
        return None
    names = sorted(job.template_id or job.id for job in found.jobs)
    return Conflict(
        "JobUnclear",
        f"The service principal of {instance.key} has jobs from {' and '.join(names)}, none from the default template.",
        "Set synchronization_template in the fleet file to the template of its job.",
    )


def _other_template(instance: Instance, template_id: str, found: ObservedInstance) -> Conflict | None:
    if found.template_id in {None, template_id}:
        return None
    return Conflict(
        "OtherTemplate",
        f"The application of {instance.key} was created from template {found.template_id}, not {template_id}.",
        "A template cannot be changed. Give the instance a new key, and retire the old one.",
    )
