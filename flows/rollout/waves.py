"""The waves of a rollout: which instances go first, and how each wave went."""

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.errors import StepFailed
from flows.monitoring.health import RUNNING
from flows.plan.plan import InstancePlan, Plan
from flows.rollout.health_check import HealthCheck

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
    # Of all that change, not of the rest, and never none.
    tenth = math.ceil(SECOND_WAVE_SHARE * len(by_risk))
    return [wave for wave in (first, tuple(rest[:tenth]), tuple(rest[tenth:])) if wave]


def _risk(plan: InstancePlan) -> tuple[Any, ...]:
    """Return the sort key that canaries are chosen by, lowest first.

    A running job shows most, a healthy one shows it clearly, and one with few accounts risks least. A new application
    shows nothing about existing accounts, and an instance whose job does not run shows nothing at all.
    """
    runs = plan.instance.job == "running" and plan.paused_by != "someone"
    works = plan.health.state in RUNNING
    # False sorts before True; the key makes the order definite.
    return not runs, not works, plan.health.is_ailing, max(plan.health.counts.values(), default=0), plan.key


def fingerprint_changes(plan: Plan) -> dict[str, dict[str, str]]:
    """Return what identifies each changing instance in a later plan: its changes, and its desired state."""
    return {each.key: {"digest": each.digest, "wanted": _wanted(each)} for each in instances_to_change(plan)}


def same_rollout(plan: Plan, known: Mapping[str, Mapping[str, str]], begun: Collection[str]) -> bool:
    """Return whether a plan is the remainder of a rollout.

    Args:
        plan: The current plan.
        known: The `fingerprint_changes` of the plan that the rollout began with.
        begun: Keys of the instances whose wave has started: they may be half done, done, or paused.
    """
    now = {each.key: each for each in plan.instances}
    if not known.keys() <= now.keys() or not {each.key for each in instances_to_change(plan)} <= known.keys():
        return False
    # What has not begun must be planned exactly as before; what has begun only has to be wanted as before.
    left = known.keys() - set(begun)
    return all(known[key]["digest"] == now[key].digest for key in left) and all(
        known[key]["wanted"] == _wanted(now[key]) for key in known.keys() - left
    )


def _wanted(plan: InstancePlan) -> str:
    wanted = json.dumps(plan.instance.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(wanted.encode()).hexdigest()


_SHOWN = 20


@dataclass(frozen=True)
class WaveReport:
    """The instances of a wave, and their health checks."""

    number: int
    of: int
    members: tuple[str, ...]
    state: str
    verdicts: tuple[HealthCheck, ...] = ()

    @property
    def label(self) -> str:
        """Display label."""
        return "canaries" if self.number == 1 else "the rest" if self.number == self.of else "a tenth"

    @property
    def name(self) -> str:
        """Its number and label."""
        return f"wave {self.number} of {self.of} ({self.label})"

    @property
    def bad(self) -> tuple[HealthCheck, ...]:
        """The health checks that failed."""
        return tuple(each for each in self.verdicts if not each.good)

    def as_json(self) -> dict[str, Any]:
        """Return it as `apply --output json` prints it."""
        return {
            "number": self.number,
            "label": self.label,
            "keys": list(self.members),
            "state": self.state,
            "verdicts": [each.as_json() for each in self.verdicts],
        }


@dataclass(frozen=True)
class RolloutReport:
    """State of a rollout at the end of a run."""

    id: str
    waves: tuple[WaveReport, ...]
    resumed: bool = False
    """Whether an earlier run started it."""
    paused: tuple[str, ...] = ()
    """Keys of the jobs that were paused when it was held."""

    @property
    def held(self) -> WaveReport | None:
        """The wave after which it was held."""
        return next((each for each in self.waves if each.state == "held"), None)

    @property
    def untouched(self) -> tuple[str, ...]:
        """Keys of the instances whose wave has not started."""
        return tuple(key for each in self.waves if each.state == "pending" for key in each.members)

    def why(self) -> Iterator[str]:
        """Yield why it was held and what to do about it, one line each."""
        held = self.held
        if held is None:
            return
        bad = [f"{each.key}: {', '.join(each.reasons)}" for each in held.bad]
        reasons = "; ".join(bad[:_SHOWN]) + (f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else "")
        yield f"Held after {held.name}: {reasons}."
        yield f"Paused jobs: {_some(self.paused) or 'none'}. Not changed: {_some(self.untouched) or 'none'}."
        keys = "".join(f" --only {key}" for key in self.paused)
        yield "To continue, run apply again with --force: it resumes the paused jobs and checks this wave again."
        yield "To roll back, restore the previous fleet file and apply it; for mappings use entra-fleet schema restore."
        if keys:
            yield f"The next apply resumes the jobs. Now: entra-fleet jobs start FLEET{keys}"

    def as_json(self) -> dict[str, Any]:
        """Return it as `apply --output json` prints it."""
        return {
            "id": self.id,
            "resumed": self.resumed,
            "held": self.held is not None,
            "why": list(self.why()),
            "paused": list(self.paused),
            "waves": [each.as_json() for each in self.waves],
        }


def _some(keys: tuple[str, ...]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more
