"""control-jobs: start, pause or restart the jobs of a fleet."""

from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.fleet_file.loader import FleetParameter
from flows.plan.job_control import DONE, ResetScope, reset_scope
from flows.run import journal
from flows.run.artifacts import publish_outcome
from flows.run.context import name_run
from flows.run.journal import open_fleet_run
from flows.run.lease import WAIT_MINUTES, WaitMinutes, exclusive
from flows.run.task_runner import LoopTaskRunner
from flows.tasks.jobs import WIDTH, control_job, plan_controls
from flows.tasks.mapped import final_state, map_instances


@flow(
    name="control-jobs",
    flow_run_name=name_run("jobs"),
    task_runner=LoopTaskRunner(),  # type: ignore[arg-type]  # Prefect declares runners invariant in their future
    persist_result=False,
    retries=0,  # of the flow: tasks retry, and a repeated flow would start jobs again
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
    """Start, pause or restart jobs; one failure does not stop the others.

    Args:
        fleet: Path or content of the fleet file.
        action: What to do with the jobs.
        tenant: EntraTenant block to sign in with; empty to use the environment.
        only: Keys of the instances; empty for all.
        reset: Reset scopes of a restart; empty to only lift quarantines.
        force: Restart paused jobs too, and allow dangerous resets.
        change: Ticket to record in the journal.
        wait_minutes: How long to wait for another run that is changing this fleet.
    """
    scope = reset_scope(reset or (), force=force)
    command = f"jobs-{action}"
    async with open_fleet_run(fleet, tenant) as run, exclusive(run.fleet, command, wait_minutes):
        controls = await plan_controls(run.fleet, action, only, scope, force)
        async with journal.open_journal(run.fleet, None, change, command) as entry:
            instances = await map_instances(control_job, controls, entry.run_id, phase=action, width=WIDTH)
            entry.outcome = outcome = run.outcome(instances, (DONE[action], "unchanged", "failed"))
        await publish_outcome(outcome, "jobs")
    return final_state(outcome)
