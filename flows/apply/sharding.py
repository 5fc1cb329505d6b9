"""Spreading an apply over shards: deployment runs of `provision-shard`, each with a part of the fleet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from prefect.client.schemas.responses import DeploymentResponse

from flows.apply import shard_runs
from flows.apply.shard_pool import ShardPool, split_plan
from flows.apply.shard_runs import ShardLiveness
from flows.fleet_file.models import Fleet
from flows.plan.outcome import InstanceOutcome
from flows.plan.plan import InstancePlan


@dataclass(frozen=True)
class Sharding:
    """How an apply is spread over deployment runs, if there is much to do.

    Args:
        fleet: The whole fleet.
        parameters: Of every shard, beside its part and its share of the budget.
        size: How many instances a shard has at most.
        at_once: How many shards are under way at once; each has that part of the write budget.
        deployment: What a shard is a run of; None if everything is done in this process.
    """

    fleet: Fleet
    parameters: dict[str, Any]
    size: int
    at_once: int
    deployment: DeploymentResponse | None
    lines: list[str] = field(default_factory=list)
    """What became of each shard, for a person; filled by `apply`."""

    def needed(self, pending: Sequence[object]) -> bool:
        """Tell whether so much is to be done that it is spread."""
        return self.deployment is not None and len(pending) > self.size

    async def apply(self, plans: Sequence[InstancePlan], run_id: str) -> list[InstanceOutcome]:
        """Have shards do what is to be done, and return what came of each instance.

        Args:
            plans: Of the instances that need something.
            run_id: Of the run in the journal, where the shards write what they did.
        """
        if self.deployment is None:
            raise LookupError("there is no deployment for shards")
        parts = split_plan(self.fleet, plans, self.size)
        convoy = ShardPool(self.deployment, self.fleet, self.parameters | {"run_id": run_id}, parts, self.at_once)
        outcomes = await convoy.arrive()
        self.lines.extend(convoy.lines())
        return outcomes


async def settle_left_shards(fleet: Fleet) -> None:
    """Wait for the shards that an earlier run of the fleet left working, and cancel those that have not begun.

    Two at work on one instance could make it twice. A run that is not of a deployment knows of none.
    """
    if await shard_runs.find_own_deployment() is None:
        return
    vigil = ShardLiveness()
    for run in await shard_runs.find_unfinished_runs(fleet):
        if run.state and run.state.is_scheduled():
            await shard_runs.cancel_run(run, "A new apply does its work.")
        else:
            vigil.add(run)
    while vigil:
        await vigil.ended()


async def choose_sharding(fleet: Fleet, size: int, at_once: int, parameters: dict[str, Any]) -> Sharding:
    """Return how an apply is spread; a run that is not of a deployment does everything by itself."""
    return Sharding(fleet, parameters, size, at_once, await shard_runs.shard_deployment())
