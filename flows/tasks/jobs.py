"""The tasks that control jobs: a log line and one call each."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, time
from functools import partial

from flows.fleet_file.models import Fleet
from flows.monitoring import sweep as sweeping
from flows.monitoring.quarantine import triaged
from flows.monitoring.signing_certificates import ExpiringCertificate, find_expiring_certificates
from flows.monitoring.sweep import Sweep, Target
from flows.plan.job_control import JobControl, Verb, plan_job_controls
from flows.plan.outcome import InstanceOutcome
from flows.run.context import run_context
from flows.run.events import emit_episode_events
from flows.steps import job
from flows.steps.credentials import Start
from flows.store import Measurement, Store
from flows.store.measurements import CERTIFICATE_MEASUREMENTS
from flows.tasks.mapped import instance_task, log, redacted_task, step
from flows.tenant.observe import find_instances
from flows.tenant.signing_certificates import read_certificates_of
from graph_client.errors import GraphError


@redacted_task("plan-job-controls")
async def plan_controls(
    fleet: Fleet, verb: Verb, only: Collection[str] | None, scope: str, force: bool
) -> list[JobControl]:
    """Look at the jobs, and say which of them are to be touched."""
    controls = await plan_job_controls(run_context().graph, fleet, verb, only, scope, force=force)
    for warning in filter(None, (each.warning for each in controls)):
        log().warning("%s", warning)
    log().info("%s: %d of %d jobs to %s", fleet.fleet, sum(each.needed for each in controls), len(controls), verb)
    return controls


@step("start-job")
async def start_job(plan: JobControl) -> str:
    """Start the job, or resume it; one that never ran only once its saved credentials work. Return its state."""
    log().info("%s: starting job %s", plan.key, plan.job_id)
    return await job.start_job(run_context().graph, _start(plan))


@step("pause-job")
async def pause_job(plan: JobControl) -> str:
    """Pause the job; return its state."""
    log().info("%s: pausing job %s", plan.key, plan.job_id)
    return await job.pause_job(run_context().graph, plan.service_principal_id, plan.job_id)


@step("restart-job")
async def restart_job(plan: JobControl) -> str:
    """Restart the job; return its state."""
    log().info("%s: restarting job %s, forgetting %s", plan.key, plan.job_id, plan.reset_scope)
    await job.restart_job(run_context().graph, _start(plan), plan.reset_scope or "")
    # The restart is done: not being able to look would not undo it.
    with suppress(GraphError):
        return await job.read_job_state(run_context().graph, plan.service_principal_id, plan.job_id)
    return "initial-cycle"


def _start(plan: JobControl) -> Start:
    return Start(plan.key, plan.service_principal_id, plan.job_id, has_run=plan.has_run)


WIDTH = 10


_TASKS = {"start": start_job, "pause": pause_job, "restart": restart_job}


@instance_task("control-job")
async def control_job(plan: JobControl, outcome: InstanceOutcome, _run_id: str) -> None:
    """Start, pause or restart the job of one instance."""
    outcome.job_state = await _TASKS[plan.verb](plan)


@redacted_task("find-jobs")
async def find_targets(fleet: Fleet) -> list[Target]:
    """Find the service principal of each instance by the fleet's mark."""
    found = await find_instances(run_context().graph, fleet)
    # The one with the current tag comes first.
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
    await asyncio.to_thread(_measure_sweep, run.store, fleet, now)
    await emit_episode_events(run.store, fleet.tenant_id, fleet.fleet)
    seen = replace(seen, certificates=await _check_certificates(fleet, targets, now))
    return seen.with_token_expiries(await asyncio.to_thread(run.store.fingerprints.expiries, run.tenant_id))


async def _check_certificates(fleet: Fleet, targets: list[Target], now: datetime) -> list[ExpiringCertificate]:
    """Return the certificates that expire soon, and write down when each expires, for reports and metrics."""
    run, signing = run_context(), {each.key for each in fleet.instances if each.sso}
    if not signing:
        return []
    principals = {
        each.key: each.service_principal_id for each in targets if each.service_principal_id and each.key in signing
    }
    found = await read_certificates_of(run.graph, principals)
    ends = [end for key, each in found.items() for end in each.ends(key)]
    measure = partial(Measurement, tenant_id=fleet.tenant_id, fleet=fleet.fleet, measured_at=now)
    for name, staged in CERTIFICATE_MEASUREMENTS.items():
        rows = [measure(name=name, key=key, value=end.timestamp()) for key, end, waits in ends if waits is staged]
        await asyncio.to_thread(run.store.measurements.replace_keys, fleet.tenant_id, fleet.fleet, name, rows)
    return find_expiring_certificates(ends, now)


def _measure_sweep(store: Store, fleet: Fleet, now: datetime) -> None:
    """Write down that a fleet was swept, and when its credentials expire, for those who read metrics."""
    measure = partial(Measurement, tenant_id=fleet.tenant_id, fleet=fleet.fleet, measured_at=now)
    # A metric of its own: a sweep that no longer runs would otherwise look like a fleet without news.
    store.measurements.put([measure(name="sweep", value=now.timestamp())])
    expiries = [
        measure(name="credentials-expire", key=each.key, value=midnight.timestamp())
        for each in fleet.instances
        if each.credentials_expire and (midnight := datetime.combine(each.credentials_expire, time(), UTC))
    ]
    store.measurements.replace_keys(fleet.tenant_id, fleet.fleet, "credentials-expire", expiries)


@redacted_task("triage-quarantines")
async def triage_quarantines(seen: Sweep) -> Sweep:
    """Join each quarantine with the failures of its cycles."""
    return await asyncio.to_thread(triaged, run_context().store, seen)
