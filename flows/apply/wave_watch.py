"""Watching a wave after its change: cycles, the log, and users that are tried."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.errors import KNOWN_ERRORS
from flows.fleet_file.models import Fleet
from flows.monitoring.cycle_log import JobLog, collect_job_logs
from flows.monitoring.health import RUNNING, JobHealth
from flows.monitoring.sweep import Reading, Target
from flows.plan.outcome import InstanceOutcome
from flows.run.artifacts import ProgressArtifact
from flows.run.context import run_context
from flows.run.progress import Progress, report_progress
from flows.run.waves import CanaryRules, HealthCheck, Observation, WaveReport, evaluate
from flows.steps.on_demand import OnDemandResult
from flows.tasks.jobs import sweep_jobs
from flows.tasks.mapped import log, redacted_task
from flows.tasks.on_demand import plan_on_demand, try_request
from graph_client.errors import GraphError

_LOG_INTERVAL_SECONDS = 60.0
"""The log is read whole each time, and takes five requests in ten seconds."""


@dataclass(frozen=True)
class Watch:
    """What is watched: a wave of a fleet, and what was done to its instances."""

    fleet: Fleet
    name: str
    began_at: datetime
    """When the first of them was to be changed."""
    applied_at: datetime
    """When all of them were."""
    outcomes: Mapping[str, InstanceOutcome]
    rules: CanaryRules

    def ended(self, health: JobHealth) -> bool:
        """Return whether a job has completed a cycle that began after the change."""
        return health.state in {"steady", "degraded"} and bool(
            health.last_began and health.last_began > self.applied_at
        )

    def open(self, reading: Reading) -> bool:
        """Return whether a cycle of the job is still awaited."""
        health = reading.health
        awaited = health.state in RUNNING or health.state == "unknown"
        return self.outcomes[reading.target.key].failure is None and awaited and not self.ended(health)


async def watch_wave(
    watch: Watch,
    before: Mapping[str, int],
    quarantined: Collection[str],
    trials: Mapping[str, Collection[OnDemandResult]],
) -> list[Observation]:
    """Wait until every job that runs has ended a cycle, and return what there was to see of each instance."""
    readings = await _cycles(watch)
    jobs = {each.health.job_id: each for each in readings if each.health.job_id}
    logs = await _logs(watch, {id_: each for id_, each in jobs.items() if watch.ended(each.health)})
    return [
        Observation(
            watch.outcomes[each.target.key],
            each.health,
            watch.ended(each.health),
            before.get(each.target.key, 0),
            logs.get(each.health.job_id or "", JobLog()) if logs is not None else None,
            tuple(trials.get(each.target.key, ())),
            each.target.key in quarantined,
        )
        for each in readings
    ]


async def _cycles(watch: Watch) -> list[Reading]:
    templates = {each.key: each.synchronization_template for each in watch.fleet.instances}
    targets = [Target(key, each.service_principal_id, templates[key]) for key, each in watch.outcomes.items()]
    loop = asyncio.get_running_loop()
    deadline = loop.time() + watch.rules.timeout_minutes * 60
    bar = await ProgressArtifact.start(watch.fleet.fleet, watch.name, len(targets))
    while True:
        # A full sweep each time, so that quarantines are recorded and reported as in any other.
        readings = list((await sweep_jobs(watch.fleet, targets)).readings)
        waiting = sum(map(watch.open, readings))
        report_progress(Progress(watch.name, len(readings) - waiting, len(readings)))
        await bar.show(len(readings) - waiting)
        left = deadline - loop.time()
        if not waiting or left <= 0:
            return readings
        await asyncio.sleep(min(watch.rules.interval_seconds, left))


async def _logs(watch: Watch, jobs: Mapping[str, Reading]) -> dict[str, JobLog] | None:
    """Return what the log has of each job, once it shows what the jobs say they did; None if it cannot be read."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + watch.rules.log_minutes * 60
    while True:
        found = await read_job_logs(list(jobs), watch.began_at) if jobs else {}
        if found is None:
            return None
        # The job counts immediately what the log shows minutes later.
        late = [id_ for id_, each in jobs.items() if found[id_].events < each.health.counts.get("exported", 0)]
        left = deadline - loop.time()
        if not late or left <= 0:
            return found
        await asyncio.sleep(min(max(watch.rules.interval_seconds, _LOG_INTERVAL_SECONDS), left))


@redacted_task("read-log-of-jobs")
async def read_job_logs(job_ids: list[str], since: datetime) -> dict[str, JobLog] | None:
    """Read what the provisioning log has of some jobs since a moment; None if it cannot be read."""
    try:
        return await collect_job_logs(run_context().graph, job_ids, since)
    except GraphError as error:
        log().warning("the provisioning log cannot be read, deletes are not counted: %s", error)
        return None


async def try_users(
    fleet: Fleet, outcomes: Mapping[str, InstanceOutcome], users: Collection[str], run_id: str
) -> dict[str, list[OnDemandResult]]:
    """Provision users on demand in each instance that has not failed, and return the results."""
    trials: dict[str, list[OnDemandResult]] = {}
    for key in [key for key, each in outcomes.items() if users and each.failure is None]:
        try:
            attempts = await plan_on_demand(fleet, [key], users, [])
        except KNOWN_ERRORS as error:
            # Not a verdict about the instance: the user may just be unknown, or out of its scope.
            log().warning("%s: users cannot be tried: %s", key, error)
            continue
        trials[key] = [await try_request(each, fleet, run_id) for each in attempts]  # one by one: 5 in 10 s
    return trials


@redacted_task("judge-wave", task_run_name="{wave.name}")
async def judge_wave(wave: WaveReport, seen: list[Observation], rules: CanaryRules) -> State | list[HealthCheck]:
    """Evaluate each instance of a wave; the wave is held if too many of them are unhealthy."""
    verdicts = [evaluate(each, rules) for each in seen]
    bad = [each for each in verdicts if not each.good]
    for each in bad:
        log().warning("%s: %s: %s", wave.name, each.key, ", ".join(each.reasons))
    if len(bad) > rules.instances:
        return Failed(message=f"{len(bad)} of {len(verdicts)} unhealthy", data=verdicts)
    return verdicts
