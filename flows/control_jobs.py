"""control-jobs: start, pause or restart the jobs of a fleet."""

import time
from typing import Annotated, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Failed
from pydantic import Field

from flows import artifacts, job_tasks, journal
from flows.connection import connected
from flows.lease import WAIT_MINUTES, WaitMinutes, exclusive
from flows.logs import quiet_expected_failures
from flows.mapping import final_state, map_instances
from flows.names import name_of_run
from flows.parameters import FleetParameter, read_fleet
from flows.reconcile.job_control import DONE, JobControl
from flows.reconcile.outcome import FleetOutcome, InstanceOutcome
from flows.reconcile.reset_scope import ResetScope, reset_scope
from flows.reconcile.steps.failure import StepFailed
from flows.task_runner import LoopTaskRunner

WIDTH = 10

_TASKS = {"start": job_tasks.start_job, "pause": job_tasks.pause_job, "restart": job_tasks.restart_job}


@flow(
    name="control-jobs",
    flow_run_name=name_of_run("jobs"),
    task_runner=LoopTaskRunner(),  # type: ignore[arg-type]  # Prefect declares runners invariant in their future
    persist_result=False,
    retries=0,
)
async def control_jobs(
    fleet: FleetParameter,
    action: Literal["start", "pause", "restart"],
    tenant: str | None = None,
    only: list[str] | None = None,
    reset: list[ResetScope] | None = None,
    force: bool = False,
    change: Annotated[str | None, Field(max_length=200)] = None,
    wait_minutes: WaitMinutes = WAIT_MINUTES,
) -> State:
    """Start, pause or restart jobs, one's failure never stopping another's.

    Args:
        fleet: The fleet file's path, or its content.
        action: What to do to the jobs.
        tenant: EntraTenant block; empty for the environment.
        only: Keys of the jobs; empty for all.
        reset: What a restart forgets; empty for nothing.
        force: Restart what is paused, and with a reset that is dangerous.
        change: Ticket this change belongs to.
        wait_minutes: How long to wait for another run that writes for this fleet.
    """
    quiet_expected_failures()
    desired = read_fleet(fleet)
    scope = reset_scope(reset or (), force=force)
    started = time.monotonic()
    async with connected(tenant, desired.tenant_id) as run, exclusive(desired, f"jobs-{action}", wait_minutes):
        controls = await job_tasks.plan_controls(desired, action, only, scope, force)
        async with journal.journaled(desired, None, change, f"jobs-{action}") as entry:
            outcomes = {each.key: each.outcome() for each in controls}
            pending = [(each, outcomes[each.key]) for each in controls if each.needed]
            for done in await map_instances(control_job, pending, entry.run_id, phase=action, width=WIDTH):
                outcomes[done.key] = done
            spent = (run.graph.requests_sent, time.monotonic() - started)
            outcome = FleetOutcome(
                desired.fleet, list(outcomes.values()), *spent, (DONE[action], "unchanged", "failed")
            )
            entry.outcome = outcome
        await artifacts.publish_outcome(outcome, "jobs")
    return final_state(outcome)


@task(name="control-job", task_run_name="{plan.key}", cache_policy=NO_CACHE, persist_result=False)
async def control_job(plan: JobControl, run_id: str) -> State | InstanceOutcome:
    """Start, pause or restart the job of one instance; what fails is in the outcome."""
    outcome = plan.outcome()
    try:
        outcome.job_state = await _TASKS[plan.verb](plan)
    except StepFailed as failure:
        outcome.fail(failure)
    await journal.record(run_id, plan.verb, plan.changes, outcome)
    return Failed(message=str(outcome.failure), data=outcome) if outcome.failure else outcome
