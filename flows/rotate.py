"""rotate-credentials: validate and save new credentials for existing jobs; changes nothing else."""

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
from flows.plan.outcome import ApplicationIds, InstanceOutcome
from flows.plan.plan import Action, InstancePlan, Plan
from flows.run import journal
from flows.run.context import open_run_context
from flows.run.lease import WAIT_MINUTES, WaitMinutes, exclusive
from flows.run.log_filter import install_log_filter
from flows.run.names import name_run
from flows.run.outcome import FleetOutcome
from flows.run.task_runner import LoopTaskRunner
from flows.tasks import provision as tasks
from flows.tasks.mapped import final_state, map_instances

_AT_ONCE = 10
_OUTCOMES = ("rotated", "failed")


@flow(
    name="rotate-credentials",
    flow_run_name=name_run("rotate"),
    task_runner=LoopTaskRunner(),  # type: ignore[arg-type]  # Prefect declares runners invariant in their future
    persist_result=False,
    retries=0,
)
async def rotate_credentials(
    fleet: FleetParameter,
    only: Annotated[list[str], Field(min_length=1)],
    tenant: str | None = None,
    change: Annotated[str | None, Field(max_length=200)] = None,
    wait_minutes: WaitMinutes = WAIT_MINUTES,
) -> State:
    """Validate the credentials referenced in the fleet file, and save those that work.

    Args:
        fleet: Path or content of the fleet file.
        only: Keys of the instances with new credentials.
        tenant: EntraTenant block to sign in with; empty to use the environment.
        change: Ticket to record in the journal.
        wait_minutes: How long to wait for another run that is changing this fleet.
    """
    install_log_filter()
    desired = read_fleet(fleet)
    started = time.monotonic()
    async with open_run_context(tenant, desired.tenant_id) as run, exclusive(desired, "rotate", wait_minutes):
        plan = await tasks.plan_rotation(desired, only)
        async with journal.open_journal(desired, plan, change, "rotate") as entry:
            instances = await _rotate(plan, entry.run_id)
            seconds = time.monotonic() - started
            outcome = FleetOutcome(plan.fleet, instances, run.graph.requests_sent, seconds, _OUTCOMES)
            entry.outcome = outcome
        await artifacts.publish_outcome(outcome, "rotation")
    return final_state(outcome)


async def _rotate(plan: Plan, run_id: str) -> list[InstanceOutcome]:
    outcomes = {each.key: _outcome(each) for each in plan.instances}
    pending = [(each, outcomes[each.key]) for each in plan.instances if each.action is Action.UPDATE]
    for outcome in await map_instances(rotate_instance, pending, run_id, phase="rotate", width=_AT_ONCE):
        outcomes[outcome.key] = outcome
    return list(outcomes.values())


@task(name="rotate-instance", task_run_name="{plan.key}", cache_policy=NO_CACHE, persist_result=False)
async def rotate_instance(plan: InstancePlan, run_id: str) -> State | InstanceOutcome:
    """Save the credentials of one instance if the target system accepts them."""
    outcome = _outcome(plan)
    placed = ApplicationIds(plan.application_id or "", plan.service_principal_id or "")
    try:
        await tasks.validate_credentials(plan, placed, "")
        await tasks.save_credentials(plan, placed, with_settings=False)
    except StepFailed as failure:
        outcome.fail(failure)
    await journal.record_instance(run_id, plan, outcome)
    return Failed(message=str(outcome.failure), data=outcome) if outcome.failure else outcome


def _outcome(plan: InstancePlan) -> InstanceOutcome:
    outcome = InstanceOutcome.of(plan)
    if not outcome.failure:
        outcome.outcome = "rotated"
    return outcome
