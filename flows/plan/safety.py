"""Why a plan as a whole is refused."""

from flows.base_error import EntraFleetError
from flows.plan.changes import SAVED_AGAIN
from flows.plan.plan import NEVER_STARTED, UNFINISHED, Action, FieldChange, InstancePlan, Plan

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
    if digest not in {None, plan.digest}:
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
