"""A plan in the words that the terminal and Prefect's UI show."""

from collections import Counter

from flows.formatting.text import format_count
from flows.plan.plan import Action, FieldChange, InstancePlan, Plan

DANGEROUS = "(dangerous)"
_ORIGINS = {
    "tenant": "changed in the tenant, an apply undoes it",
    "both": "changed in the tenant and in the file, an apply overwrites the tenant",
}


def format_change(change: FieldChange) -> str:
    """Return `field: before → after`, and what there is to know about it."""
    before, after = change.before, change.after
    members = f" ({change.members} members)" if change.members is not None else ""
    values = f"{after}" if before is None else f"{before}{members} → {'removed' if after is None else after}"
    notes = [_ORIGINS[change.origin]] if change.origin in _ORIGINS else []
    notes += [change.danger] if change.danger else []
    words = f" {DANGEROUS}" if change.dangerous else ""
    return f"{change.field}: {values}{words}" + (f" [{'; '.join(notes)}]" if notes else "")


def format_change_lines(plan: InstancePlan) -> list[str]:
    """Return what would be done to one instance, or why nothing is, a line each."""
    if plan.conflict:
        return [plan.conflict.message, plan.conflict.hint]
    if plan.action is Action.CREATE:
        done = [f"{plan.instance.display_name} from {plan.instance.template}, job {plan.instance.job}"]
    else:
        done = [format_change(change) for change in plan.changes]
    return [*done, *(f"pending: {each}" for each in plan.pending), *plan.warnings]


def format_unknown_credentials(plan: InstancePlan) -> list[str]:
    """Return the saved credentials of which the store cannot tell whether they have changed."""
    return [key for key, what in plan.credentials.items() if what == "unknown"]


def format_remarks(plan: Plan) -> list[str]:
    """Return what is to be said of applications that no instance of the plan is, a line each."""
    orphans = [
        f"orphan: {each.display_name} ({each.application_id}) bears the mark of {each.key}, which is not in the file"
        for each in plan.orphans
    ]
    deleted = [
        f"deleted: {each.display_name} ({each.application_id}) was {each.key} until it was deleted"
        + (f" on {each.deleted_at:%Y-%m-%d}" if each.deleted_at else "")
        + "; an apply makes a new one. To have it back, restore it first, in Entra under Deleted applications."
        for each in plan.deleted
    ]
    return [*orphans, *deleted]


def worth_showing(plan: InstancePlan) -> bool:
    """Tell whether a person has to see this instance."""
    return plan.action is not Action.NONE or plan.unwell or bool(plan.pending or plan.warnings)


def format_summary(plan: Plan) -> str:
    """Return the counts of a plan and of the jobs it saw, and what of their credentials nobody knows, a line each."""
    states = Counter(each.health.state for each in plan.instances if each.job_id)
    unknown = sum(bool(format_unknown_credentials(each)) for each in plan.instances)
    lines = [f"{plan.fleet}: {format_count(plan.count()) or 'no instances'}; {plan.writes} writes to do."]
    if states:
        lines.append(f"Jobs: {format_count(dict(sorted(states.items())))}.")
    if unknown:
        lines.append(
            f"Of {unknown} instances this store cannot tell whether credentials have changed; "
            "--save-credentials saves them again."
        )
    return "\n".join(lines)
