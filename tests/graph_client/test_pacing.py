"""Budgets: windows, pauses, requests in flight."""

import asyncio

import httpx
import pytest

from graph_client import errors
from graph_client.call import Call
from graph_client.pacing import Budget
from tests.graph_client.doubles import FakeTime, Script, answer, client, page, refusal

READ = Call.get("/applications")


def budget(time, limit, window_seconds, longest_pause_seconds=300.0):
    return Budget("writes", limit, window_seconds, longest_pause_seconds, time.sleep, time.clock)


async def test_a_window_never_holds_more_than_its_limit():
    time = FakeTime()
    paced = budget(time, 5, 10.0)
    moments = []
    for _ in range(23):
        await paced.spend(READ)
        moments.append(time.now)
        time.now += 0.3
    for start in moments:
        assert sum(start <= moment < start + 10.0 for moment in moments) <= 5
    assert moments[-1] - moments[0] == pytest.approx(40.0 + 0.3 * 2)


async def test_below_the_limit_nothing_waits():
    time = FakeTime()
    paced = budget(time, 5, 10.0)
    for _ in range(20):
        await paced.spend(READ)
        time.now += 2.0
    assert time.slept == []


async def test_waiting_callers_keep_their_order():
    time = FakeTime()
    paced = budget(time, 1, 10.0)
    order = []

    async def spend(name):
        await paced.spend(READ)
        order.append((name, time.now))

    await asyncio.gather(*(spend(name) for name in "abc"))
    assert order == [("a", 1000.0), ("b", 1010.0), ("c", 1020.0)]


async def test_a_pause_holds_everything_back():
    time = FakeTime()
    paced = budget(time, 5, 10.0)
    paced.pause(30.0)
    paced.pause(5.0)
    await paced.spend(READ)
    assert time.slept == [30.0]


async def test_a_pause_longer_than_any_call_would_wait_is_an_error():
    time = FakeTime()
    paced = budget(time, 5, 10.0, longest_pause_seconds=60.0)
    paced.pause(3600.0)
    with pytest.raises(errors.Throttled) as caught:
        await paced.spend(READ)
    assert "not sent" in str(caught.value)
    assert caught.value.retry_after_seconds == 3600.0
    assert not caught.value.may_have_happened
    assert time.slept == []


async def drain(pages):
    return [event async for event in pages]


async def test_reporting_calls_are_five_in_ten_seconds():
    time = FakeTime()
    link = "https://graph.example/v1.0/auditLogs/provisioning?$skiptoken="
    script = Script(*(page([], f"{link}{number}") for number in range(11)), page([]))
    async with client(script, time) as graph:
        await drain(graph.provisioning_logs.list())
    assert len(script.requests) == 12
    assert time.slept == [10.0, 10.0]


async def test_writes_are_counted_and_reads_are_not():
    time = FakeTime()
    script = Script(lambda request: answer(204) if request.method == "PATCH" else answer(200, {"id": "1"}))
    async with client(script, time, writes_per_window=3, write_window_seconds=20.0) as graph:
        for _ in range(7):
            await graph.applications.get("1")
            await graph.applications.patch("1", {"notes": "x"})
    assert time.slept == [20.0, 20.0]


async def test_a_repeated_write_is_counted_again():
    time = FakeTime()
    script = Script(refusal(503, "x", retry_after="1"), answer(204))
    async with client(script, time, writes_per_window=1, write_window_seconds=20.0) as graph:
        await graph.applications.patch("1", {"notes": "x"})
    assert sum(time.slept) == 20.0


async def test_a_429_pauses_its_own_budget_only():
    time = FakeTime()
    script = Script(
        refusal(429, "x", retry_after="50"), answer(200, {"id": "1"}), answer(204), page([]), answer(204), answer(204)
    )
    async with client(script, time) as graph:
        with pytest.raises(errors.Throttled):
            await graph.synchronization.start("1", "aws.1")
        await graph.applications.get("1")
        assert time.slept == []
        await graph.applications.patch("1", {"notes": "x"})
        assert time.slept == [50.0]
        await drain(graph.provisioning_logs.list())
    assert time.slept == [50.0]


async def test_a_429_without_retry_after_pauses_shortly():
    time = FakeTime()
    script = Script(refusal(429, "x"), answer(204))
    async with client(script, time) as graph:
        with pytest.raises(errors.Throttled):
            await graph.synchronization.start("1", "aws.1")
        await graph.applications.patch("1", {"notes": "x"})
    assert time.slept == [1.0]


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
