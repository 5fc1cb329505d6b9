"""A fleet in parts that are small enough to be the parameter of a run each."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from flows.fleet_file.models import Fleet
from flows.plan.plan import Action, Conflict, FieldChange, InstancePlan, Plan

BYTES_MAX = 400_000
"""Of the JSON of a part; Prefect takes 512 KiB of parameters."""

Planned: TypeAlias = dict[str, list[list[str | None]]]
"""What the plan of the whole fleet changes about instances that are there: field, before and after, by key."""


@dataclass(frozen=True)
class ShardPart:
    """Some instances of a fleet, and what is to be done to them."""

    number: int
    fleet: dict[str, Any]
    """The fleet of these instances only, as `fleet_from_object` takes it."""
    plans: tuple[InstancePlan, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its instances."""
        return tuple(plan.key for plan in self.plans)

    @property
    def ends(self) -> tuple[str, ...]:
        """The key of its first instance, and that of its last if it has several."""
        return self.keys if len(self.keys) == 1 else (self.keys[0], self.keys[-1])

    @property
    def planned(self) -> Planned:
        """What may be changed about those of its instances that are there."""
        return {plan.key: [_shown(each) for each in plan.changes] for plan in self.plans if _exists(plan)}

    @property
    def digest(self) -> str:
        """SHA-256 of what is to be done."""
        return hashlib.sha256("\n".join(f"{plan.key} {plan.digest}" for plan in self.plans).encode()).hexdigest()


def split_plan(
    fleet: Fleet, plans: Iterable[InstancePlan], instances_max: int, bytes_max: int = BYTES_MAX
) -> list[ShardPart]:
    """Cut what is to be done into parts, in the order of the fleet file.

    Args:
        fleet: The whole fleet.
        plans: Of the instances that need something.
        instances_max: How many instances a part may have.
        bytes_max: How large its JSON may be; an instance that is larger has a part for itself.
    """
    return [
        ShardPart(
            number, fleet.model_copy(update={"instances": tuple(each.instance for each in some)}).to_object(), some
        )
        for number, some in enumerate(_groups(plans, instances_max, bytes_max), start=1)
    ]


def _groups(plans: Iterable[InstancePlan], instances_max: int, bytes_max: int) -> Iterator[tuple[InstancePlan, ...]]:
    group: list[InstancePlan] = []
    size = 0
    for plan in plans:
        own = _bytes_of(plan)
        if group and (len(group) == instances_max or size + own > bytes_max):
            yield tuple(group)
            group, size = [], 0
        group.append(plan)
        size += own
    if group:
        yield tuple(group)


def _bytes_of(plan: InstancePlan) -> int:
    instance = plan.instance.model_dump(mode="json", exclude_defaults=True)
    changes = [_shown(each) for each in plan.changes] if _exists(plan) else []
    return len(json.dumps([instance, changes]).encode())


def restrict_to(plan: Plan, planned: Mapping[str, Sequence[Sequence[str | None]]]) -> Plan:
    """Return the plan of a part, with what the plan of the whole fleet did not have left undone.

    Whoever planned the whole fleet has judged it: how much is changed at once, and perhaps a person looked at it. What
    is new since then was not judged. That less is left to do is no matter: a part may be begun again.
    """
    instances = (_held_to(each, planned.get(each.key)) for each in plan.instances)
    # The others of the fleet are not in the part's file, and no orphans.
    return replace(plan, instances=tuple(instances), orphans=())


def _held_to(plan: InstancePlan, changes: Sequence[Sequence[str | None]] | None) -> InstancePlan:
    if changes is None or plan.action is Action.CONFLICT:
        return plan
    foreseen = {(field, before if after is None else after) for field, before, after in changes}
    fresh = [each.field for each in plan.changes if _aim(each) not in foreseen]
    if plan.action is not Action.CREATE and not fresh:
        return plan
    conflict = Conflict(
        "PlanChanged",
        f"{plan.key} is no longer as it was when the fleet was planned: {', '.join(fresh)} would change too.",
        "It was left alone. Plan again, and apply that.",
        step="plan-shard",
    )
    return replace(plan, action=Action.CONFLICT, changes=(), removals=(), conflict=conflict)


def _exists(plan: InstancePlan) -> bool:
    return plan.action is not Action.CREATE


def _shown(change: FieldChange) -> list[str | None]:
    return [change.field, change.before, change.after]


def _aim(change: FieldChange) -> tuple[str, str | None]:
    """What a change is for, however the thing is now; what is taken away is told by what it was."""
    return change.field, change.before if change.after is None else change.after
