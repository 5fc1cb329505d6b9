"""provision-shard: one part of a fleet that provision-fleet has planned as a whole."""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.apply.shard_pool import restrict_to
from flows.provision import apply_plan
from flows.run import journal
from flows.run.artifacts import publish_apps, publish_outcome
from flows.run.journal import open_fleet_run
from flows.run.lease import exclusive
from flows.run.task_runner import LoopTaskRunner
from flows.store.leases import SHARD
from flows.tasks.mapped import final_state
from flows.tasks.provision import find_changed_credentials, plan_shard


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
    """Apply one part of a fleet to the tenant; a retry finishes what is left.

    Args:
        fleet: The part of the fleet, as an object.
        run_id: Journal id of the apply that this is a part of.
        tenant: EntraTenant block to sign in with; empty to use the environment.
        writes_per_second: Share of Graph's write budget; empty for all of it.
        concurrency: Instances processed in parallel.
        save_credentials: Save credentials again even if they are already saved.
        force: Do also what is held back without it.
        compare: Check whether credentials have changed.
        planned: Approved changes to existing instances, by key.
        lease_id: The apply's lease, which this run shares.
    """
    async with (
        open_fleet_run(fleet, tenant, writes_per_second) as run,
        exclusive(run.fleet, SHARD, 0, shard_of=lease_id),
    ):
        # Before anything is written: a worker with another store would write without a record.
        await journal.require(run_id)
        plan = await plan_shard(run.fleet, save_credentials, force)
        if compare:
            plan = await find_changed_credentials(plan)
        # The tenant may have changed since the fleet was planned; only what was approved then is done.
        plan = restrict_to(plan, planned or {})
        instances = await apply_plan(plan, run_id, concurrency)
        await journal.record_rest(run_id, plan, instances)
        outcome = run.outcome(instances)
        await publish_outcome(outcome, "shard")
        await publish_apps(outcome)
    return final_state(outcome)
