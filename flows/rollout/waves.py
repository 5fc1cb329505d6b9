"""Which instances of a plan go first, and whether a later plan continues the same rollout."""

import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flows.errors import StepFailed
from flows.monitoring.health import RUNNING
from flows.plan.plan import InstancePlan, Plan

SECOND_WAVE_SHARE = 0.1


def instances_to_change(plan: Plan) -> list[InstancePlan]:
    """Return the instances that an apply would touch."""
    return [each for each in plan.instances if each.needed]


def split_into_waves(plan: Plan, canary: int | Sequence[str]) -> list[tuple[str, ...]]:
    """Return the keys of each wave: the canaries, then a tenth of all, then the rest; empty waves are left out.

    Args:
        plan: The plan.
        canary: Number of canaries, or their keys.

    Raises:
        StepFailed: A named canary is not in the plan, or none would be changed.
    """
    by_risk = [each.key for each in sorted(instances_to_change(plan), key=_risk)]
    known = {each.key for each in plan.instances}
    if not isinstance(canary, int) and (unknown := sorted(set(canary) - known)):
        raise StepFailed(
            "CanaryUnknown",
            f"The plan has no instance {', '.join(unknown)}, given as a canary.",
            "Correct --canary or --only.",
            step="canary",
        )
    if isinstance(canary, int):
        first = tuple(by_risk[:canary])
    else:
        first = tuple(key for key in by_risk if key in set(canary))
        if by_risk and not first:
            raise StepFailed(
                "CanaryUnchanged",
                f"The plan changes none of the canaries {', '.join(canary)}.",
                "Name instances that the plan changes, or give a number of canaries.",
                step="canary",
            )
    rest = [key for key in by_risk if key not in first]
    tenth = math.ceil(SECOND_WAVE_SHARE * len(by_risk))
    return [wave for wave in (first, tuple(rest[:tenth]), tuple(rest[tenth:])) if wave]


def _risk(plan: InstancePlan) -> tuple[Any, ...]:
    """Return the sort key that canaries are chosen by, lowest first.

    A running job shows most, a healthy one shows it clearly, and one with few accounts risks least. A new application
    shows nothing about existing accounts, and an instance whose job does not run shows nothing at all.
    """
    runs = plan.instance.job == "running" and plan.paused_by != "someone"
    works = plan.health.state in RUNNING
    return not runs, not works, plan.health.is_ailing, max(plan.health.counts.values(), default=0), plan.key


def fingerprint_changes(plan: Plan) -> dict[str, dict[str, str]]:
    """Return what identifies each changing instance in a later plan: its changes, and its desired state."""
    return {each.key: {"digest": each.digest, "wanted": _wanted(each)} for each in instances_to_change(plan)}


def same_rollout(plan: Plan, known: Mapping[str, Mapping[str, str]], begun: Collection[str]) -> bool:
    """Tell whether a plan is the remainder of a rollout.

    Args:
        plan: The current plan.
        known: The `fingerprint_changes` of the plan that the rollout began with.
        begun: Keys of the instances whose wave has started: they may be half done, done, or paused.
    """
    now = {each.key: each for each in plan.instances}
    if not known.keys() <= now.keys() or not {each.key for each in instances_to_change(plan)} <= known.keys():
        return False
    left = known.keys() - set(begun)
    return all(known[key]["digest"] == now[key].digest for key in left) and all(
        known[key]["wanted"] == _wanted(now[key]) for key in known.keys() - left
    )


def _wanted(plan: InstancePlan) -> str:
    wanted = json.dumps(plan.instance.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(wanted.encode()).hexdigest()
