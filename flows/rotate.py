"""rotate-credentials: validate and save new credentials for existing jobs; changes nothing else."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.errors import StepFailed
from flows.fleet_file.loader import FleetParameter
from flows.plan.outcome import ApplicationIds, InstanceOutcome, TokenExpiry
from flows.plan.plan import InstancePlan
from flows.run import journal
from flows.run.artifacts import publish_outcome
from flows.run.context import name_run
from flows.run.journal import open_fleet_run
from flows.run.lease import WAIT_MINUTES, WaitMinutes, exclusive
from flows.run.task_runner import LoopTaskRunner
from flows.tasks.mapped import final_state, instance_task, map_instances
from flows.tasks.provision import plan_rotation, read_token_expiry, save_credentials, validate_credentials

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
    async with open_fleet_run(fleet, tenant) as run, exclusive(run.fleet, "rotate", wait_minutes):
        plan = await plan_rotation(run.fleet, only)
        async with journal.open_journal(run.fleet, plan, change, "rotate") as entry:
            instances = await map_instances(
                rotate_instance, plan.instances, entry.run_id, phase="rotate", width=_AT_ONCE
            )
            entry.outcome = outcome = run.outcome(instances, _OUTCOMES)
        await publish_outcome(outcome, "rotation")
    return final_state(outcome)


@instance_task("rotate-instance")
async def rotate_instance(plan: InstancePlan, outcome: InstanceOutcome, _run_id: str) -> None:
    """Save the credentials of one instance if the target system accepts them."""
    placed = ApplicationIds(plan.application_id or "", plan.service_principal_id or "")
    # An existing job is validated by its id, so no synchronization template is needed.
    if refusal := await validate_credentials(plan, placed, ""):
        raise StepFailed("TargetNotReady", f"{plan.key}: {refusal}", step="validate-credentials")
    # Before saving, which replaces what is known of the old token.
    before = await read_token_expiry(placed.service_principal_id)
    await save_credentials(plan, placed, with_settings=False)
    after = await read_token_expiry(placed.service_principal_id)
    outcome.outcome = "rotated"
    outcome.token_expiry = TokenExpiry(before, after) if before or after else None
