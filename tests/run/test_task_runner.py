import asyncio

import pytest
from prefect import flow, task, unmapped

from flows.run.task_runner import LoopTaskRunner, leave_place, limit_concurrency

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]


class Gauge:
    """How many tasks are inside at once."""

    def __init__(self):
        self.now = self.most = 0
        self.loops = set()

    async def __aenter__(self):
        self.now += 1
        self.most = max(self.most, self.now)
        self.loops.add(id(asyncio.get_running_loop()))
        for _ in range(5):
            await asyncio.sleep(0)

    async def __aexit__(self, *exc):
        self.now -= 1


gauge = Gauge()


@task(persist_result=False)
async def work(number, factor):
    async with gauge:
        if number == 3:
            raise ValueError("three")
        return number * factor


@flow(task_runner=LoopTaskRunner(8), persist_result=False)
async def mapping(count, width=None):
    async with limit_concurrency(width or 8):
        futures = work.map(range(count), unmapped(10))
        states = [await future for future in futures]
    return [await state.aresult(raise_on_failure=False) for state in states]


async def test_mapped_tasks_run_on_the_loop_of_the_flow_and_give_their_results_in_order():
    gauge.__init__()
    assert await mapping(3) == [0, 10, 20]
    assert gauge.loops == {id(asyncio.get_running_loop())}


async def test_one_that_fails_stops_no_other():
    gauge.__init__()
    results = await mapping(6)
    assert [results[number] for number in (0, 1, 2, 4, 5)] == [0, 10, 20, 40, 50]
    assert isinstance(results[3], ValueError)


@pytest.mark.parametrize(("width", "most"), [(None, 8), (2, 2)])
async def test_no_more_run_at_once_than_its_width(width, most):
    gauge.__init__()
    await mapping(30, width)
    assert gauge.most == most


async def test_one_that_waits_gives_its_place_to_another_and_works_on_in_one_again():
    gauge.__init__()
    begun, all_begun = Gauge(), asyncio.Event()

    @task(persist_result=False)
    async def waiting(number):
        async with begun:
            async with gauge:
                pass
            async with leave_place():
                if begun.now == 24:
                    all_begun.set()
                await asyncio.wait_for(all_begun.wait(), timeout=100)
            async with gauge:
                return number

    @flow(task_runner=LoopTaskRunner(), persist_result=False)
    async def mapped(count):
        async with limit_concurrency(2):
            return [await (await future).aresult() for future in waiting.map(range(count))]

    assert await mapped(30) == list(range(30))
    assert (gauge.most, begun.most) == (2, 24)


async def test_fifty_mapped_tasks_cost_at_most_twenty_calls_to_prefect(prefect_calls):
    gauge.__init__()
    with prefect_calls() as calls:
        await mapping(50)
    assert 0 < len(calls) <= 20


async def test_a_flow_that_fails_cancels_what_it_mapped():
    cancelled = asyncio.Event()

    @task(persist_result=False)
    async def endless(_number):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    @flow(task_runner=LoopTaskRunner(), persist_result=False)
    async def failing():
        endless.map([1])
        for _ in range(50):
            await asyncio.sleep(0)
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        await failing()
    await asyncio.wait_for(cancelled.wait(), timeout=100)


async def test_what_an_interrupted_flow_mapped_has_stopped_before_what_it_uses_is_closed():
    told = []

    @task(persist_result=False)
    async def using(_number):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            told.append("stopped")

    @flow(task_runner=LoopTaskRunner(), persist_result=False)
    async def interrupted():
        try:
            async with limit_concurrency(2):
                using.map([1, 2])
                for _ in range(50):
                    await asyncio.sleep(0)
                raise KeyboardInterrupt
        finally:
            told.append("closed")

    with pytest.raises(KeyboardInterrupt):
        await interrupted()
    assert told == ["stopped", "stopped", "closed"]
