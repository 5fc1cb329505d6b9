"""One look at the jobs of a fleet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flows.formatting import format_iso
from flows.monitoring.health import UNREADABLE, JobHealth, assess_job, find_stall, unreadable
from flows.monitoring.own_job import find_own_job, other_jobs
from flows.monitoring.signing_certificates import ExpiringCertificate
from flows.monitoring.triage import Triage
from flows.store import JobObservation
from graph_client import GraphClient, Resources
from graph_client.parallel import gather


@dataclass(frozen=True)
class Target:
    """An instance whose job is watched."""

    key: str
    service_principal_id: str | None
    synchronization_template: str | None = None
    app_id: str | None = None
    fleet: str | None = None
    """The fleet it belongs to, where jobs of several are watched, and unmanaged ones."""
    name: str | None = None
    """What an unmanaged job is called; its key is known to the store only."""

    @property
    def label(self) -> str:
        """What people are shown."""
        return self.name or self.key

    @property
    def command_key(self) -> str | None:
        """The key that a command takes; None for an unmanaged job, which no command touches."""
        return None if self.name else self.key


@dataclass(frozen=True)
class Reading:
    """How the job of one instance was doing."""

    target: Target
    health: JobHealth
    stalled_since: datetime | None = None
    triage: Triage | None = None
    """Why it is in quarantine, and what to do about it."""
    other_jobs: tuple[str, ...] = ()
    """Ids of jobs that others added to the service principal; they are left alone."""
    token_expires: datetime | None = None
    """When a saved token says that it ends."""

    @property
    def is_healthy(self) -> bool:
        """Whether no action is needed."""
        return self.health.is_healthy and self.stalled_since is None

    @property
    def since(self) -> datetime | None:
        """When what ails the job began, if Graph says so."""
        return self.health.since if self.health.state == "quarantined" else self.stalled_since

    @property
    def why(self) -> str | None:
        """What ails the job, in a few words."""
        health = self.health
        if health.state == "missing":
            return "there is no job" if self.target.service_principal_id else "there is no application"
        if health.state == "unknown":
            return f"Graph does not show its jobs: {health.unreadable_because}"
        error = ": ".join(filter(None, (health.error_code, health.error_message))) if health.reason else ""
        late = f"no execution since {format_iso(health.last_execution)}" if self.stalled_since else ""
        return "; ".join(filter(None, (late, health.reason, error))) or None

    def as_json(self) -> dict[str, Any]:
        """Return what `monitor --output json` prints of it."""
        return {
            "key": self.target.command_key,
            **self.health.as_json(),
            "stalled_since": format_iso(self.stalled_since),
            "since": format_iso(self.since),
            "why": self.why,
            "triage": self.triage.as_json() if self.triage else None,
            "other_jobs": list(self.other_jobs),
            "token_expires": format_iso(self.token_expires),
        }

    def observation(self, tenant_id: str, fleet: str, observed_at: datetime) -> JobObservation:
        """Return the row that the store keeps if anything changed."""
        health = self.health
        return JobObservation(
            tenant_id=tenant_id,
            fleet=fleet,
            key=self.target.key,
            observed_at=observed_at,
            state=health.state,
            service_principal_id=self.target.service_principal_id,
            job_id=health.job_id,
            reason=health.reason,
            since=health.since,
            error_code=health.error_code,
            error_message=health.error_message,
            last_execution_at=health.last_execution,
            last_success_at=health.last_success,
            counts=health.counts,
            stalled_since=self.stalled_since,
        )


@dataclass(frozen=True)
class Sweep:
    """How the jobs of a fleet were doing."""

    fleet: str
    readings: Sequence[Reading]
    certificates: Sequence[ExpiringCertificate] = field(default=(), kw_only=True)
    """The signing certificates that expire soon, of instances with sso in the file."""

    @property
    def settled(self) -> int:
        """How many jobs will stay as they are until an operator acts or a later cycle changes them."""
        return sum(reading.health.settled for reading in self.readings)

    @property
    def unwell(self) -> list[Reading]:
        """The readings that need action."""
        return [reading for reading in self.readings if not reading.is_healthy]

    @property
    def worst_first(self) -> list[Reading]:
        """The readings, those that need action first."""
        return sorted(self.readings, key=lambda reading: (reading.is_healthy, reading.target.label))

    def warnings(self) -> list[str]:
        """Return what to know of service principals that have jobs of others, a line each."""
        return [
            f"{each.target.label}: its service principal has {other_jobs(each.other_jobs)}"
            for each in self.readings
            if each.other_jobs
        ]

    @property
    def token_expiries(self) -> dict[str, datetime]:
        """When saved tokens end, by key, as far as they say so."""
        return {each.target.key: each.token_expires for each in self.readings if each.token_expires}

    def with_token_expiries(self, expiries: Mapping[str, datetime]) -> "Sweep":
        """Return it with the end of saved tokens, by service principal id (lower case)."""
        readings = [
            replace(each, token_expires=expiries.get((each.target.service_principal_id or "").lower()))
            for each in self.readings
        ]
        return replace(self, readings=readings)

    def count(self) -> dict[str, int]:
        """Return the number of jobs by state, in alphabetical order."""
        return dict(sorted(Counter(str(reading.health.state) for reading in self.readings).items()))

    def as_json(self) -> dict[str, Any]:
        """Return what `monitor --output json` prints."""
        expiring = {"certificates": [each.as_json() for each in self.certificates]} if self.certificates else {}
        return expiring | {"instances": [reading.as_json() for reading in self.readings]}


async def sweep_jobs(graph: GraphClient, fleet: str, targets: Sequence[Target], now: datetime) -> Sweep:
    """Read the job of each target, in batches.

    Args:
        graph: A signed-in client.
        fleet: Name of the fleet.
        targets: Whose jobs.
        now: The moment to tell by whether an execution is overdue.

    Raises:
        GraphError: A read failed for good.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronization-list-jobs
    """
    # Awaited together, so that the reads share batches of twenty.
    return Sweep(fleet, await gather(*(_reading(graph.batched, target, now) for target in targets)))


async def _reading(graph: Resources, target: Target, now: datetime) -> Reading:
    if target.service_principal_id is None:
        return Reading(target, assess_job(None))
    try:
        found = await find_own_job(graph, target.service_principal_id, target.synchronization_template, expected=True)
    except UNREADABLE as error:
        # What cannot be read of one hides none of the others.
        return Reading(target, unreadable(error))
    health = assess_job(found.job, now)
    others = tuple(sorted(job.id for job in found.others))
    return Reading(target, health, find_stall(found.job, health, now), other_jobs=others)
