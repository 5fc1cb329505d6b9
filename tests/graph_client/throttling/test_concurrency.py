"""Requests in flight: fewer when Graph is short of breath, more again when it is not."""

import asyncio

import httpx

from graph_client.throttling.pacing import Concurrency
from tests.graph_client.doubles import FakeTime, Script, answer, client, refusal


def after(concurrency, good_answers):
    for _ in range(good_answers):
        concurrency.grow()
    return concurrency.limit


def test_it_is_halved_once_a_sign_and_never_to_nothing():
    time = FakeTime()
    concurrency = Concurrency(32, time.clock)
    limits = []
    for _ in range(7):
        # Many of one burst are refused at the same time.
        concurrency.shrink()
        concurrency.shrink()
        limits.append(concurrency.limit)
        time.now += 1.0
    assert limits == [16, 8, 4, 2, 1, 1, 1]


def test_it_grows_by_one_a_round_up_to_where_it_began():
    time = FakeTime()
    concurrency = Concurrency(8, time.clock)
    concurrency.shrink()
    assert [after(concurrency, 5), after(concurrency, 6), after(concurrency, 100)] == [5, 6, 8]


async def crowd(concurrency, size):
    """So many that want a place at once: how many had one at the most."""
    inside, most = 0, 0

    async def visit():
        nonlocal inside, most
        async with concurrency.one():
            inside += 1
            most = max(most, inside)
            for _ in range(3):
                await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(visit() for _ in range(size)))
    return most


async def test_no_more_than_the_limit_have_a_place():
    time = FakeTime()
    concurrency = Concurrency(8, time.clock)
    assert await crowd(concurrency, 50) == 8
    concurrency.shrink()
    assert await crowd(concurrency, 50) == 4


async def test_places_that_a_shrunk_limit_does_not_have_are_not_given_again():
    concurrency = Concurrency(4, FakeTime().clock)
    go, order = asyncio.Event(), []

    async def visit(name):
        async with concurrency.one():
            order.append(name)
            await go.wait()

    visits = [asyncio.ensure_future(visit(name)) for name in "abcdefgh"]
    await asyncio.sleep(0)
    concurrency.shrink()
    go.set()
    await asyncio.gather(*visits)
    assert order == list("abcdefgh")
    assert await crowd(concurrency, 9) == 2


async def test_one_that_gives_up_waiting_gives_its_place_to_the_next():
    concurrency = Concurrency(1, FakeTime().clock)
    go = asyncio.Event()

    async def visit():
        async with concurrency.one():
            await go.wait()

    first, second, third = (asyncio.ensure_future(visit()) for _ in range(3))
    await asyncio.sleep(0)
    # The second is given the place and gives up before it could take it.
    first.cancel()
    await asyncio.sleep(0)
    second.cancel()
    go.set()
    async with asyncio.timeout(30):
        await third
    assert await crowd(concurrency, 3) == 1


async def test_requests_in_flight_are_limited():
    flying, most = 0, 0

    async def serve(request):
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        for _ in range(3):
            await asyncio.sleep(0)
        flying -= 1
        return httpx.Response(200, json={"id": "1"})

    async with client(serve, requests_in_flight=4) as graph:
        await asyncio.gather(*(graph.applications.get(str(number)) for number in range(30)))
    assert most == 4


async def test_a_call_that_waits_to_repeat_does_not_count_as_in_flight():
    time = FakeTime()
    waits, held = asyncio.Event(), asyncio.Event()

    async def sleep(seconds):
        waits.set()
        await held.wait()

    script = Script(lambda r: refusal(503, "x") if "slow" in r.url.path else answer(200, {"id": "1"}))
    time.sleep = sleep
    async with client(script, time, requests_in_flight=1) as graph:
        slow = asyncio.ensure_future(graph.applications.get("slow"))
        await waits.wait()
        assert (await graph.applications.get("1")).id == "1"
        slow.cancel()
