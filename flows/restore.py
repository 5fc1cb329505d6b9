"""restore-schema: restore an earlier schema of one job."""

import time
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Failed
from pydantic import Field

from flows.artifacts import tables as artifacts
from flows.errors import StepFailed
from flows.fleet_file.loader import FleetParameter, read_fleet
from flows.plan.outcome import InstanceOutcome
from flows.plan.plan import Action, InstancePlan
from flows.run import journal
from flows.run.context import open_run_context
from flows.run.lease import WAIT_MINUTES, WaitMinutes, exclusive
from flows.run.log_filter import install_log_filter
from flows.run.names import name_run
from flows.run.outcome import FleetOutcome
from flows.run.task_runner import LoopTaskRunner
from flows.tasks import schema as schema_tasks
from flows.tasks.mapped import final_state

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
    install_log_filter()
    desired = read_fleet(fleet)
    started = time.monotonic()
    async with open_run_context(tenant, desired.tenant_id) as run, exclusive(desired, "restore", wait_minutes):
        try:
            plan, chosen = await schema_tasks.plan_restore(desired, key, version)
        except StepFailed as failure:
            return Failed(message=str(failure), data=failure)
        await artifacts.publish_plan(plan)
        async with journal.open_journal(desired, plan, change, "restore") as entry:
            outcome = await restore_instance(plan.instances[0], chosen, entry.run_id)
            seconds = time.monotonic() - started
            entry.outcome = FleetOutcome(plan.fleet, [outcome], run.graph.requests_sent, seconds, _OUTCOMES)
        await artifacts.publish_outcome(entry.outcome, "restore")
    return final_state(entry.outcome)


@task(name="restore-instance", task_run_name="{plan.key}", cache_policy=NO_CACHE, persist_result=False)
async def restore_instance(plan: InstancePlan, version: int, run_id: str) -> InstanceOutcome:
    """Restore the schema of one instance, unless it is current already."""
    outcome = InstanceOutcome.of(plan)
    try:
        if plan.action is Action.UPDATE:
            outcome.job_state = await schema_tasks.restore_schema(plan, version, run_id)
            outcome.outcome = "restored"
    except StepFailed as failure:
        outcome.fail(failure)
    await journal.record_instance(run_id, plan, outcome)
    return outcome
