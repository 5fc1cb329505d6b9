"""One look at the jobs of a fleet."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.monitoring.health import JobHealth, assess, job_of
from flows.store import JobObservation
from graph_client import GraphClient, Resources
from graph_client.errors import NotFound


@dataclass(frozen=True)
class Target:
    """An instance whose job is watched."""

    key: str
    service_principal_id: str | None
    synchronization_template: str | None = None


@dataclass(frozen=True)
class Reading:
    """How the job of one instance was doing."""

    target: Target
    health: JobHealth

    def as_json(self) -> dict[str, Any]:
        """Return what `monitor --output json` prints of it."""
        return {"key": self.target.key, **self.health.as_json()}

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
        )


@dataclass(frozen=True)
class Sweep:
    """How the jobs of a fleet were doing."""

    fleet: str
    readings: Sequence[Reading]

    @property
    def settled(self) -> int:
        """How many jobs will stay as they are until somebody acts or a later cycle changes them."""
        return sum(reading.health.settled for reading in self.readings)

    @property
    def unwell(self) -> list[Reading]:
        """The readings somebody needs to act on."""
        return [reading for reading in self.readings if not reading.health.well]

    def count(self) -> dict[str, int]:
        """Return the number of jobs by state, in alphabetical order."""
        return dict(sorted(Counter(str(reading.health.state) for reading in self.readings).items()))

    def as_json(self) -> dict[str, Any]:
        """Return what `monitor --output json` prints."""
        return {"instances": [reading.as_json() for reading in self.readings]}


async def sweep(graph: GraphClient, fleet: str, targets: Sequence[Target]) -> Sweep:
    """Read the job of each target, in batches.

    Raises:
        GraphError: A read failed for good.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronization-list-jobs
    """
    healths = await asyncio.gather(*(_health(graph.batched, target) for target in targets))
    return Sweep(fleet, tuple(Reading(target, health) for target, health in zip(targets, healths, strict=True)))


async def _health(graph: Resources, target: Target) -> JobHealth:
    if target.service_principal_id is None:
        return assess(None)
    try:
        jobs = await graph.synchronization.jobs(target.service_principal_id)
    except NotFound:
        return assess(None)
    return assess(job_of(jobs, target.synchronization_template))
