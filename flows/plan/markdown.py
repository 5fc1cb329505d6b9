"""A plan as Markdown, for a pipeline summary or a pull request comment."""

from collections.abc import Iterator

from flows.formatting.markdown import escape_markdown, markdown_table
from flows.plan.plan import Action, InstancePlan, Plan
from flows.plan.text import format_change, format_change_lines, format_remarks, format_summary, worth_showing

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
