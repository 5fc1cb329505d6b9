"""monitor-fleet: check the jobs of a fleet, once or until they have settled."""

import asyncio
import time
from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import Field

from flows.fleet_file.loader import FleetParameter
from flows.formatting import format_count
from flows.monitoring.credential_warnings import find_expiring_credentials
from flows.monitoring.sweep import Sweep
from flows.run.artifacts import ProgressArtifact, publish_health
from flows.run.context import name_run
from flows.run.journal import open_fleet_run
from flows.run.progress import Progress, report_progress
from flows.tasks.jobs import find_targets, sweep_jobs, triage_quarantines


@flow(name="monitor-fleet", flow_run_name=name_run("monitor"), persist_result=False)
async def monitor_fleet(
    fleet: FleetParameter,
    tenant: str | None = None,
    until: Literal["once", "settled"] = "once",
    timeout_minutes: Annotated[float, Field(gt=0)] = 60,
    interval_seconds: Annotated[float, Field(gt=0)] = 30,
) -> State:
    """Check every job, record changes, and with `until="settled"` wait for the initial cycles to end.

    Args:
        fleet: Path or content of the fleet file.
        tenant: EntraTenant block to sign in with; empty to use the environment.
        until: Check once, or until all jobs have settled.
        timeout_minutes: How long to wait for the jobs to settle.
        interval_seconds: Time between checks.
    """
    deadline = time.monotonic() + timeout_minutes * 60
    async with open_fleet_run(fleet, tenant) as run:
        watched = run.fleet
        targets = await find_targets(watched)
        # A single sweep ends before a progress bar would be seen.
        bar = await ProgressArtifact.start(watched.fleet, "settling", len(targets)) if until == "settled" else None
        while True:
            seen = await sweep_jobs(watched, targets)
            if bar:
                await bar.show(seen.settled)
            report_progress(Progress("monitor", seen.settled, len(targets), _counts(seen)))
            if until == "once" or seen.settled == len(targets) or time.monotonic() >= deadline:
                break
            await asyncio.sleep(min(interval_seconds, max(0.0, deadline - time.monotonic())))
        today = run.context.graph.now().date()
        for warning in (
            *find_expiring_credentials(watched.instances, today, seen.token_expiries),
            *seen.certificates,
            *seen.warnings(),
        ):
            get_run_logger().warning("%s", warning)
        seen = await triage_quarantines(seen)
        await publish_health(seen)
    return _final_state(seen, timed_out=until == "settled" and seen.settled < len(targets))


def _final_state(seen: Sweep, *, timed_out: bool) -> State:
    text = _counts(seen)
    if timed_out:
        return Failed(name="TimedOut", message=f"Timed out before all jobs settled: {text}", data=seen)
    if seen.unwell:
        return Completed(name="PartiallyCompleted", message=text, data=seen)
    return Completed(message=text, data=seen)


def _counts(seen: Sweep) -> str:
    return format_count(seen.count()) or "no instances"
