"""Whether an instance is healthy after its change."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from flows.monitoring.cycle_log import JobLog
from flows.monitoring.health import RUNNING, JobHealth
from flows.on_demand_provisioning.result import OnDemandResult
from flows.plan.outcome import InstanceOutcome


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
