"""Calls side by side: they end together."""

import asyncio

import pytest

from graph_client import errors
from graph_client.parallel import gather
from tests.graph_client.doubles import FakeTime, Script, client, refusal


async def give(value):
    await asyncio.sleep(0)
    return value


async def test_results_are_in_the_order_of_the_calls():
    assert await gather(give(1), give("a"), give(None)) == (1, "a", None)
    assert await gather() == ()


async def test_no_read_is_repeated_once_its_look_has_failed():
    def serve(request):
        return refusal(404, "x") if request.url.path.endswith("/applications/1") else refusal(503, "x")

    time, script = FakeTime(), Script(serve)
    async with client(script, time) as reads:
        with pytest.raises(errors.NotFound):
            await gather(reads.applications.get("1"), reads.applications.get("2"), reads.service_principals.get("3"))
        sent = len(script.requests)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(script.requests) == sent <= 3


async def test_the_first_error_is_raised_as_it_is_and_the_others_have_ended():
    ended = []

    async def wait():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def fail():
        raise errors.Throttled("too many")

    with pytest.raises(errors.Throttled):
        await gather(wait(), fail(), wait())
    assert ended == [True, True]


async def test_one_that_is_cancelled_cancels_all():
    started, ended = asyncio.Event(), []

    async def wait():
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    both = asyncio.ensure_future(gather(wait(), wait()))
    await started.wait()
    both.cancel()
    with pytest.raises(asyncio.CancelledError):
        await both
    assert ended == [True, True]
