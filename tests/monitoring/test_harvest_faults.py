import asyncio
from datetime import timedelta

import httpx
import pytest

from flows.monitoring.harvest import harvest
from flows.store import EventFilter, StoreError, open_store
from graph_client.errors import GraphError, ServerFailed
from tests.monitoring.log_server import NOW, OURS, TENANT, LogServer, minutes_ago, v1_event

SINCE = minutes_ago(60 * 24 * 2)
EVENTS = [v1_event(f"e{number:03}", minutes_ago(number * 45)) for number in range(1, 61)]
REQUESTS = 7


async def run(server, store, **given):
    asked = {"tenant_id": TENANT, "service_principal_ids": [OURS], "now": NOW, "since": SINCE, "top": 10, **given}
    async with server.client() as graph:
        return await harvest(graph, store, **asked)


def stored(store) -> int:
    return sum(counted.count for counted in store.events.counts(EventFilter(TENANT)))


async def test_undisturbed_it_takes_seven_requests(store):
    server = LogServer(EVENTS)
    result = await run(server, store)
    assert (len(server.requests), result.new) == (REQUESTS, 60)


@pytest.mark.parametrize("crash_at", range(1, REQUESTS + 1))
async def test_a_crash_at_any_request_loses_and_doubles_nothing(store, crash_at):
    server = LogServer(EVENTS)
    server.fault = lambda number: kill() if number == crash_at else None
    with pytest.raises(Killed):
        await run(server, store)
    before = stored(store)
    result = await run(server, store, since=None if store.harvests.watermark(TENANT) else SINCE)
    assert before + result.new == stored(store) == 60
    assert store.harvests.watermark(TENANT) == NOW


@pytest.mark.parametrize("crash_at", range(1, REQUESTS + 1))
async def test_a_crash_after_any_page_was_stored_loses_and_doubles_nothing(store, crash_at):
    pages = []

    def crash(so_far):
        pages.append(so_far)
        if len(pages) == crash_at:
            kill()

    server = LogServer(EVENTS)
    with pytest.raises(Killed):
        await run(server, store, parcel=1, on_stored=crash)
    assert stored(store) == pages[-1].new
    assert store.harvests.watermark(TENANT) == pages[-1].watermark
    result = await run(server, store, since=None if pages[-1].watermark else SINCE)
    assert pages[-1].new + result.new == stored(store) == 60


class Killed(BaseException):
    pass


def kill():
    raise Killed


async def test_what_a_finished_window_stored_is_not_read_again_but_for_the_overlap(store):
    server = LogServer(EVENTS)
    server.fault = lambda number: kill() if number == REQUESTS else None
    with pytest.raises(Killed):
        await run(server, store)
    first_window = minutes_ago(60 * 24)
    assert store.harvests.watermark(TENANT) == first_window
    server.requests.clear()
    server.fault = lambda number: None
    await run(server, store, since=None)
    starts = [request.url.params["$filter"].split()[2] for request in server.requests]
    assert starts == ["2026-04-30T11:29:59Z"] * 4 + ["2026-05-01T11:29:59Z"]


def hang_up():
    raise httpx.ReadError("connection reset by peer")


FAULTS = {
    "throttled": lambda: httpx.Response(429, headers={"retry-after": "2.5"}),
    "unavailable": lambda: httpx.Response(503),
    "bad gateway": lambda: httpx.Response(502, text="<html><title>Bad Gateway</title></html>"),
    "html": lambda: httpx.Response(200, text="<html>proxy</html>"),
    "cut off": lambda: httpx.Response(200, text='{"value": [{"id": "e0'),
    "no list": lambda: httpx.Response(200, json={"value": None}),
    "no id": lambda: httpx.Response(200, json={"value": [{"jobId": "x"}]}),
    "reset": hang_up,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("position", range(1, REQUESTS + 1))
@pytest.mark.parametrize("kind_of_store", ["sqlite"], indirect=True)
async def test_a_page_that_fails_once_wherever_it_is_loses_nothing(store_url, fault, position):
    server = LogServer(EVENTS)
    server.fault = lambda number: FAULTS[fault]() if number == position else None
    with open_store(store_url) as store:
        result = await run(server, store)
        assert (result.new, stored(store), result.gaps) == (60, 60, ())
        assert store.harvests.watermark(TENANT) == NOW


@pytest.mark.parametrize("position", [2, 3, 5, 6, 7])
@pytest.mark.parametrize("kind_of_store", ["sqlite"], indirect=True)
async def test_a_link_that_expired_once_wherever_it_is_loses_nothing(store_url, position):
    server = LogServer(EVENTS)
    server.fault = lambda number: httpx.Response(410) if number == position else None
    with open_store(store_url) as store:
        result = await run(server, store)
        assert (result.new, stored(store), result.gaps, result.watermark) == (60, 60, (), NOW)
        assert "$skiptoken" in server.requests[position - 1].url.params


async def test_a_page_that_keeps_failing_ends_the_harvest_and_the_next_one_takes_up_there(store):
    server = LogServer(EVENTS)
    server.fault = lambda number: httpx.Response(503) if number > 2 else None
    with pytest.raises(ServerFailed):
        await run(server, store)
    assert stored(store) == 20
    server.fault = lambda number: None
    assert (await run(server, store)).new == 40


async def test_two_harvesters_at_once_store_each_event_once(store, store_url):
    server = LogServer(EVENTS)
    server.fault = lambda number: asyncio.sleep(0)
    with open_store(store_url) as other:
        results = await asyncio.gather(run(server, store), run(server, other), run(server, store))
    assert sum(result.new for result in results) == stored(store) == 60
    assert store.harvests.watermark(TENANT) == NOW


async def test_a_harvester_that_wakes_up_late_does_not_move_the_watermark_back(store):
    sleeper, server = LogServer(EVENTS), LogServer(EVENTS)
    asleep, woken = asyncio.Event(), asyncio.Event()

    async def sleep():
        asleep.set()
        await woken.wait()

    sleeper.fault = lambda number: sleep() if number == 2 else None
    slow = asyncio.create_task(run(sleeper, store))
    await asleep.wait()
    later = NOW + timedelta(hours=1)
    quick = await run(server, store, now=later)
    woken.set()
    late = await slow
    assert quick.new + late.new == stored(store) == 60
    assert store.harvests.watermark(TENANT) == later


async def test_a_store_that_cannot_be_written_stops_the_harvest_and_loses_nothing(sqlite_url):
    server = LogServer([v1_event(f"e{number:05}", minutes_ago(1), note="x" * 200) for number in range(3000)])
    with open_store(sqlite_url) as store:
        full_at_pages = 200
        with store._database._reader.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {full_at_pages}")
        with pytest.raises(StoreError, match="disk is full"):
            await run(server, store, top=500)
        assert store.harvests.watermark(TENANT) == minutes_ago(60 * 24)
    with open_store(sqlite_url) as store:
        await run(server, store, top=500)
        assert stored(store) == 3000


async def test_every_fault_is_an_error_of_the_client(store):
    server = LogServer(EVENTS)
    server.fault = lambda number: httpx.Response(403, json={"error": {"code": "Forbidden", "message": "no"}})
    with pytest.raises(GraphError):
        await run(server, store)
    assert store.harvests.watermark(TENANT) is None
