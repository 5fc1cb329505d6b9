"""The tasks that control jobs: a log line and one call each."""

from collections.abc import Collection
from contextlib import suppress

from flows.fleet_file.models import Fleet
from flows.plan.job_control import JobControl, Verb, plan_job_controls
from flows.plan.outcome import InstanceOutcome
from flows.run.context import run_context
from flows.steps import job
from flows.steps.credentials import Start
from flows.tasks.mapped import instance_task
from flows.tasks.step import log, redacted_task, step
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
