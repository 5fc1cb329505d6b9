"""provision-fleet: from a fleet file to running provisioning jobs.

The steps are those of Microsoft's tutorial "Configure provisioning using Microsoft Graph APIs"; `provision_instance`
reads like it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.apply import shard_runs
from flows.apply.rollout import choose_rollout
from flows.apply.shard_pool import Sharding, choose_sharding, settle_left_shards
from flows.fleet_file.loader import FleetParameter
from flows.fleet_file.models import Fleet
from flows.plan.cross_tenant import ask_administrators
from flows.plan.outcome import ApplicationIds, InstanceOutcome
from flows.plan.plan import DESCRIPTION, Action, InstancePlan, Plan
from flows.plan.preflight import missing_permissions
from flows.plan.safety import find_refusal
from flows.plan.text import format_changes
from flows.run import journal
from flows.run.artifacts import publish_applied, publish_plan
from flows.run.context import name_run, run_context
from flows.run.journal import open_fleet_run
from flows.run.lease import WAIT_MINUTES, WaitMinutes, exclusive, lease_id
from flows.run.task_runner import LoopTaskRunner
from flows.run.waves import CanaryRules
from flows.tasks.mapped import final_state, instance_task, map_instances
from flows.tasks.provision import (
    add_owners,
    assign_principals,
    check_references,
    configure_sign_on,
    configure_source,
    configure_target,
    create_application,
    create_job,
    find_changed_credentials,
    locate_application,
    mark_application,
    pause_job,
    plan_fleet,
    prepare_claims,
    save_credentials,
    save_schema,
    start_job,
    validate_credentials,
    wait_until_ready,
)
from flows.tasks.schema import note_applied


@flow(
    name="provision-fleet",
    flow_run_name=name_run("provision"),
    task_runner=LoopTaskRunner(),  # type: ignore[arg-type]  # Prefect declares runners invariant in their future
    persist_result=False,
    retries=0,
)
async def provision_fleet(
    fleet: FleetParameter,
    tenant: str | None = None,
    only: list[str] | None = None,
    dry_run: bool = False,
    concurrency: Annotated[int, Field(ge=1, le=64)] = 10,
    change: Annotated[str | None, Field(max_length=200)] = None,
    save_credentials: bool = False,
    force: bool = False,
    plan_digest: str | None = None,
    shard_size: Annotated[int, Field(ge=1, le=150)] = 100,
    shards_at_once: Annotated[int, Field(ge=1, le=64)] = 8,
    canary: Annotated[int, Field(ge=1)] | list[str] | None = None,
    canary_rules: CanaryRules | None = None,
    wait_minutes: WaitMinutes = WAIT_MINUTES,
    compare_credentials: bool | None = None,
) -> State:
    """Apply the fleet file to the tenant; one failed instance does not stop the others.

    Args:
        fleet: Path or content of the fleet file.
        tenant: EntraTenant block to sign in with; empty to use the environment.
        only: Keys to apply; empty for all.
        dry_run: Only plan, change nothing.
        concurrency: Instances processed in parallel.
        change: Ticket to record in the journal.
        save_credentials: Save credentials again even if they are already saved.
        force: Do also what is held back without it.
        plan_digest: Digest of the reviewed plan; the run refuses any other plan.
        shard_size: Largest number of instances per shard; a deployment run with more is split.
        shards_at_once: Shards running in parallel.
        canary: Number or keys of the instances to change first; empty for all of them together.
        canary_rules: Limits that hold a wave, and users to try in the first one.
        wait_minutes: How long to wait for another run that is changing this fleet.
        compare_credentials: Save credentials that have changed; empty to do so unless a plan was reviewed.
    """
    async with (
        open_fleet_run(fleet, tenant) as run,
        nullcontext() if dry_run else _alone(run.fleet, wait_minutes),
    ):
        plan = await plan_fleet(run.fleet, only, save_credentials, force)
        # Apply exactly what was reviewed: the plan of a file has read no secrets, that of a question has.
        compares = not plan_digest if compare_credentials is None else compare_credentials
        plan = await find_changed_credentials(plan) if compares and not dry_run else plan
        await publish_plan(plan)
        if dry_run:
            return Completed(message=format_changes(plan), data=plan)
        rollout = await choose_rollout(run.fleet, plan, canary, canary_rules, plan_digest, change, force=force)
        # After the choice of a rollout: a continued one is compared with the digest of what is left.
        refusal = find_refusal(plan, force=force, digest=rollout.reviewed, in_waves=rollout.in_waves)
        if refusal := refusal or missing_permissions(plan, run.context.claims):
            # A state and not an exception: a refusal is a result, with no traceback.
            return Failed(message=str(refusal), data=refusal)
        options = {"tenant": tenant, "concurrency": concurrency, "compare": compares}
        options |= {"save_credentials": save_credentials, "force": force, "lease_id": lease_id()}
        sharding = await choose_sharding(run.fleet, shard_size, shards_at_once, options)
        async with journal.open_journal(run.fleet, plan, change) as entry:
            apply = partial(apply_plan, run_id=entry.run_id, concurrency=concurrency, sharding=sharding)
            instances = await rollout.apply(plan, apply, entry.run_id)
            entry.outcome = outcome = run.outcome(instances, rollout.words, rollout.report)
        await publish_applied(outcome, sharding.lines)
    return final_state(outcome)


@asynccontextmanager
async def _alone(fleet: Fleet, wait_minutes: float) -> AsyncIterator[None]:
    """Hold the fleet's lease, and wait for shards that a dead run has left behind."""
    deployed = await shard_runs.find_own_deployment() is not None
    async with exclusive(fleet, "apply", wait_minutes, despite_shards=deployed):
        await settle_left_shards(fleet)
        yield


async def apply_plan(
    plan: Plan, run_id: str, concurrency: int, sharding: Sharding | None = None
) -> list[InstanceOutcome]:
    """Provision every instance that needs it, `concurrency` at a time, in this run or in shards."""
    pending = [each for each in plan.instances if each.needed]
    if sharding and sharding.needed(pending):
        await prepare_claims(pending)
        outcomes = {each.key: each.outcome() for each in plan.instances}
        outcomes |= {each.key: each for each in await sharding.apply(pending, run_id)}
        instances = list(outcomes.values())
    else:
        instances = await map_instances(
            provision_instance, plan.instances, run_id, phase="provision", width=concurrency
        )
    # Also of instances that needed nothing: they match their mappings as well.
    await note_applied(plan.instances, instances)
    return instances


@instance_task("provision-instance")
async def provision_instance(plan: InstancePlan, outcome: InstanceOutcome, run_id: str) -> None:
    """Take one instance through its steps, unless another failed of what this one would fail of."""
    with run_context().breaker.guard(plan.key, creating=plan.action is Action.CREATE):
        await _provision(plan, outcome, run_id)


async def _provision(plan: InstancePlan, outcome: InstanceOutcome, run_id: str) -> None:
    if authorize := plan.touches("credentials"):
        await check_references(plan)
    # Both sides of a cross-tenant synchronization come first: policies replicate while the rest is created.
    await _configure_policies(plan)

    # Step 1: create the gallery application.
    creates = plan.action is Action.CREATE
    placed = await (create_application(plan) if creates else locate_application(plan))
    outcome.place(placed)
    # An existing job proves that it is ready.
    ready = None if plan.job_id else await wait_until_ready(plan, placed)
    template_id = ready.template_id if ready else ""
    if plan.touches(*DESCRIPTION):
        await mark_application(plan, placed, ready)
    look_again_at = ready.schedule_second_look() if ready else None

    # Steps 2 and 3: test the connection before creating the job, so that a bad credential leaves none behind.
    if not await _validate(plan, placed, template_id, outcome):
        return
    outcome.job_id = job_id = plan.job_id or await create_job(plan, placed, template_id)
    outcome.job_state = outcome.job_state or "created"
    validated = await save_credentials(plan, placed) if authorize else False

    if plan.touches("mappings"):
        await save_schema(plan, placed, job_id, template_id or plan.job_template_id, run_id)
    if plan.touches("sso"):
        await configure_sign_on(plan, placed)
    if plan.touches("owners"):
        await add_owners(plan, placed)
    # Before the start: the first cycle has the right scope then.
    if plan.touches("assignments"):
        outcome.pending = await assign_principals(plan, placed)

    # Step 4: start the job.
    if plan.touches("job_state"):
        if plan.instance.job == "running":
            outcome.job_state = await start_job(plan, placed, job_id, validated, look_again_at)
        else:
            outcome.job_state = await pause_job(plan, placed, job_id)


async def _configure_policies(plan: InstancePlan) -> None:
    """Have both tenants allow what `cross_tenant` names, as far as this run signs in to them."""
    wanted = plan.instance.cross_tenant
    if wanted and plan.touches("target"):
        await configure_target(plan, wanted)
    if wanted and plan.touches("source"):
        await configure_source(plan, wanted)


async def _validate(plan: InstancePlan, placed: ApplicationIds, template_id: str, outcome: InstanceOutcome) -> bool:
    """Test the connection, if anything it depends on changes; return whether the instance can go on."""
    wanted = plan.instance.cross_tenant
    # A job that is about to start for the first time depends on policies that replicate.
    opens = plan.touches("target", "source") and not plan.health.has_run
    if not plan.instance.credentials or not (plan.touches("credentials") or opens):
        return True
    refusal = await validate_credentials(plan, placed, template_id)
    if wanted and not wanted.sign_in:
        outcome.pending = ()
        if refusal:
            outcome.wait(f"{ask_administrators(wanted, run_context().tenant_id)}. Graph: {refusal}")
    return refusal is None
