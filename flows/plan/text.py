"""A plan as text, for the terminal and Prefect's UI."""

from collections import Counter
from collections.abc import Iterator

from flows.formatting.text import escape_markdown, format_count, markdown_table
from flows.plan.plan import Action, FieldChange, InstancePlan, Plan

DANGEROUS = "(dangerous)"
_ORIGINS = {
    "tenant": "changed in the tenant; apply reverts it",
    "both": "changed in the tenant and in the file; apply overwrites the tenant",
}


def format_change(change: FieldChange) -> str:
    """Return `field: before → after` with its notes."""
    before, after = change.before, change.after
    members = f" ({change.members} members)" if change.members is not None else ""
    values = f"{after}" if before is None else f"{before}{members} → {'removed' if after is None else after}"
    notes = [_ORIGINS[change.origin]] if change.origin in _ORIGINS else []
    notes += [change.danger] if change.danger else []
    words = f" {DANGEROUS}" if change.dangerous else ""
    return f"{change.field}: {values}{words}" + (f" [{'; '.join(notes)}]" if notes else "")


def format_change_lines(plan: InstancePlan) -> list[str]:
    """Return the changes to one instance, or its conflict, one line each."""
    if plan.conflict:
        return [plan.conflict.message, plan.conflict.hint]
    if plan.action is Action.CREATE:
        done = [f"{plan.instance.display_name} from {plan.instance.template}, job {plan.instance.job}"]
    else:
        done = [format_change(change) for change in plan.changes]
    return [*done, *(f"pending: {each}" for each in plan.pending), *plan.warnings]


def format_unknown_credentials(plan: InstancePlan) -> list[str]:
    """Return the saved credentials for which the store cannot tell whether they have changed."""
    return [key for key, what in plan.credentials.items() if what == "unknown"]


def format_remarks(plan: Plan) -> list[str]:
    """Return remarks on orphaned and deleted applications, one line each."""
    orphans = [
        f"orphan: {each.display_name} ({each.application_id}) is tagged as {each.key}, which is not in the file"
        for each in plan.orphans
    ]
    deleted = [
        f"deleted: {each.display_name} ({each.application_id}) was {each.key} until it was deleted"
        + (f" on {each.deleted_at:%Y-%m-%d}" if each.deleted_at else "")
        + "; apply will create a new one. To keep the old one, restore it first in Entra under Deleted applications."
        for each in plan.deleted
    ]
    return [*orphans, *deleted]


def worth_showing(plan: InstancePlan) -> bool:
    """Return whether this instance should be shown."""
    return plan.action is not Action.NONE or plan.unwell or bool(plan.pending or plan.warnings)


def format_changes(plan: Plan) -> str:
    """Return the number of instances by action, and the number of write requests."""
    counts = {str(action): number for action, number in plan.count().items() if action != Action.NONE}
    unchanged = plan.count()[Action.NONE]
    if not any(counts.values()):
        instances = "1 instance is" if unchanged == 1 else f"{unchanged} instances are"
        return f"No changes. {instances} up to date"
    return f"{format_count(counts | {'unchanged': unchanged})}; {plan.writes} planned writes"


def format_summary(plan: Plan) -> str:
    """Return a summary of changes, jobs and unknown credentials, one line each."""
    states = Counter(each.health.state for each in plan.instances if each.job_id)
    unknown = sum(bool(format_unknown_credentials(each)) for each in plan.instances)
    lines = [f"{plan.fleet}: {format_changes(plan)}."]
    if states:
        lines.append(f"Jobs: {format_count(dict(sorted(states.items())))}.")
    if unknown:
        lines.append(
            f"The store cannot tell whether the credentials of {unknown} instances have changed; "
            "--save-credentials saves them again."
        )
    return "\n".join(lines)


CHARACTERS_MAX = 60_000
"""GitHub allows 65,536 in a comment."""

_LINES_MAX = 20
_HEAD = ("instance", "action", "change", "health")


def format_plan_markdown(plan: Plan, refusal: Exception | None = None) -> str:
    """Return what an apply would change and why, with dangerous changes in bold.

    Args:
        plan: The plan.
        refusal: Why apply will refuse it, if so.
    """
    rows = [_row(each) for each in plan.instances if worth_showing(each)]
    shown = list(_fitting(rows))
    parts = [
        f"### {escape_markdown(format_summary(plan).splitlines()[0])}",
        *([f"**Apply will refuse this plan:** {escape_markdown(str(refusal))}"] if refusal else []),
        *([markdown_table(_HEAD, shown)] if shown else []),
        *([f"And {len(rows) - len(shown)} more in the plan file."] if len(shown) < len(rows) else []),
        *(
            escape_markdown(line)
            for line in (*format_summary(plan).splitlines()[1:], *format_remarks(plan)[:_LINES_MAX])
        ),
        f"Plan `{plan.digest}`",
    ]
    return "\n\n".join(parts) + "\n"


def _row(each: InstancePlan) -> tuple[str, ...]:
    return escape_markdown(each.key), str(each.action), "<br>".join(_changes(each)), escape_markdown(each.condition)


def _changes(each: InstancePlan) -> Iterator[str]:
    dangerous = {format_change(change) for change in each.changes if change.dangerous}
    for line in format_change_lines(each):
        bold = line in dangerous or each.action is Action.CONFLICT
        yield f"**{escape_markdown(line)}**" if bold else escape_markdown(line)


def _fitting(rows: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    left = CHARACTERS_MAX
    for row in rows:
        left -= sum(map(len, row)) + 20
        if left < 0:
            return
        yield row
