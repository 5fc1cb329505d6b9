"""A budget: windows, answers that are still to come, pauses."""

import asyncio

import pytest

from graph_client.throttling.budget import Budget
from tests.graph_client.doubles import FakeTime


def budget(time, limit, window_seconds=10.0):
    return Budget("writes", limit, window_seconds, time.sleep, time.clock)


async def spend(paced, cost=1):
    async with paced.spend(cost):
        pass


async def test_a_window_never_holds_more_than_its_limit():
    time = FakeTime()
    paced = budget(time, 5)
    moments = []
    for _ in range(23):
        await spend(paced)
        moments.append(time.now)
        time.now += 0.3
    for start in moments:
        assert sum(start <= moment < start + 10.0 for moment in moments) <= 5
    assert moments[-1] - moments[0] == pytest.approx(40.0 + 0.3 * 2)


async def test_below_the_limit_nothing_waits():
    time = FakeTime()
    paced = budget(time, 5)
    for _ in range(20):
        await spend(paced)
        time.now += 2.0
    assert time.slept == []


async def test_it_counts_from_the_answer_on():
    time = FakeTime()
    paced = budget(time, 1)
    async with paced.spend():
        time.now += 7.0
    await spend(paced)
    assert time.slept == [10.0]


async def test_while_the_answers_that_hold_it_are_to_come_it_waits_for_them():
    time = FakeTime()
    paced = budget(time, 2)
    answered = asyncio.Event()

    async def slow():
        async with paced.spend():
            await answered.wait()

    slow_ones = [asyncio.ensure_future(slow()) for _ in range(2)]
    third = asyncio.ensure_future(spend(paced))
    for _ in range(5):
        await asyncio.sleep(0)
    time.now += 60.0
    assert (third.done(), time.slept) == (False, [])
    answered.set()
    await asyncio.gather(third, *slow_ones)
    assert time.slept == [10.0]


async def test_a_call_that_fails_is_counted_all_the_same():
    time = FakeTime()
    paced = budget(time, 1)
    with pytest.raises(ConnectionResetError):
        async with paced.spend():
            raise ConnectionResetError
    await spend(paced)
    assert time.slept == [10.0]


async def test_costs_add_up_and_one_beyond_the_limit_has_a_window_for_itself():
    time = FakeTime()
    paced = budget(time, 5)
    await spend(paced, 3)
    await spend(paced, 2)
    assert time.slept == []
    await spend(paced, 50)
    assert time.slept == [10.0]
    await spend(paced)
    assert time.slept == [10.0, 10.0]


async def test_what_an_answer_tells_is_counted_instead_of_the_estimate():
    time = FakeTime()
    paced = budget(time, 5)
    await spend(paced, 3)
    paced.correct(-2)
    await spend(paced, 4)
    assert time.slept == []
    time.now += 10.0
    await spend(paced)
    paced.correct(4)
    await spend(paced)
    assert time.slept == [10.0]


async def test_waiting_callers_keep_their_order():
    time = FakeTime()
    paced = budget(time, 1)
    order = []

    async def enter(name):
        await spend(paced)
        order.append((name, time.now))

    await asyncio.gather(*(enter(name) for name in "abc"))
    assert order == [("a", 1000.0), ("b", 1010.0), ("c", 1020.0)]


async def test_one_that_gives_up_waiting_leaves_no_trace():
    time = FakeTime()
    paced = budget(time, 1)
    held = asyncio.Event()

    async def forever(seconds):
        await held.wait()

    await spend(paced)
    paced._sleep = forever
    impatient = asyncio.ensure_future(spend(paced))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    paced._sleep = time.sleep
    await spend(paced)
    assert time.slept == [10.0]


async def test_a_pause_holds_everything_back():
    time = FakeTime()
    paced = budget(time, 5)
    paced.pause(30.0)
    paced.pause(5.0)
    await spend(paced)
    assert time.slept == [30.0]


@pytest.mark.parametrize("paused", [False, True], ids=["spent", "paused"])
async def test_a_wait_shorter_than_the_clock_can_show_ends(paused):
    time = CoarseTime()
    paced = budget(time, 1)
    await spend(paced)
    if paused:
        paced.pause(10.0)
    time.now = 1010.0 - 1e-12
    await spend(paced)
    assert len(time.slept) == 1


class CoarseTime(FakeTime):
    """A clock that a shorter sleep does not move, as that of an event loop."""

    async def sleep(self, seconds):
        assert len(self.slept) < 10
        await super().sleep(seconds if seconds > 1e-9 else 0.0)
