"""A run of one command for one fleet: everything that comes before its plan, and what it has taken at its end."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from flows.fleet_file.loader import read_fleet
from flows.fleet_file.models import Fleet
from flows.plan.outcome import APPLIED, InstanceOutcome
from flows.rollout.waves import RolloutReport
from flows.run.context import RunContext, open_run_context
from flows.run.journal import FleetOutcome
from flows.run.redaction import install_log_filter


@dataclass(frozen=True)
class FleetRun:
    """The fleet that a run is for, its connection, and when it began."""

    fleet: Fleet
    context: RunContext
    started_at: float
    """By the machine's monotonic clock, in seconds."""

    @property
    def spent(self) -> tuple[int, float]:
        """How many requests went to Graph so far, and the seconds since the run began."""
        return self.context.graph.requests_sent, time.monotonic() - self.started_at

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
    # Before the sign-in: a wrong file is told at once, and nothing has been sent then.
    desired = read_fleet(fleet)
    started_at = time.monotonic()
    async with open_run_context(tenant, desired.tenant_id, writes_per_second) as context:
        yield FleetRun(desired, context, started_at)
