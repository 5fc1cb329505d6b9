"""Why a plan as a whole is not carried out."""

from flows.plan.changes import SAVED_AGAIN
from flows.plan.limits import refuse_large_share
from flows.plan.plan import Action, FieldChange, InstancePlan, Plan

_NEVER_STARTED = {"missing", "created"}
_DANGERS_SHOWN = 3
_UNFINISHED = ("job", "credentials", "job_state")


class PlanRefused(Exception):
    """A plan is not carried out as it is; nothing was written. Its text is one to three lines."""


class PlanChanged(PlanRefused):
    """What would be done is no longer what was looked at."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(
            f"The plan of {plan.fleet} is no longer the one that was reviewed: the fleet file or the tenant changed.\n"
            "Nothing was written. Plan again, and apply that."
        )
        self.plan = plan


def find_refusal(
    plan: Plan, *, force: bool = False, digest: str | None = None, in_waves: bool = False
) -> PlanRefused | None:
    """Return why a plan may not be carried out, or None if it may.

    Args:
        plan: What would be done.
        force: Whether it may change as much of the fleet as it likes.
        digest: Of the plan that was reviewed; None if none was.
        in_waves: Whether it is done wave by wave, each held by what the one before did: however much that is.
    """
    if digest not in {None, plan.digest}:
        return PlanChanged(plan)
    if force:
        return None
    # A plan that was reviewed has shown them; one that is merely shown has not been decided on.
    text = None if digest else _dangers(plan)
    if not in_waves:
        count = sum(_updates(each) for each in plan.instances)
        text = text or refuse_large_share(count, plan.existing, "update")
    return PlanRefused(text) if text else None


def _dangers(plan: Plan) -> str | None:
    """Say which changes of mappings and scopes may cost people their accounts, if any may."""
    found = {each.key: _dangerous(each) for each in plan.instances}
    named = {key: changes for key, changes in found.items() if changes}
    if not named:
        return None
    key, changes = next(iter(named.items()))
    words = ", ".join(dict.fromkeys(f"{each.field} ({each.danger})" for each in changes[:_DANGERS_SHOWN]))
    fewer = len(changes) - _DANGERS_SHOWN
    more = f" and {fewer} more" if fewer > 0 else ""
    others = f"; and {len(named) - 1} more instances" if len(named) > 1 else ""
    return (
        f"This changes who has an account, or which: {key}: {words}{more}{others}.\n"
        "Review it with plan --out PLAN and apply --plan-file PLAN, or add --force if that is what you want."
    )


def _dangerous(plan: InstancePlan) -> list[FieldChange]:
    if plan.action not in {Action.UPDATE, Action.ADOPT} or plan.health.state in _NEVER_STARTED:
        return []
    return [each for each in plan.changes if each.dangerous and each.danger]


def _updates(plan: InstancePlan) -> bool:
    """Tell whether something that works is changed: what is made, finished or merely marked puts nothing at risk."""
    if plan.action not in {Action.UPDATE, Action.ADOPT}:
        return False
    unfinished = plan.health.state in _NEVER_STARTED and plan.touches(*_UNFINISHED)
    # Whoever has credentials saved again has named what is to be done.
    harmless = frozenset({"mark", SAVED_AGAIN})
    return not unfinished and any(harmless.isdisjoint({each.field, each.after}) for each in plan.changes)
