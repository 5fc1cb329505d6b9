"""How many work at once, without Prefect and in no time."""

import asyncio
from contextlib import suppress

import pytest

from flows.run.task_runner import Places, leave_place
from tests.proof.quick_loop import QuickTime, run

SECOND = 1.0


def work(*stints, width=1):
    """When each of those who work has ended; a stint is `work`, `wait`, or `fail` while waiting."""

    async def one(places, stint):
        async with places.take_place():
            await asyncio.sleep(SECOND)
            if stint != "work":
                with suppress(ZeroDivisionError):
                    async with leave_place():
                        await asyncio.sleep(10 * SECOND)
                        assert 1 / (stint != "fail")
                await asyncio.sleep(SECOND)
            return asyncio.get_running_loop().time()

    async def everybody():
        places = Places(width)
        return await asyncio.gather(*(one(places, stint) for stint in stints))

    return run(QuickTime(), everybody())


def test_those_who_work_come_one_after_the_other():
    assert work("work", "work", "work") == [1, 2, 3]


@pytest.mark.parametrize("stint", ["wait", "fail"])
def test_one_that_waits_keeps_nobody_from_working_and_works_alone_again(stint):
    assert work(stint, "work", "work", stint, width=2) == [12, 1, 2, 13]


def test_no_more_than_twelve_begin_for_a_place():
    assert work(*["wait"] * 24, width=2)[::2] == [*range(13, 25)]
    # The next one begins when the first two are through, and finds two at work again when its own wait is over.
    assert work(*["wait"] * 25, width=2)[-1] == 27


def test_one_at_a_time_is_one_at_a_time():
    assert work("wait", "work") == [12, 13]


def test_outside_of_any_place_it_does_nothing():
    async def wait():
        async with leave_place():
            return True

    assert run(QuickTime(), wait())
