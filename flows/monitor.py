"""monitor-fleet: how the jobs of a fleet are doing, once or until they have settled."""

import asyncio
import time
from typing import Annotated, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import Field

from flows import artifacts
from flows.connection import connected, connection
from flows.counts import in_words
from flows.job_events import tell_episodes
from flows.logs import quiet_expected_failures
from flows.monitoring import sweep as sweeping
from flows.monitoring.evidence import triaged
from flows.monitoring.expiry import expiring
from flows.monitoring.sweep import Sweep, Target
from flows.names import name_of_run
from flows.parameters import FleetParameter, read_fleet
from flows.progress import Progress, report
from flows.progress_artifact import ProgressArtifact
from flows.reconcile.fleet import Fleet
from flows.reconcile.observe import find_instances


@flow(name="monitor-fleet", flow_run_name=name_of_run("monitor"), persist_result=False)
async def monitor_fleet(
    fleet: FleetParameter,
    tenant: str | None = None,
    until: Literal["once", "settled"] = "once",
    timeout_minutes: Annotated[float, Field(gt=0)] = 60,
    interval_seconds: Annotated[float, Field(gt=0)] = 30,
) -> State:
    """Look at every job, keep what changed, and with `until="settled"` wait for the initial cycles to end.

    Args:
        fleet: The fleet file's path, or its content.
        tenant: EntraTenant block; empty for the environment.
        until: Look once, or until all have settled.
        timeout_minutes: How long to wait for them to settle.
        interval_seconds: Time between two looks.
    """
    quiet_expected_failures()
    watched = read_fleet(fleet)
    deadline = time.monotonic() + timeout_minutes * 60
    async with connected(tenant, watched.tenant_id):
        targets = await find_targets(watched)
        for expiry in expiring(watched.instances, connection().graph.now().date()):
            get_run_logger().warning("%s", expiry)
        bar = await ProgressArtifact.start(watched.fleet, "settling", len(targets))
        while True:
            seen = await sweep_jobs(watched, targets)
            await bar.show(seen.settled)
            report(Progress("monitor", seen.settled, len(targets), _counts(seen)))
            if until == "once" or seen.settled == len(targets) or time.monotonic() >= deadline:
                break
            await asyncio.sleep(min(interval_seconds, max(0.0, deadline - time.monotonic())))
        for warning in seen.warnings():
            get_run_logger().warning("%s", warning)
        seen = await triage_quarantines(seen)
        await artifacts.publish_health(seen)
    return _final_state(seen, timed_out=until == "settled" and seen.settled < len(targets))


@task(name="find-jobs", cache_policy=NO_CACHE, persist_result=False)
async def find_targets(fleet: Fleet) -> list[Target]:
    """Find the service principal of each instance by the fleet's mark."""
    found = await find_instances(connection().graph, fleet)
    seen = {key: items[0] for key, items in found.items()}
    return [
        Target(each.key, item.service_principal_id, each.synchronization_template, item.app_id)
        if (item := seen.get(each.key))
        else Target(each.key, None, each.synchronization_template)
        for each in fleet.instances
    ]


@task(name="sweep-jobs", cache_policy=NO_CACHE, persist_result=False)
async def sweep_jobs(fleet: Fleet, targets: list[Target]) -> Sweep:
    """Read every job, keep what differs from the last time, and tell Prefect of episodes that began or ended."""
    run = connection()
    now = run.graph.now()
    seen = await sweeping.sweep(run.graph, fleet.fleet, targets, now)
    # What could not be read is as it was, as far as anybody knows.
    known = [reading for reading in seen.readings if reading.health.state != "unknown"]
    observations = [reading.observation(fleet.tenant_id, fleet.fleet, now) for reading in known]
    await asyncio.to_thread(run.store.jobs.record_all, observations)
    await tell_episodes(run.store, fleet.tenant_id, fleet.fleet)
    return seen


@task(name="triage-quarantines", cache_policy=NO_CACHE, persist_result=False)
async def triage_quarantines(seen: Sweep) -> Sweep:
    """Join each quarantine with the failures of its cycles."""
    return await asyncio.to_thread(triaged, connection().store, seen)


def _final_state(seen: Sweep, *, timed_out: bool) -> State:
    text = _counts(seen)
    if timed_out:
        return Failed(name="TimedOut", message=f"Not settled in time: {text}", data=seen)
    if seen.unwell:
        return Completed(name="PartiallyCompleted", message=text, data=seen)
    return Completed(message=text, data=seen)


def _counts(seen: Sweep) -> str:
    return in_words(seen.count()) or "no instances"
