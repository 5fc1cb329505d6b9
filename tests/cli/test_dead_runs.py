"""Runs whose process was killed are known to be dead, and those that ended well stay as they are."""

import os
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.states import Cancelling, Completed, Pending, Running, State
from ruamel.yaml import YAML

from flows.cli.up.stack import crash_dead_runs
from flows.shard import provision_shard

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

ZOMBIES = Path(__file__).parents[2] / "deployments/automations/crash-zombie-runs.yaml"


@pytest.fixture
def ended():
    """The number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


async def run_in(client, pool, state, pid=None):
    flow_id = await client.create_flow(provision_shard)
    deployment = await client.create_deployment(flow_id, f"for-{pool}", work_pool_name=pool)
    run = await client.create_flow_run_from_deployment(deployment, parameters={"fleet": {}, "run_id": "r"}, state=state)
    if pid:
        await client.update_flow_run(run.id, infrastructure_pid=str(pid))
    return run.id


async def state_of(client, run_id):
    return (await client.read_flow_run(run_id)).state.type.value


async def test_the_runs_of_a_killed_worker_are_crashed_and_no_others(ended):
    pool, another = f"pool-{uuid4()}", f"pool-{uuid4()}"
    async with get_client() as client:
        for name in (pool, another):
            await client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        dead = [await run_in(client, pool, state(), ended) for state in (Running, Cancelling)]
        dead.append(await run_in(client, pool, Pending()))
        left = {
            await run_in(client, pool, Running(), os.getpid()): "RUNNING",
            await run_in(client, pool, Completed(), ended): "COMPLETED",
            await run_in(client, another, Running(), ended): "RUNNING",
        }
        assert await crash_dead_runs(pool) == 3
        assert {await state_of(client, each) for each in dead} == {"CRASHED"}
        assert {each: await state_of(client, each) for each in left} == left
        assert await crash_dead_runs(pool) == 0


async def test_the_automation_leaves_a_run_alone_whose_end_it_was_not_told_of():
    (action,) = YAML(typ="safe").load(ZOMBIES)["actions"]
    pool = f"pool-{uuid4()}"
    async with get_client() as client:
        await client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        states = {"COMPLETED": Completed(), "CRASHED": Running()}
        for expected, state in states.items():
            run_id = await run_in(client, pool, state)
            await client.set_flow_run_state(run_id, State(type=action["state"]), force=action["force"])
            assert await state_of(client, run_id) == expected
