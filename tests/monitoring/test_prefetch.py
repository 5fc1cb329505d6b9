"""Reading one page ahead."""

import asyncio

import pytest

from flows.monitoring.harvest import prefetch


async def worked_on(items, seen, failing_at=None):
    async with prefetch(items) as arriving:
        async for item in arriving:
            await asyncio.sleep(0)
            seen.append(item)
            if item == failing_at:
                raise ValueError("disk full")


async def test_the_next_is_on_its_way_while_this_one_is_worked_on():
    asked, seen = [], []

    async def pages():
        for number in range(1, 4):
            asked.append(number)
            yield number

    async with prefetch(pages()) as arriving:
        async for page in arriving:
            await asyncio.sleep(0)
            seen.append((page, len(asked)))
    assert seen == [(1, 2), (2, 3), (3, 3)]


async def test_an_error_comes_after_what_was_read_before_it():
    async def pages():
        yield 1
        yield 2
        raise OSError("the third page")

    seen = []
    with pytest.raises(OSError, match="third"):
        await worked_on(pages(), seen)
    assert seen == [1, 2]


async def test_the_one_on_its_way_is_given_up_by_whoever_leaves():
    given_up = []

    async def pages():
        yield 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.append(2)
            raise
        yield 2

    with pytest.raises(ValueError, match="disk full"):
        await worked_on(pages(), [], failing_at=1)
    assert given_up == [2]
