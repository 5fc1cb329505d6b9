"""Whether an instance fared well after it was changed."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from flows.monitoring.cycle_log import JobLog
from flows.monitoring.health import RUNNING, JobHealth
from flows.on_demand_provisioning.result import OnDemandResult
from flows.plan.outcome import InstanceOutcome
from flows.rollout.rules import CanaryRules


@dataclass(frozen=True)
class HealthCheck:
    """How one instance of a wave fared."""

    key: str
    outcome: str
    """What the apply did."""
    state: str
    """How its job is."""
    failures: int = 0
    """Objects that fail and did not fail before."""
    deletes: int | None = None
    """Objects deleted or disabled; None where the log could not be read."""
    tried: tuple[str, ...] = ()
    """What came of trying users, one text each."""
    reasons: tuple[str, ...] = ()
    """Why it did not fare well; empty if it did."""
    remarks: tuple[str, ...] = ()
    """What to know about how far this was looked at."""

    @property
    def good(self) -> bool:
        """Whether it fared well."""
        return not self.reasons

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return a verdict that `as_json` wrote."""
        lists = {name: tuple(each) for name, each in value.items() if isinstance(each, list)}
        return cls(**(value | lists))

    def as_json(self) -> dict[str, Any]:
        """Return what `apply --output json` prints of it, and what the store keeps."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Observation:
    """What was seen of one instance after its change."""

    outcome: InstanceOutcome
    health: JobHealth
    ended: bool
    """Whether its job has ended a cycle that began after the change."""
    escrows_before: int
    log: JobLog | None
    """What the log says since the change; None if it could not be read."""
    trials: Sequence[OnDemandResult] = ()
    was_quarantined: bool = False

    @property
    def watched(self) -> bool:
        """Whether there is a job that runs, and that a cycle is to be expected of."""
        return self.outcome.failure is None and self.health.state in {*RUNNING, "quarantined", "unknown"}


def evaluate(seen: Observation, rules: CanaryRules) -> HealthCheck:
    """Return how an instance fared, by the rules."""
    health, log = seen.health, seen.log
    failing_now = len(log.failing) if log else 0
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
        if not seen.was_quarantined:
            reasons.append(f"in quarantine: {health.reason or 'no reason given'}")
    elif health.state == "unknown":
        reasons.append(f"its job cannot be read: {health.unreadable_because}")
    elif not seen.ended:
        reasons.append(f"no cycle has ended within {rules.timeout_minutes:g} minutes")
    elif health.reason == "Failed":
        reasons.append(f"its cycle failed: {health.error_code or 'no code'}")
    objects = health.counts.get("entitled", 0)
    if failures > rules.failures_percent * objects / 100:
        reasons.append(f"{failures} of {objects} objects fail anew, the limit is {rules.failures_percent:g} %")
    if seen.log and len(seen.log.deleted) > rules.deletes:
        reasons.append(f"{len(seen.log.deleted)} objects deleted or disabled, the limit is {rules.deletes}")
    return reasons


def _remarks(seen: Observation) -> Collection[str]:
    if seen.outcome.failure:
        return []
    if not seen.watched:
        return [f"its job is {seen.health.state}: judged by the apply alone"]
    if seen.health.state == "quarantined":
        return ["it was in quarantine before"] if seen.was_quarantined else []
    if seen.log is None:
        return ["the log could not be read: deletes were not counted"]
    exports = seen.health.counts.get("exported", 0)
    if seen.log.events < exports:
        return [f"the log shows {seen.log.events} of {exports} exports so far"]
    return []
