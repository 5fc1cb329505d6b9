"""A rollout in waves: which instances go first, whether each is healthy after its change, and how each wave went."""

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from flows.errors import StepFailed
from flows.monitoring.cycle_log import JobLog
from flows.monitoring.health import RUNNING, JobHealth
from flows.plan.outcome import InstanceOutcome
from flows.plan.plan import InstancePlan, Plan
from flows.steps.on_demand import OnDemandResult


class CanaryRules(BaseModel):
    """Limits on failures and time in a wave before the rollout is held."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: list[str] = Field([], description="Users to provision on demand in the first wave.")
    failures_percent: float = Field(
        5, ge=0, le=100, description="Newly failing objects allowed per instance, in percent."
    )
    deletes: int = Field(5, ge=0, description="Objects that an instance may delete or disable after its change.")
    instances: int = Field(0, ge=0, description="Unhealthy instances allowed per wave.")
    timeout_minutes: float = Field(120, gt=0, description="How long the jobs of a wave may take to complete a cycle.")
    log_minutes: float = Field(15, ge=0, description="How long to wait for the log to catch up with the jobs.")
    interval_seconds: float = Field(30, gt=0, description="Time between checks.")


@dataclass(frozen=True)
class HealthCheck:
    """Result of the health check of one instance."""

    key: str
    outcome: str
    """Outcome of the apply."""
    state: str
    """State of its job."""
    failures: int = 0
    """Newly failing objects."""
    deletes: int | None = None
    """Objects deleted or disabled; None where the log could not be read."""
    tried: tuple[str, ...] = ()
    """Outcomes of trying users, one text each."""
    reasons: tuple[str, ...] = ()
    """Why it is unhealthy; empty if it is healthy."""
    remarks: tuple[str, ...] = ()
    """Limits of this check."""

    @property
    def good(self) -> bool:
        """Whether it is healthy."""
        return not self.reasons

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return a health check that `as_json` wrote."""
        # JSON has no tuples.
        lists = {name: tuple(each) for name, each in value.items() if isinstance(each, list)}
        return cls(**(value | lists))

    def as_json(self) -> dict[str, Any]:
        """Return it as `apply --output json` prints it and the store keeps it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Observation:
    """What was observed of one instance after its change."""

    outcome: InstanceOutcome
    health: JobHealth
    ended: bool
    """Whether its job has completed a cycle that began after the change."""
    escrows_before: int
    log: JobLog | None
    """Log entries since the change; None if the log could not be read."""
    trials: Sequence[OnDemandResult] = ()
    was_quarantined: bool = False

    @property
    def watched(self) -> bool:
        """Whether it has a running job that should complete a cycle."""
        return self.outcome.failure is None and self.health.state in {*RUNNING, "quarantined", "unknown"}


def evaluate(seen: Observation, rules: CanaryRules) -> HealthCheck:
    """Check the health of an instance against the rules."""
    health, log = seen.health, seen.log
    failing_now = len(log.failing) if log else 0
    # The larger of both counts: the job's is of its last cycle, the log's may still be incomplete.
    failures = max(health.escrows - seen.escrows_before, failing_now - seen.escrows_before, 0)
    return HealthCheck(
        seen.outcome.key,
        seen.outcome.outcome,
        health.state,
        failures if seen.watched else 0,
        len(log.deleted) if log and seen.watched else None,
        tuple(f"{each.subject.label}: {each.outcome}" for each in seen.trials),
        tuple(_reasons(seen, rules, failures)),
        tuple(_remarks(seen)),
    )


def _reasons(seen: Observation, rules: CanaryRules, failures: int) -> Collection[str]:
    outcome, health = seen.outcome, seen.health
    if outcome.failure:
        return [f"failed at {outcome.failure.step}: {outcome.failure.message}"]
    reasons = [
        f"{each.subject.label} {each.outcome}: {each.error_code or (each.failure.code if each.failure else 'no code')}"
        for each in seen.trials
        if not each.ok
    ]
    if not seen.watched:
        return reasons
    if health.state == "quarantined":
        # A quarantine that was there before is not the fault of this change.
        if not seen.was_quarantined:
            reasons.append(f"in quarantine: {health.reason or 'no reason given'}")
    elif health.state == "unknown":
        reasons.append(f"its job could not be read: {health.unreadable_because}")
    elif not seen.ended:
        reasons.append(f"no cycle completed within {rules.timeout_minutes:g} minutes")
    elif health.reason == "Failed":
        reasons.append(f"its cycle failed: {health.error_code or 'no code'}")
    objects = health.counts.get("entitled", 0)
    if failures > rules.failures_percent * objects / 100:
        reasons.append(f"{failures} of {objects} objects newly failing, limit {rules.failures_percent:g} %")
    if seen.log and len(seen.log.deleted) > rules.deletes:
        reasons.append(f"{len(seen.log.deleted)} objects deleted or disabled, limit {rules.deletes}")
    return reasons


def _remarks(seen: Observation) -> Collection[str]:
    if seen.outcome.failure:
        return []
    if not seen.watched:
        return [f"its job is {seen.health.state}: checked by the apply outcome only"]
    if seen.health.state == "quarantined":
        return ["already in quarantine before"] if seen.was_quarantined else []
    if seen.log is None:
        return ["log unreadable: deletes were not counted"]
    exports = seen.health.counts.get("exported", 0)
    if seen.log.events < exports:
        return [f"the log shows {seen.log.events} of {exports} exports so far"]
    return []


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
