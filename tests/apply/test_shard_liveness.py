"""Watching shards: what counts as a sign of life, and what becomes of those that give none."""

import asyncio

import pytest
from prefect.states import Completed, Pending, Running, Scheduled

from flows.apply.shard_pool import settle_left_shards
from flows.apply.shard_runs import Bounds, ShardLiveness
from flows.configuration.environment import add_prefect_variables
from flows.fleet_file.loader import fleet_from_object
from tests.apply.shards import DOCUMENT, apply, record, set_state, shard, state_of
from tests.flows.provisioning import tenant, token

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

__all__ = ["apply", "tenant", "token"]

QUICK = Bounds(poll_seconds=0.05, longest_poll_seconds=0.05, silence_seconds=0.4)


async def ended(liveness):
    """The runs that end next."""
    while liveness:
        if found := await liveness.ended():
            return found
    raise AssertionError("nothing is watched")


async def test_what_has_ended_is_told_once_and_no_longer_watched(apply):
    first, second = await shard(apply, Running()), await shard(apply, Running())
    liveness = ShardLiveness(QUICK)
    liveness.add(first)
    liveness.add(second)
    await set_state(first, Completed())
    record(apply, "k1")
    (over,) = await ended(liveness)
    assert (over.id, over.state.name, len(liveness), list(liveness.recorded)) == (first.id, "Completed", 1, ["k1"])


async def test_a_run_without_a_sign_of_life_has_crashed(apply):
    run = await shard(apply, Running())
    liveness = ShardLiveness(QUICK)
    liveness.add(run)
    (over,) = await ended(liveness)
    assert (over.id, over.state.is_crashed(), len(liveness)) == (run.id, True, 0)
    assert (await state_of(run)).message == "It gave no sign of life for 0 minutes."


async def test_an_instance_in_the_journal_is_a_sign_of_life(apply):
    run = await shard(apply, Running())
    liveness = ShardLiveness(QUICK)
    liveness.add(run)
    for number in range(16):
        record(apply, "k1" if number % 2 else "k2")
        assert await liveness.ended() == []


async def test_a_run_that_waits_for_a_worker_is_given_up_only_when_all_are_silent(apply):
    working, waiting = await shard(apply, Running()), await shard(apply, Pending())
    liveness = ShardLiveness(QUICK)
    liveness.add(working)
    liveness.add(waiting)
    for _ in range(16):
        record(apply, "k1")
        assert await liveness.ended() == []
    over = []
    while liveness:
        over += await liveness.ended()
    assert {run.id for run in over if run.state.is_crashed()} == {working.id, waiting.id}


async def test_a_new_apply_waits_for_shards_at_work_and_cancels_those_that_have_not_begun(apply):
    working, waiting = await shard(apply, Running(), "settled"), await shard(apply, Scheduled(), "settled")
    others = await shard(apply, Scheduled(), "theirs")
    with add_prefect_variables({"PREFECT__RUNTIME__DEPLOYMENT__ID": str(working.id)}):
        settling = asyncio.create_task(settle_left_shards(fleet_from_object(DOCUMENT | {"fleet": "settled"})))
        async with asyncio.timeout(30):
            while not (await state_of(waiting)).is_cancelled():
                assert not settling.done()
        assert (await state_of(working)).is_running()
        await set_state(working, Completed())
        async with asyncio.timeout(30):
            await settling
    assert (await state_of(others)).is_scheduled()


async def test_a_run_of_no_deployment_waits_for_nobody(apply):
    run = await shard(apply, Running(), "alone")
    async with asyncio.timeout(30):
        await settle_left_shards(fleet_from_object(DOCUMENT | {"fleet": "alone"}))
    assert (await state_of(run)).is_running()
