"""The tasks that look at jobs: a log line and one call each."""

import asyncio

from flows.fleet_file.models import Fleet
from flows.monitoring import sweep as sweeping
from flows.monitoring.quarantine_triage import triaged
from flows.monitoring.sweep import Sweep, Target
from flows.run.context import run_context
from flows.run.job_events import emit_episode_events
from flows.tasks.step import redacted_task
from flows.tenant.observe import find_instances


@redacted_task("find-jobs")
async def find_targets(fleet: Fleet) -> list[Target]:
    """Find the service principal of each instance by the fleet's mark."""
    found = await find_instances(run_context().graph, fleet)
    seen = {key: items[0] for key, items in found.items()}
    return [
        Target(each.key, item.service_principal_id, each.synchronization_template, item.app_id)
        if (item := seen.get(each.key))
        else Target(each.key, None, each.synchronization_template)
        for each in fleet.instances
    ]


@redacted_task("sweep-jobs")
async def sweep_jobs(fleet: Fleet, targets: list[Target]) -> Sweep:
    """Read every job, keep what differs from the last time, and tell Prefect of episodes that began or ended."""
    run = run_context()
    now = run.graph.now()
    seen = await sweeping.sweep_jobs(run.graph, fleet.fleet, targets, now)
    # What could not be read is as it was, as far as anybody knows.
    known = [reading for reading in seen.readings if reading.health.state != "unknown"]
    observations = [reading.observation(fleet.tenant_id, fleet.fleet, now) for reading in known]
    await asyncio.to_thread(run.store.jobs.record_all, observations)
    await emit_episode_events(run.store, fleet.tenant_id, fleet.fleet)
    return seen


@redacted_task("triage-quarantines")
async def triage_quarantines(seen: Sweep) -> Sweep:
    """Join each quarantine with the failures of its cycles."""
    return await asyncio.to_thread(triaged, run_context().store, seen)
