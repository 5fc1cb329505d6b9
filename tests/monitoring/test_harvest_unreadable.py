"""Pages that cannot be read: the log around them is, and what is lost is said."""

from datetime import datetime, timedelta

import httpx
import pytest

from flows.monitoring.harvest import harvest
from flows.store import EventFilter, Gap
from graph_client.errors import BadRequest, ServerFailed, UnreadableAnswer
from tests.monitoring.log_server import FILTER, NOW, OURS, TENANT, LogServer, minutes_ago, v1_event

DAY = minutes_ago(60 * 24)
EVENTS = [v1_event(f"e{number:03}", minutes_ago(number * 20 + 0.5)) for number in range(1, 61)]
AT_E030 = minutes_ago(30 * 20 + 0.5)


async def run(server, store, **given):
    asked = {"tenant_id": TENANT, "service_principal_ids": [OURS], "now": NOW, "since": DAY, "top": 10, **given}
    async with server.client() as graph:
        return await harvest(graph, store, **asked)


def stored(store) -> int:
    return sum(counted.count for counted in store.events.counts(EventFilter(TENANT)))


# A window asks from a second earlier, so that an event between two seconds is met twice.
@pytest.mark.parametrize(("microseconds", "seconds_lost"), [(0, 1), (500_000, 2)])
async def test_one_broken_event_costs_no_more_than_the_second_it_is_in(store, microseconds, seconds_lost):
    broken = v1_event("broken", AT_E030 + timedelta(microseconds=microseconds))
    server = LogServer([event for event in EVENTS if event["id"] != "e030"] + [broken])
    server.broken = {"broken"}
    result = await run(server, store)
    assert (stored(store), store.harvests.watermark(TENANT)) == (59, NOW)
    detail = "Graph's answer is not JSON; GET /v1.0/auditLogs/provisioning: 200, request-id r-1"
    assert result.gaps == (Gap("unreadable", AT_E030, AT_E030 + timedelta(seconds=seconds_lost), detail),)
    assert store.harvests.gaps(TENANT) == list(result.gaps)


async def test_a_gap_that_can_be_read_later_is_a_gap_no_more(store):
    server = LogServer(EVENTS)
    server.broken = {"e030"}
    await run(server, store)
    server.broken = set()
    assert (await run(server, store, since=None)).new == 0
    assert len(store.harvests.gaps(TENANT)) == 1
    assert (await run(server, store)).new == 1
    assert (stored(store), store.harvests.gaps(TENANT)) == (60, [])


async def test_a_stretch_of_the_log_that_is_broken_is_passed_in_ever_longer_steps(store):
    server = LogServer([v1_event(f"e{number:04}", minutes_ago(number / 60)) for number in range(1, 3601)])
    server.broken = {f"e{number:04}" for number in range(601, 1201)}
    result = await run(server, store, since=minutes_ago(60), top=100)
    (gap,) = result.gaps
    assert gap.start == minutes_ago(20)
    assert minutes_ago(10) < gap.end < minutes_ago(5)
    assert stored(store) == 3600 - (gap.end - gap.start).total_seconds()
    assert len(server.requests) < 600


async def test_what_cannot_be_read_at_the_end_may_pass_and_is_left_to_the_next_harvest(store):
    server = LogServer(EVENTS[1:])
    server.events.append(v1_event("last", NOW - timedelta(seconds=1)))
    server.broken = {"last"}
    with pytest.raises(UnreadableAnswer):
        await run(server, store)
    assert store.harvests.watermark(TENANT) == NOW - timedelta(seconds=1)
    assert store.harvests.gaps(TENANT) == []
    later = await run(server, store, since=None, now=NOW + timedelta(minutes=15))
    assert [(gap.start, gap.end) for gap in later.gaps] == [(NOW - timedelta(seconds=1), NOW)]
    assert (later.watermark, stored(store)) == (NOW + timedelta(minutes=15), 59)


@pytest.mark.parametrize("body", ["<html>gateway</html>", '{"value": [{"id": ', '{"value": null}', '{"value": [{}]}'])
async def test_a_graph_that_answers_nothing_readable_is_an_error_and_no_gap(store, body):
    server = LogServer(EVENTS)
    server.fault = lambda number: httpx.Response(200, text=body) if number > 1 else None
    with pytest.raises(UnreadableAnswer):
        await run(server, store)
    assert (store.harvests.watermark(TENANT), store.harvests.gaps(TENANT)) == (None, [])
    assert len(server.requests) < 20
    server.fault = lambda number: None
    await run(server, store)
    assert stored(store) == 60


@pytest.mark.parametrize("failure", ["500", "504", "no answer"])
async def test_a_window_at_which_graph_gives_up_is_read_in_halves_and_only_a_minute_of_it_given_up(store, failure):
    def give_up(_):
        if wide(server.requests[-1]) or holds(server.requests[-1], AT_E030):
            if failure == "no answer":
                raise httpx.ReadTimeout("too long")
            return httpx.Response(int(failure))
        return None

    server = LogServer(EVENTS)
    server.fault = give_up
    result = await run(server, store)
    assert (stored(store), store.harvests.watermark(TENANT)) == (59, NOW)
    (gap,) = result.gaps
    assert gap.start <= AT_E030 < gap.end
    assert gap.end - gap.start <= timedelta(minutes=1)


async def test_an_outage_in_the_middle_of_trouble_is_an_error_and_no_gap(store):
    server = LogServer(EVENTS)
    server.fault = lambda number: httpx.Response(503) if wide(server.requests[-1]) or number > 9 else None
    with pytest.raises(ServerFailed):
        await run(server, store)
    assert store.harvests.gaps(TENANT) == []
    server.fault = lambda number: None
    await run(server, store)
    assert stored(store) == 60


def span_of(request):
    return [datetime.fromisoformat(text) for text in FILTER.fullmatch(request.url.params["$filter"]).groups()]


def wide(request):
    after, before = span_of(request)
    return before - after > timedelta(hours=13)


def holds(request, moment):
    after, before = span_of(request)
    return after < moment < before


@pytest.mark.parametrize("status", [400, 410])
@pytest.mark.parametrize("pages_linked", [1, 2, 3])
async def test_a_window_whose_links_expire_is_started_again_and_shorter(store, status, pages_linked):
    server = LogServer(EVENTS)
    server.pages_linked, server.expired_status = pages_linked, status
    result = await run(server, store)
    assert (stored(store), result.gaps, result.watermark) == (60, (), NOW)


async def test_a_refusal_of_the_first_page_is_no_expired_link(store):
    server = LogServer(EVENTS)
    server.fault = lambda number: httpx.Response(400, json={"error": {"code": "BadRequest", "message": "no"}})
    with pytest.raises(BadRequest):
        await run(server, store)
    assert len(server.requests) == 1


@pytest.mark.parametrize("page", range(1, 8))
async def test_a_link_to_another_host_is_not_followed_and_its_window_read_in_halves(store, page):
    server = LogServer(EVENTS)
    elsewhere = {"value": [], "@odata.nextLink": "https://graph.microsoft.example.net/v1.0/steal"}
    server.fault = lambda number: httpx.Response(200, json=elsewhere) if number == page else None
    result = await run(server, store)
    assert (stored(store), result.gaps) == (60, ())
    assert {request.url.host for request in server.requests} == {"graph.microsoft.com"}
