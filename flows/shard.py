"""provision-shard: a part of a fleet, for provision-fleet, which has planned the whole."""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.apply.shard_parts import restrict_to
from flows.artifacts import tables as artifacts
from flows.provision import apply_plan
from flows.run import journal
from flows.run.fleet_run import open_fleet_run
from flows.run.lease import exclusive
from flows.run.task_runner import LoopTaskRunner
from flows.store.leases import SHARD
from flows.tasks import provision as tasks
from flows.tasks.mapped import final_state


@flow(
    name="provision-shard",
    task_runner=LoopTaskRunner(),  # type: ignore[arg-type]  # Prefect declares runners invariant in their future
    persist_result=False,
    retries=0,
)
async def provision_shard(
    fleet: dict[str, Any],
    run_id: str,
    tenant: str | None = None,
    writes_per_second: Annotated[float | None, Field(gt=0)] = None,
    concurrency: Annotated[int, Field(ge=1, le=64)] = 10,
    save_credentials: bool = False,
    force: bool = False,
    compare: bool = True,
    planned: dict[str, list[list[str | None]]] | None = None,
    lease_id: str | None = None,
) -> State:
    """Make a part of the tenant what its part of the fleet says; a second run of it does what is left.

    Args:
        fleet: The part of the fleet, as an object.
        run_id: The apply in the journal that this is a part of.
        tenant: EntraTenant block; empty for the environment.
        writes_per_second: Its share of Graph's write budget; empty for all of it.
        concurrency: Instances worked on at once.
        save_credentials: Save credentials that are there already again.
        force: Do also what is held back without it.
        compare: Look whether credentials have changed.
        planned: What may be changed about instances that are there, by key; the apply has judged it.
        lease_id: The lease of the apply, under which this works.
    """
    async with (
        open_fleet_run(fleet, tenant, writes_per_second) as run,
        exclusive(run.fleet, SHARD, 0, shard_of=lease_id),
    ):
        await journal.require(run_id)
        plan = await tasks.plan_shard(run.fleet, save_credentials, force)
        if compare:
            plan = await tasks.compare_credentials(plan)
        plan = restrict_to(plan, planned or {})
        instances = await apply_plan(plan, run_id, concurrency)
        await journal.record_rest(run_id, plan, instances)
        outcome = run.outcome(instances)
        await artifacts.publish_outcome(outcome, "shard")
        await artifacts.publish_apps(outcome)
    return final_state(outcome)
