"""A plan as text, for the terminal, pull requests and Prefect's UI; instances with the same changes are one group."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from flows.formatting import escape_markdown, format_count, format_number, markdown_table
from flows.plan.plan import Action, FieldChange, InstancePlan, Plan

Verb = Literal["create", "adopt", "finish", "update", "none", "conflict"]
"""What an apply would do, as people read it: an instance that an earlier apply began is finished."""

VERBS: tuple[Verb, ...] = ("create", "adopt", "finish", "update", "none", "conflict")
"""In the order of text: what needs a person comes last, next to the summary."""

DANGEROUS = "(dangerous)"
_ORIGINS = {
    "tenant": "changed in the tenant; apply reverts it",
    "both": "changed in the tenant and in the file; apply overwrites the tenant",
}


@dataclass(frozen=True)
class PlanGroup:
    """Instances with the same action and the same changes."""

    verb: Verb
    plans: tuple[InstancePlan, ...]
    lines: tuple[str, ...]
    """The changes, or the conflict. Of several instances, `{key}` and `{display_name}` stand for each one's own."""

    @property
    def keys(self) -> list[str]:
        """The keys of the instances."""
        return [each.key for each in self.plans]


def group_instances(plan: Plan, *, unfold: bool = False) -> list[PlanGroup]:
    """Return the instances with changes, conflicts, pending assignments or warnings, equal ones together.

    Args:
        plan: The plan.
        unfold: Return each instance on its own.
    """
    found: dict[tuple[str, ...], list[InstancePlan]] = {}
    for each in plan.instances:
        if each.action is not Action.NONE or each.pending or each.warnings:
            # Without who made it differ, which would split equal changes of many instances.
            lines = format_change_lines(each, named=False)
            own = each.key if unfold else ""
            found.setdefault((verb_of(each), own, *_generalize(lines, each)), []).append(each)
    groups = (_group(list(same)) for same in found.values())
    return sorted(groups, key=lambda group: VERBS.index(group.verb))


def verb_of(plan: InstancePlan) -> Verb:
    """Return what an apply would do to an instance, in the word for people."""
    if plan.is_unfinished:
        return "finish"
    # The values of Action are these words.
    return next(verb for verb in VERBS if verb == plan.action)


def format_change(change: FieldChange) -> str:
    """Return `field: before → after` with its notes."""
    before, after = change.before, change.after
    members = f" ({change.members} members)" if change.members is not None else ""
    values = f"{after}" if before is None else f"{before}{members} → {'removed' if after is None else after}"
    notes = [_ORIGINS[change.origin]] if change.origin in _ORIGINS else []
    notes += [change.danger] if change.danger else []
    notes += [f"by {change.changed_by.summary}"] if change.changed_by else []
    words = f" {DANGEROUS}" if change.dangerous else ""
    return f"{change.field}: {values}{words}" + (f" [{'; '.join(notes)}]" if notes else "")


def format_change_lines(plan: InstancePlan, *, named: bool = True) -> list[str]:
    """Return the changes to one instance, or its conflict, one line each.

    Args:
        plan: The plan for the instance.
        named: Whether to say who made it differ, where that is known.
    """
    if plan.conflict:
        return [plan.conflict.message, plan.conflict.hint]
    if plan.action is Action.CREATE:
        done = [f"{plan.instance.display_name} from {plan.instance.template}, job {plan.instance.job}"]
        # Unlike an application, the policies of two tenants are there already, and others rely on them.
        done += [format_change(change) for change in plan.changes if change.field.startswith(("target.", "source."))]
    else:
        done = [format_change(change if named else replace(change, changed_by=None)) for change in plan.changes]
    return [*done, *(f"pending: {each}" for each in plan.pending), *plan.warnings]


def format_keys(keys: Iterable[str], shown: int) -> str:
    """Return keys in one line, the first ones of many."""
    listed = list(keys)
    more = len(listed) - shown
    # One more key takes no more room than "and 1 more".
    return ", ".join(listed) if more <= 1 else f"{', '.join(listed[:shown])} and {more} more"


def _group(plans: list[InstancePlan]) -> PlanGroup:
    first, *others = plans
    lines = format_change_lines(first)
    if others:
        # The keys say who: a placeholder before "from Box" would add nothing.
        unnamed = _generalize(format_change_lines(first, named=False), first)
        lines = [line.removeprefix("{display_name} ") for line in unnamed]
    return PlanGroup(verb_of(first), tuple(plans), tuple(lines))


def _generalize(lines: Iterable[str], plan: InstancePlan) -> list[str]:
    """Return lines in which what is the instance's own is a placeholder, as in the fleet file."""
    names = {plan.instance.display_name: "{display_name}", plan.key: "{key}"}
    # Whole words only: the key "box" is no part of "inbox". The display name first, which may contain the key.
    own = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names))
    return [own.sub(lambda found: names[found[0]], line) for line in lines]


def format_unknown_credentials(plan: InstancePlan) -> list[str]:
    """Return the saved credentials for which the store cannot tell whether they have changed."""
    return [key for key, what in plan.credentials.items() if what == "unknown"]


def format_remarks(plan: Plan) -> list[str]:
    """Return remarks on orphaned and deleted applications, each with the command that follows, one line each."""
    orphans = [
        f"orphan: {each.display_name} ({each.application_id}) is tagged as {each.key}, which is not in the file. "
        f"Add it there, or delete it: entra-fleet retire FLEET --only {each.key}"
        for each in plan.orphans
    ]
    deleted = [
        f"deleted: {each.display_name} ({each.application_id}) was {each.key} until it was deleted"
        + (f" on {each.deleted_at:%Y-%m-%d}" if each.deleted_at else "")
        + "; apply will create a new one. To keep the old one, restore it first in Entra under Deleted applications."
        for each in plan.deleted
    ]
    return [*orphans, *deleted]


def format_ailing(plan: Plan) -> list[tuple[str, str]]:
    """Return the key and the condition of each instance whose job needs attention."""
    return [(each.key, each.condition) for each in plan.instances if each.unwell]


def worth_showing(plan: InstancePlan) -> bool:
    """Return whether this instance should be shown."""
    return verb_of(plan) != "none" or plan.unwell or bool(plan.pending or plan.warnings)


_ALWAYS_COUNTED = ("create", "update", "conflict")


def format_changes(plan: Plan) -> str:
    """Return the number of instances by what apply would do, and the number of write requests."""
    verbs = Counter(verb_of(each) for each in plan.instances)
    unchanged = verbs.pop("none", 0)
    if not verbs:
        return f"No changes. {format_number(unchanged, 'instance is', 'instances are')} up to date"
    counts = [
        f"{verbs[verb]} {'in conflict' if verb == 'conflict' else f'to {verb}'}"
        for verb in ("create", "adopt", "finish", "update", "conflict")
        if verbs[verb] or verb in _ALWAYS_COUNTED
    ]
    rest = [f"{unchanged} up to date"] if unchanged else []
    return f"{', '.join(counts)}. {', '.join([*rest, format_number(plan.writes, 'write request')])}"


def format_summary(plan: Plan) -> str:
    """Return a summary of changes, jobs and unknown credentials, one line each."""
    states = Counter(each.health.state for each in plan.instances if each.job_id)
    unknown = [names for each in plan.instances if (names := format_unknown_credentials(each))]
    changes = format_changes(plan)
    lines = [f"{'' if changes.startswith('No') else 'Plan: '}{changes}."]
    if states:
        lines.append(f"Jobs: {format_count(dict(sorted(states.items())))}.")
    if unknown:
        credentials = ", ".join(dict.fromkeys(name for names in unknown for name in names))
        lines.append(
            f"The store cannot tell whether {credentials} of {format_number(len(unknown), 'instance')} has changed; "
            "--save-credentials saves them again."
        )
    return "\n".join(lines)


CHARACTERS_MAX = 60_000
"""GitHub allows 65,536 in a comment."""

_LINES_MAX = 20
_KEYS_SHOWN = 20
_HEAD = ("instance", "action", "change")


def format_plan_markdown(plan: Plan, refusal: Exception | None = None) -> str:
    """Return what an apply would change and why, with dangerous changes in bold.

    Args:
        plan: The plan.
        refusal: Why apply will refuse it, if so.
    """
    groups = group_instances(plan)
    rows = list(_fitting([_row(each) for each in groups]))
    left_out = sum(len(each.plans) for each in groups[len(rows) :])
    summary = format_summary(plan).splitlines()
    ailing = [f"- {escape_markdown(': '.join(each))}" for each in format_ailing(plan)[:_LINES_MAX]]
    parts = [
        f"### {escape_markdown(f'{plan.fleet}: {summary[0]}')}",
        *([f"**Apply will refuse this plan:** {escape_markdown(str(refusal))}"] if refusal else []),
        *([markdown_table(_HEAD, rows)] if rows else []),
        *([f"And {left_out} more in the plan file."] if left_out else []),
        *(["\n".join(["Jobs that need attention:\n", *ailing])] if ailing else []),
        *(escape_markdown(line) for line in (*summary[1:], *format_remarks(plan)[:_LINES_MAX])),
        f"Plan `{plan.digest}`",
    ]
    return "\n\n".join(parts) + "\n"


def _row(group: PlanGroup) -> tuple[str, ...]:
    count = f"{len(group.plans)}: " if len(group.plans) > 1 else ""
    return escape_markdown(count + format_keys(group.keys, _KEYS_SHOWN)), group.verb, "<br>".join(_changes(group))


def _changes(group: PlanGroup) -> Iterator[str]:
    for line in group.lines:
        bold = DANGEROUS in line or group.verb == "conflict"
        yield f"**{escape_markdown(line)}**" if bold else escape_markdown(line)


def _fitting(rows: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    left = CHARACTERS_MAX
    for row in rows:
        # 20 for the bars and spaces of a row.
        left -= sum(map(len, row)) + 20
        if left < 0:  # whole rows only: a cut table is no table
            return
        yield row
