"""Instances of a plan with the same changes, so that one edit on 300 instances is read once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

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
        unfold: Return each instance by itself.
    """
    found: dict[tuple[str, ...], list[InstancePlan]] = {}
    for each in plan.instances:
        if each.action is not Action.NONE or each.pending or each.warnings:
            lines = format_change_lines(each)
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
        lines = [line.removeprefix("{display_name} ") for line in _generalize(lines, first)]
    return PlanGroup(verb_of(first), tuple(plans), tuple(lines))


def _generalize(lines: Iterable[str], plan: InstancePlan) -> list[str]:
    """Return lines in which what is the instance's own is a placeholder, as in the fleet file."""
    names = {plan.instance.display_name: "{display_name}", plan.key: "{key}"}
    own = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names))
    return [own.sub(lambda found: names[found[0]], line) for line in lines]
