"""The shards of an apply: how many are under way, what becomes of those that end badly, and what is told of each."""

import asyncio

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import Cancelled, Completed, Crashed, Failed

from flows.apply import shard_pool as convoy
from flows.apply.shard_pool import ShardPart, ShardPool, split_plan
from flows.apply.shard_runs import Bounds, ShardLiveness
from flows.fleet_file.loader import fleet_from_object
from flows.plan.plan import Action, InstancePlan
from flows.shard import provision_shard
from tests.apply.shards import DOCUMENT, apply, record, set_state
from tests.flows.provisioning import tenant, token

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

__all__ = ["apply", "tenant", "token"]

FLEET = fleet_from_object(DOCUMENT)
PLANS = [InstancePlan(FLEET.fleet, each, Action.CREATE) for each in FLEET.instances]


class Worker:
    """Takes the runs of a deployment, one after the other, as the test says."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.taken = []

    def begin(self, run_id, parts, at_once=2):
        """Have a convoy begin."""
        self.convoy = ShardPool(self.deployment, FLEET, {"run_id": run_id}, parts, at_once)

        @flow(persist_result=False)
        async def whole():
            return await self.convoy.arrive()

        self.arriving = asyncio.create_task(whole())

    async def take(self):
        """The next run that waits for a worker."""
        async with get_client() as client, asyncio.timeout(30):
            while not self.arriving.done():
                wanted = {"deployments": {"id": {"any_": [str(self.deployment.id)]}}}
                runs = (await client.request("POST", "/flow_runs/filter", json=wanted)).json()
                new = [run for run in runs if run["id"] not in {each["id"] for each in self.taken}]
                if new:
                    self.taken += new
                    return [Run(run) for run in sorted(new, key=lambda run: run["name"])]
                await asyncio.sleep(0.02)
        self.arriving.result()
        raise AssertionError("it has arrived already")


class Run:
    """A run as the API tells it."""

    def __init__(self, document):
        self.id = document["id"]
        self.name = document["name"]
        self.parameters = document["parameters"]


@pytest.fixture
async def worker(monkeypatch):
    monkeypatch.setattr(
        convoy, "ShardLiveness", lambda: ShardLiveness(Bounds(poll_seconds=0.02, longest_poll_seconds=0.05))
    )
    async with get_client() as client:
        flow_id = await client.create_flow(provision_shard)
        made = Worker(await client.read_deployment(await client.create_deployment(flow_id, "by-hand")))
        yield made
        await client.delete_deployment(made.deployment.id)


async def test_a_few_are_under_way_at_once_and_each_has_its_share_of_the_budget(apply, worker):
    worker.begin(apply, split_plan(FLEET, PLANS, 1), at_once=3)
    runs = []
    while len(runs) < 3:
        runs += await worker.take()
    assert [run.name for run in runs] == ["sharded 1 of 4", "sharded 2 of 4", "sharded 3 of 4"]
    assert {run.parameters["writes_per_second"] for run in runs} == {round(20 / 3, 6)}
    record(apply, "k0")
    await set_state(runs[0], Completed())
    (last,) = await worker.take()
    for run, key in zip((*runs[1:], last), ("k1", "k2", "k3"), strict=True):
        record(apply, key)
        await set_state(run, Completed())
    outcomes = await worker.arriving
    assert [(each.key, each.outcome) for each in outcomes] == [(f"k{n}", "created") for n in range(4)]


async def test_a_shard_that_crashed_is_started_once_more(apply, worker):
    worker.begin(apply, split_plan(FLEET, PLANS, 4))
    (first,) = await worker.take()
    record(apply, "k0")
    await set_state(first, Crashed())
    (second,) = await worker.take()
    assert (second.name, second.parameters) == (first.name, first.parameters)
    await set_state(second, Crashed(message="killed"))
    outcomes = await worker.arriving
    assert [each.outcome for each in outcomes] == ["created", "failed", "failed", "failed"]
    assert str(outcomes[1].failure) == (
        "k1 was not applied: the shard sharded 1 of 1 ended Crashed, killed.\n"
        "Retry that run in the Prefect UI, or apply again."
    )
    assert len(worker.taken) == 2


@pytest.mark.parametrize("state", [Failed(), Cancelled()], ids=["failed", "cancelled"])
async def test_what_failed_or_was_cancelled_is_left_to_a_person(apply, worker, state):
    worker.begin(apply, split_plan(FLEET, PLANS, 2))
    runs = []
    while len(runs) < 2:
        runs += await worker.take()
    for key in ("k0", "k1"):
        record(apply, key)
    await set_state(runs[0], Completed())
    await set_state(runs[1], state)
    outcomes = await worker.arriving
    assert [each.outcome for each in outcomes] == ["created", "created", "failed", "failed"]
    first, second = worker.convoy.lines()
    assert (state.name in first, "k2 … k3" in first, "k0 … k1" in second) == (True, True, True)


async def test_an_exceeded_quota_begins_no_further_shard(apply, worker):
    worker.begin(apply, split_plan(FLEET, PLANS, 1), at_once=1)
    (run,) = await worker.take()
    record(apply, "k0", code="Directory_QuotaExceeded")
    await set_state(run, Failed())
    outcomes = await worker.arriving
    assert [each.failure.code for each in outcomes] == ["Directory_QuotaExceeded", *["ShardUnfinished"] * 3]
    assert "the shard sharded 2 of 4 was not started" in str(outcomes[1].failure)
    assert len(worker.taken) == 1


async def test_a_part_that_prefect_refuses_fails_its_instances_and_no_others(apply, worker):
    large, small = split_plan(FLEET, PLANS, 2)
    worker.begin(apply, [ShardPart(1, large.fleet | {"notes": "x" * 600_000}, large.plans), small])
    (run,) = await worker.take()
    for key in ("k2", "k3"):
        record(apply, key)
    await set_state(run, Completed())
    assert [each.outcome for each in await worker.arriving] == ["failed", "failed", "created", "created"]
