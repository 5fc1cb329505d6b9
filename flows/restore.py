"""restore-schema: restore an earlier schema of one job."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed
from pydantic import Field

from flows.errors import StepFailed
from flows.fleet_file.loader import FleetParameter
from flows.plan.outcome import InstanceOutcome
from flows.plan.plan import InstancePlan
from flows.run import journal
from flows.run.artifacts import publish_outcome, publish_plan
from flows.run.context import name_run
from flows.run.journal import open_fleet_run
from flows.run.lease import WAIT_MINUTES, WaitMinutes, exclusive
from flows.run.task_runner import LoopTaskRunner
from flows.tasks.mapped import final_state, instance_task, run_instance
from flows.tasks.schema import plan_restore, restore_version

_OUTCOMES = ("restored", "unchanged", "failed")


@flow(
    name="restore-schema",
    flow_run_name=name_run("restore"),
    task_runner=LoopTaskRunner(),  # type: ignore[arg-type]  # Prefect declares runners invariant in their future
    persist_result=False,
    retries=0,
)
async def restore_schema(
    fleet: FleetParameter,
    key: str,
    version: Annotated[int | None, Field(ge=1)] = None,
    tenant: str | None = None,
    change: Annotated[str | None, Field(max_length=200)] = None,
    wait_minutes: WaitMinutes = WAIT_MINUTES,
) -> State:
    """Restore a whole schema from the store; the current one is saved first.

    Args:
        fleet: Path or content of the fleet file.
        key: Key of the instance.
        version: Version from the history; empty for the newest.
        tenant: EntraTenant block to sign in with; empty to use the environment.
        change: Ticket to record in the journal.
        wait_minutes: How long to wait for another run that is changing this fleet.
    """
    async with open_fleet_run(fleet, tenant) as run, exclusive(run.fleet, "restore", wait_minutes):
        try:
            plan, chosen = await plan_restore(run.fleet, key, version)
        except StepFailed as failure:
            return Failed(message=str(failure), data=failure)
        # Before the write: the artifact is there even if the run is killed.
        await publish_plan(plan)
        async with journal.open_journal(run.fleet, plan, change, "restore") as entry:
            instance = await run_instance(restore_instance, plan.instances[0], entry.run_id, chosen)
            entry.outcome = outcome = run.outcome([instance], _OUTCOMES)
        await publish_outcome(outcome, "restore")
    return final_state(outcome)


@instance_task("restore-instance")
async def restore_instance(plan: InstancePlan, outcome: InstanceOutcome, run_id: str, version: int) -> None:
    """Restore a version of the schema of one instance, unless it is current already."""
    if plan.needed:
        outcome.job_state = await restore_version(plan, version, run_id)
        outcome.outcome = "restored"
