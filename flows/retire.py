"""retire-instances: pause and delete the job, then the application of an instance."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.fleet_file.loader import FleetParameter
from flows.fleet_file.models import Fleet
from flows.plan.outcome import InstanceOutcome
from flows.plan.retirement import Retirement, plan_retirements
from flows.run import journal
from flows.run.artifacts import publish_outcome
from flows.run.context import name_run, run_context
from flows.run.journal import open_fleet_run
from flows.run.lease import WAIT_MINUTES, WaitMinutes, exclusive
from flows.run.task_runner import LoopTaskRunner
from flows.steps import retire
from flows.tasks.deprovision import deprovision_instance, pause_job
from flows.tasks.mapped import final_state, instance_task, log, map_instances, redacted_task, step
from flows.tasks.withdrawal import withdraw_policies


@redacted_task("plan-retirements")
async def plan_retirement(
    fleet: Fleet, keys: Sequence[str], application_id: str | None, purge: bool, force: bool, policies: bool
) -> list[Retirement]:
    """Find what has the ownership tags of the keys."""
    found = await plan_retirements(
        run_context().graph,
        fleet,
        keys,
        application_id=application_id,
        purge=purge,
        force=force,
        policies=policies,
        store=run_context().store,
    )
    log().info("%s: %d of %d instances to retire", fleet.fleet, sum(each.needed for each in found), len(found))
    return found


@step("delete-job")
async def delete_job(plan: Retirement, job_id: str) -> None:
    """Delete the job."""
    log().info("%s: deleting job %s", plan.key, job_id)
    await retire.delete_job(run_context().graph, plan.service_principal_id or "", job_id)


@step("delete-application")
async def delete_application(plan: Retirement) -> None:
    """Move the application to the recycle bin."""
    log().info("%s: deleting application %s (%s)", plan.key, plan.application_id, plan.display_name)
    await retire.delete_application(run_context().graph, plan)


@step("forget-fingerprints")
async def forget_fingerprints(plan: Retirement) -> None:
    """Forget what the store knows of the credentials and mappings that are gone."""
    link, principal_id = run_context(), plan.service_principal_id or ""
    await asyncio.to_thread(link.store.fingerprints.forget, link.tenant_id, principal_id)
    await asyncio.to_thread(link.store.schemas.forget_applied, link.tenant_id, principal_id)


@step("purge-application")
async def purge_application(plan: Retirement) -> None:
    """Remove the application from the recycle bin."""
    log().info("%s: purging application %s (%s)", plan.key, plan.application_id, plan.display_name)
    await retire.purge(run_context().graph, plan)


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
    policies: bool = False,
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
        force: Override the limit on how much of the fleet one run may retire, and leave accounts in a target tenant
            that no longer lets them be deleted.
        policies: Withdraw the access that was given for them in the policies of two tenants.
        change: Ticket to record in the journal.
        wait_minutes: How long to wait for another run that is changing this fleet.
    """
    async with open_fleet_run(fleet, tenant) as run, exclusive(run.fleet, "retire", wait_minutes):
        plans = await plan_retirement(run.fleet, only, application_id, purge, force, policies)
        async with journal.open_journal(run.fleet, None, change, "retire") as entry:
            instances = await map_instances(retire_instance, plans, entry.run_id, phase="retire", width=WIDTH)
            entry.outcome = outcome = run.outcome(instances, OUTCOMES)
        await publish_outcome(outcome, "retired")
    return final_state(outcome)


@instance_task("retire-instance")
async def retire_instance(plan: Retirement, outcome: InstanceOutcome, _run_id: str) -> None:
    """Retire one instance; accounts in a target tenant go before the job that can delete them."""
    if plan.live:
        emptied = plan.deprovisioning is not None and plan.deprovisioning.needed
        if emptied:
            outcome.accounts_left = await deprovision_instance(plan)
        for job in plan.jobs:
            # Pausing first keeps a cycle from beginning while the job is deleted.
            if emptied or job.state not in {"created", "paused"}:
                await pause_job(plan, job.job_id or "")
            await delete_job(plan, job.job_id or "")
        await delete_application(plan)
    # After the deletions: the way to the target has to stay open until then.
    outcome.policies_left = await withdraw_policies(plan)
    if plan.service_principal_id:
        await forget_fingerprints(plan)
    # Last: until then everything can be restored from the recycle bin.
    if plan.purge:
        await purge_application(plan)
