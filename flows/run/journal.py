"""A run of one command for one fleet: what comes before its plan, and who applied what, when, and how it ended."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from prefect.runtime import flow_run

from flows.configuration.environment import environment
from flows.fleet_file.loader import read_fleet
from flows.fleet_file.models import Fleet
from flows.plan.outcome import APPLIED, InstanceOutcome
from flows.plan.plan import FieldChange as FieldPlan
from flows.plan.plan import Plan
from flows.run.context import RunContext, open_run_context, run_context
from flows.run.lease import lease_id
from flows.run.redaction import install_log_filter
from flows.run.waves import RolloutReport
from flows.store import Change, ChangeError, FieldChange, Run, StoreError


@dataclass(frozen=True)
class FleetOutcome:
    """What a command did."""

    fleet: str
    instances: Sequence[InstanceOutcome]
    requests: int
    seconds: float
    words: tuple[str, ...] = APPLIED
    """The outcomes that the command knows."""
    rollout: RolloutReport | None = None
    """How it went in waves, if it did."""

    @property
    def summary(self) -> dict[str, int]:
        """The number of instances by outcome, for every outcome."""
        counted = Counter(instance.outcome for instance in self.instances)
        return {word: counted[word] for word in self.words}

    @property
    def failed(self) -> int:
        """How many instances failed."""
        return self.summary["failed"]

    def as_json(self) -> dict[str, Any]:
        """Return what the command prints with `--output json`."""
        return {
            "fleet": self.fleet,
            "summary": self.summary,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "instances": [instance.as_json() for instance in self.instances],
            **({"canary": self.rollout.as_json()} if self.rollout else {}),
        }


_WITHOUT_LEASE = frozenset({"try"})
"""What changes users in target systems, and nothing that an apply would change."""


class Planned(Protocol):
    """What is to be done to one instance, as the journal keeps it."""

    @property
    def action(self) -> str:
        """What it is called."""

    @property
    def changes(self) -> Iterable[FieldPlan]:
        """The fields that change."""


@dataclass
class Entry:
    """A run in the journal; set its outcome before it ends."""

    run_id: str
    outcome: FleetOutcome | None = None


@asynccontextmanager
async def open_journal(
    fleet: Fleet, plan: Plan | None, ticket: str | None, command: str = "apply"
) -> AsyncIterator[Entry]:
    """Write down that a command began and how it ended, an interruption included.

    Raises:
        LookupError: It writes to the tenant without holding the fleet's lease.
    """
    # Called for its error: a defect must not write without the lease.
    if command not in _WITHOUT_LEASE:
        lease_id()
    run = _run(fleet, plan, ticket, command)
    store = run_context().store
    entry = Entry(await asyncio.to_thread(store.journal.begin, run))
    try:
        yield entry
    finally:
        counts = entry.outcome.summary if entry.outcome else {}
        # Not in a thread: an interrupted run is not given the time to wait for one.
        store.journal.finish(entry.run_id, _ending(entry.outcome), counts, datetime.now(UTC))


def _ending(outcome: FleetOutcome | None) -> str:
    """Return how a run ended, as the store documents it."""
    if outcome is None:
        return "interrupted"
    if not outcome.failed:
        return "completed"
    return "partial" if outcome.failed < len(outcome.instances) else "failed"


class StoreMismatch(StoreError):
    """A shard has another store than the run that planned it."""


async def require(run_id: str) -> None:
    """Make sure that this store has the run that a shard belongs to.

    Raises:
        StoreMismatch: It has not.
    """
    store = run_context().store
    if not await asyncio.to_thread(store.journal.has, run_id):
        # Cause: A shard runs on a worker with a different store than the apply that started it. Nothing was written.
        raise StoreMismatch(
            f"The store of this worker has no run {run_id}: the apply that started this shard has another store.",
            "Set ENTRA_FLEET_STORE to one PostgreSQL database on every worker, and apply again.",
        )


async def record_rest(run_id: str, plan: Plan, instances: Iterable[InstanceOutcome]) -> None:
    """Write down what is not in the journal yet, or otherwise: what needed nothing, was left alone, or crashed."""
    recorded = await asyncio.to_thread(run_context().store.journal.recorded, run_id)
    plans = {each.key: each for each in plan.instances}
    for outcome in instances:
        code = outcome.failure.code if outcome.failure else None
        # A crashed instance may have a record of its first attempt.
        if outcome.key not in recorded or recorded[outcome.key].error_code != code:
            await record_instance(run_id, plans[outcome.key], outcome)


async def record_instance(run_id: str, plan: Planned, outcome: InstanceOutcome) -> None:
    """Write down what was done to one instance."""
    await record(run_id, str(plan.action), plan.changes, outcome)


async def record(run_id: str, action: str, changes: Iterable[FieldPlan], outcome: InstanceOutcome) -> None:
    """Write down what came of one instance."""
    failure = outcome.failure
    change = Change(
        key=outcome.key,
        action=action,
        outcome=outcome.outcome,
        recorded_at=datetime.now(UTC),
        fields=tuple(FieldChange(field=each.field, before=each.before, after=each.after) for each in changes),
        application_id=outcome.application_id,
        service_principal_id=outcome.service_principal_id,
        job_id=outcome.job_id,
        error=ChangeError(**failure.as_json()) if failure else None,
    )
    await asyncio.to_thread(run_context().store.journal.record, run_id, change)


def _run(fleet: Fleet, plan: Plan | None, ticket: str | None, command: str) -> Run:
    claims = run_context().claims
    return Run(
        tenant_id=fleet.tenant_id,
        fleet=fleet.fleet,
        command=command,
        started_at=datetime.now(UTC),
        plan_digest=plan.digest if plan else None,
        file_sha256=fleet.sha256,
        ticket=ticket,
        commit=environment().commit,
        flow_run_id=flow_run.id,
        actor_object_id=claims.object_id,
        actor_app_id=claims.app_id,
    )


@dataclass(frozen=True)
class FleetRun:
    """The fleet that a run is for, its connection, and when it began."""

    fleet: Fleet
    context: RunContext
    started_at: float
    """By the machine's monotonic clock, in seconds."""

    @property
    def spent(self) -> tuple[int, float]:
        """How many requests went to Graph so far, target tenants included, and the seconds since the run began."""
        requests = self.context.graph.requests_sent + sum(self.context.targets.requests_sent.values())
        return requests, time.monotonic() - self.started_at

    def outcome(
        self,
        instances: Sequence[InstanceOutcome],
        words: tuple[str, ...] = APPLIED,
        rollout: RolloutReport | None = None,
    ) -> FleetOutcome:
        """Return the outcome of the run.

        Args:
            instances: The outcome of each instance.
            words: The outcomes that the command knows.
            rollout: How it went in waves, if it did.
        """
        return FleetOutcome(self.fleet.fleet, instances, *self.spent, words, rollout)


@asynccontextmanager
async def open_fleet_run(
    fleet: str | Mapping[str, Any], tenant: str | None, writes_per_second: float | None = None
) -> AsyncIterator[FleetRun]:
    """Read the fleet of a flow, and sign in to its tenant for as long as the context lasts.

    Args:
        fleet: The flow's `fleet` parameter.
        tenant: Name of an `EntraTenant` block, or None for the environment.
        writes_per_second: This run's part of Graph's write budget, where others run beside it; None for all of it.

    Raises:
        FleetFileError: The fleet file cannot be read or is wrong; nothing was sent to Graph.
        WrongTenant: The token is another tenant's; nothing was sent to Graph.
        AuthFailed: Microsoft Entra refused the sign-in.
    """
    # Before anything can fail or log.
    install_log_filter()
    # Before the sign-in: a wrong file fails at once, and nothing has been sent then.
    desired = read_fleet(fleet)
    started_at = time.monotonic()
    async with open_run_context(tenant, desired.tenant_id, writes_per_second) as context:
        yield FleetRun(desired, context, started_at)
