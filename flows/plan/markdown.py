"""A plan as Markdown, for the summary of a pipeline's run and for a comment on a pull request."""

from collections.abc import Iterator

from flows.formatting.markdown import plain, table
from flows.plan.plan import Action, InstancePlan, Plan
from flows.plan.text import besides, change_in_words, in_lines, in_summary, worth_showing

CHARACTERS_MAX = 60_000
"""A comment on GitHub may have 65,536."""

_LINES_MAX = 20
_HEAD = ("instance", "action", "change", "health")


def plan_markdown(plan: Plan, refusal: Exception | None = None) -> str:
    """Return what an apply would change and why, what is dangerous in bold.

    Args:
        plan: The plan.
        refusal: Why an apply of it will be refused, if it will.
    """
    rows = [_row(each) for each in plan.instances if worth_showing(each)]
    shown = list(_fitting(rows))
    parts = [
        f"### {plain(in_summary(plan).splitlines()[0])}",
        *([f"**An apply will be refused:** {plain(str(refusal))}"] if refusal else []),
        *([table(_HEAD, shown)] if shown else []),
        *([f"And {len(rows) - len(shown)} more, which the plan file has."] if len(shown) < len(rows) else []),
        *(plain(line) for line in (*in_summary(plan).splitlines()[1:], *besides(plan)[:_LINES_MAX])),
        f"Plan `{plan.digest}`",
    ]
    return "\n\n".join(parts) + "\n"


def _row(each: InstancePlan) -> tuple[str, ...]:
    return plain(each.key), str(each.action), "<br>".join(_changes(each)), plain(each.condition)


def _changes(each: InstancePlan) -> Iterator[str]:
    dangerous = {change_in_words(change) for change in each.changes if change.dangerous}
    for line in in_lines(each):
        bold = line in dangerous or each.action is Action.CONFLICT
        yield f"**{plain(line)}**" if bold else plain(line)


def _fitting(rows: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    left = CHARACTERS_MAX
    for row in rows:
        left -= sum(map(len, row)) + 20
        if left < 0:
            return
        yield row
