"""retire-instances: pause and delete the job, then the application of an instance."""

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
from flows.plan.retirement import Retirement
from flows.run import journal
from flows.run.context import open_run_context
from flows.run.lease import WAIT_MINUTES, WaitMinutes, exclusive
from flows.run.log_filter import install_log_filter
from flows.run.names import name_run
from flows.run.outcome import FleetOutcome
from flows.run.task_runner import LoopTaskRunner
from flows.tasks import retire as tasks
from flows.tasks.mapped import final_state, map_instances

WIDTH = 10
OUTCOMES = ("retired", "purged", "unchanged", "failed")


@flow(
    name="retire-instances",
    flow_run_name=name_run("retire"),
    task_runner=LoopTaskRunner(),  # type: ignore[arg-type]  # Prefect declares runners invariant in their future
    persist_result=False,
    retries=0,
)
async def retire_instances(
    fleet: FleetParameter,
    only: Annotated[list[str], Field(min_length=1)],
    tenant: str | None = None,
    application_id: str | None = None,
    purge: bool = False,
    force: bool = False,
    change: Annotated[str | None, Field(max_length=200)] = None,
    wait_minutes: WaitMinutes = WAIT_MINUTES,
) -> State:
    """Retire instances; one failure does not stop the others, and what is already gone is not a failure.

    Args:
        fleet: Path or content of the fleet file.
        only: Keys to retire; they need not be in the fleet file.
        tenant: EntraTenant block to sign in with; empty to use the environment.
        application_id: Object id of the application to retire, where two have the tag of the key.
        purge: Also delete them from the recycle bin, permanently.
        force: Override the limit on how much of the fleet one run may retire.
        change: Ticket to record in the journal.
        wait_minutes: How long to wait for another run that is changing this fleet.
    """
    install_log_filter()
    desired = read_fleet(fleet)
    started = time.monotonic()
    async with open_run_context(tenant, desired.tenant_id) as run, exclusive(desired, "retire", wait_minutes):
        plans = await tasks.plan_retirement(desired, only, application_id, purge, force)
        async with journal.open_journal(desired, None, change, "retire") as entry:
            outcomes = {each.key: each.outcome() for each in plans}
            pending = [(each, outcomes[each.key]) for each in plans if each.needed]
            for done in await map_instances(retire_instance, pending, entry.run_id, phase="retire", width=WIDTH):
                outcomes[done.key] = done
            spent = (run.graph.requests_sent, time.monotonic() - started)
            outcome = FleetOutcome(desired.fleet, list(outcomes.values()), *spent, OUTCOMES)
            entry.outcome = outcome
        await artifacts.publish_outcome(outcome, "retired")
    return final_state(outcome)


@task(name="retire-instance", task_run_name="{plan.key}", cache_policy=NO_CACHE, persist_result=False)
async def retire_instance(plan: Retirement, run_id: str) -> State | InstanceOutcome:
    """Retire one instance; a failure is in the outcome."""
    outcome = plan.outcome()
    try:
        await _retire(plan)
    except StepFailed as failure:
        outcome.fail(failure)
    await journal.record(run_id, "retire", plan.changes, outcome)
    return Failed(message=str(outcome.failure), data=outcome) if outcome.failure else outcome


async def _retire(plan: Retirement) -> None:
    if plan.live:
        for job in plan.jobs:
            if job.state not in {"created", "paused"}:
                await tasks.pause_job(plan, job.job_id or "")
            await tasks.delete_job(plan, job.job_id or "")
        await tasks.delete_application(plan)
    if plan.service_principal_id:
        await tasks.forget_fingerprints(plan)
    if plan.purge:
        await tasks.purge_application(plan)
