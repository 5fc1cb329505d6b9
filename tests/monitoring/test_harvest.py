import gc
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from flows.monitoring.harvest import HarvestResult, harvest, raise_gc_threshold
from flows.monitoring.windows import PAGES_PER_WINDOW
from flows.store import EventFilter, Gap, KnownInstance
from tests.monitoring.log_server import NOW, OURS, TENANT, THEIRS, LogServer, minutes_ago, v1_event


async def run(server, store, **given):
    asked = {"tenant_id": TENANT, "service_principal_ids": [OURS], "now": NOW, **given}
    async with server.client() as graph:
        return await harvest(graph, store, **asked)


def stored(store) -> int:
    return sum(counted.count for counted in store.events.counts(EventFilter(TENANT)))


def asked(server) -> list[tuple[str, str]]:
    filters = [parse_qs(request.url.query.decode())["$filter"][0].split() for request in server.requests]
    return [(words[2], words[6]) for words in filters]


async def test_the_first_harvest_goes_back_over_the_retention_in_growing_windows(store):
    server = LogServer([v1_event("a", minutes_ago(5)), v1_event("old", NOW - timedelta(days=29, hours=23))])
    assert await run(server, store) == HarvestResult(read=2, new=2, watermark=NOW)
    assert asked(server) == [
        ("2026-04-01T11:59:59Z", "2026-04-02T12:00:00Z"),
        ("2026-04-02T11:59:59Z", "2026-04-10T12:00:00Z"),
        ("2026-04-10T11:59:59Z", "2026-05-01T12:00:00Z"),
    ]
    assert store.harvests.watermark(TENANT) == NOW


async def test_a_quarter_of_an_hour_later_one_request_reads_the_overlap_again(store):
    server = LogServer([v1_event("a", minutes_ago(5)), v1_event("b", minutes_ago(40))])
    await run(server, store)
    server.requests.clear()
    server.events += [v1_event("c", minutes_ago(-10)), v1_event("late", minutes_ago(20))]
    later = NOW + timedelta(minutes=15)
    assert await run(server, store, now=later) == HarvestResult(read=3, new=2, watermark=later)
    assert asked(server) == [("2026-05-01T11:29:59Z", "2026-05-01T12:15:00Z")]
    assert stored(store) == 4


async def test_every_page_is_asked_with_a_size_and_read_to_the_end(store):
    server = LogServer([v1_event(f"e{number:03}", minutes_ago(number)) for number in range(1, 26)])
    result = await run(server, store, since=minutes_ago(60), top=10)
    assert (result.read, result.new, len(server.requests)) == (25, 25, 3)
    assert [request.url.params["$top"] for request in server.requests] == ["10"] * 3
    assert [request.url.params.get("$skiptoken") for request in server.requests] == [None, "10", "20"]


async def test_a_full_last_page_costs_no_further_request(store):
    server = LogServer([v1_event(f"e{number:03}", minutes_ago(number)) for number in range(1, 21)])
    result = await run(server, store, since=minutes_ago(60), top=10)
    assert (result.new, len(server.requests)) == (20, 2)


async def test_a_busy_tenant_gets_windows_of_twenty_pages(store):
    server = LogServer([v1_event(f"e{number:04}", minutes_ago(2 * number - 1)) for number in range(1, 1441)])
    result = await run(server, store, since=NOW - timedelta(days=2), top=10)
    assert (result.read, result.new, result.watermark) == (1440, 1440, NOW)
    # The first day has 72 pages, so 20 of them are 6 hours and 40 minutes.
    pages = Counter(asked(server))
    assert [(after, number) for (after, _), number in pages.items()] == [
        ("2026-04-29T11:59:59Z", 72),
        ("2026-04-30T11:59:59Z", 20),
        ("2026-04-30T18:39:59Z", 20),
        ("2026-05-01T01:19:59Z", 20),
        ("2026-05-01T07:59:59Z", 12),
    ]


async def test_events_of_other_applications_are_dropped(store):
    server = LogServer(
        [
            v1_event("ours", minutes_ago(5), principal=OURS.upper()),
            v1_event("theirs", minutes_ago(5), principal=THEIRS),
        ]
    )
    result = await run(server, store)
    assert (result.read, result.new, result.dropped) == (2, 1, 1)
    assert [counted.service_principal_id for counted in store.events.counts(EventFilter(TENANT))] == [OURS]


async def test_all_applications_are_kept_when_asked_for_however_far_ours_were_read(store):
    server = LogServer([v1_event("ours", minutes_ago(50)), v1_event("theirs", minutes_ago(50), principal=THEIRS)])
    await run(server, store)
    result = await run(server, store, service_principal_ids=None)
    assert (result.read, result.new, result.dropped) == (2, 1, 0)
    assert store.harvests.watermark(TENANT, "tenant") == NOW


async def test_no_application_of_ours_stores_nothing_and_moves_on(store):
    result = await run(LogServer([v1_event("a", minutes_ago(5))]), store, service_principal_ids=[])
    assert (result.read, result.new, result.dropped, result.watermark) == (1, 0, 1, NOW)


async def test_since_reads_again_from_there(store):
    server = LogServer([v1_event("a", minutes_ago(300))])
    await run(server, store, since=minutes_ago(60))
    result = await run(server, store, since=minutes_ago(400))
    assert (result.read, result.new) == (1, 1)


async def test_since_never_skips_what_was_not_read_yet(store):
    server = LogServer()
    await run(server, store, now=minutes_ago(600))
    server.events.append(v1_event("between", minutes_ago(300)))
    result = await run(server, store, since=minutes_ago(60))
    assert (result.new, result.watermark) == (1, NOW)


async def test_a_watermark_older_than_the_retention_is_a_gap_that_is_reported_and_kept(store):
    server = LogServer()
    old = NOW - timedelta(days=34)
    await run(server, store, now=old)
    result = await run(server, store)
    gap = Gap("retention", old, NOW - timedelta(days=30))
    assert result.gaps == (gap,)
    assert store.harvests.gaps(TENANT) == [gap]
    assert (await run(server, store)).gaps == ()


async def test_a_first_harvest_from_before_the_retention_reports_what_it_cannot_have(store):
    old = NOW - timedelta(days=34)
    gap = Gap("retention", old, NOW - timedelta(days=30))
    assert (await run(LogServer(), store, since=old)).gaps == (gap,)
    assert store.harvests.gaps(TENANT) == [gap]


async def test_after_days_of_absence_it_catches_up_in_bounded_windows_and_tells_how_far_it_is(store):
    server = LogServer([v1_event(f"e{number:04}", minutes_ago(5 * number)) for number in range(1, 2001)])
    await run(server, store, now=NOW - timedelta(days=6), top=10)
    server.requests.clear()
    told = []
    result = await run(server, store, top=10, on_stored=told.append)
    assert (result.watermark, stored(store)) == (NOW, 2000)
    windows = Counter(asked(server))
    assert max(windows.values()) <= 8 * PAGES_PER_WINDOW
    assert len(windows) > 5
    progress = [so_far.progress for so_far in told]
    assert (progress, progress[-1]) == (sorted(progress), 1.0)
    assert len(set(progress)) == len(windows) + (progress[0] == 0.0)


async def test_what_graph_kept_beyond_its_promise_is_read_all_the_same(store):
    server = LogServer()
    await run(server, store, now=NOW - timedelta(days=34))
    server.events.append(v1_event("forgotten?", NOW - timedelta(days=33)))
    assert (await run(server, store)).new == 1


async def test_a_gap_that_is_found_again_after_a_crash_is_one_gap(store):
    server = LogServer()
    old = NOW - timedelta(days=34)
    await run(server, store, now=old)
    server.fault = broken
    for hours in (0, 1):
        with pytest.raises(ConnectionAbortedError):
            await run(server, store, now=NOW + timedelta(hours=hours))
    assert store.harvests.gaps(TENANT) == [Gap("retention", old, NOW - timedelta(days=30) + timedelta(hours=1))]


def broken(number):
    raise ConnectionAbortedError("killed")


async def test_a_watermark_set_by_a_clock_ahead_is_taken_back_to_the_last_event(store):
    server = LogServer([v1_event("known", minutes_ago(300))])
    ahead = NOW + timedelta(hours=3)
    await run(server, store, now=ahead)
    server.events += [v1_event(f"late-{number}", minutes_ago(number)) for number in (10, 120, 290)]
    result = await run(server, store)
    assert (result.new, result.rewound_from, result.gaps) == (3, ahead, ())
    assert store.harvests.watermark(TENANT) == NOW
    again = await run(server, store)
    assert (again.new, again.rewound_from) == (0, None)


async def test_what_was_forgotten_behind_a_watermark_in_the_future_is_a_gap(store):
    long_ago = NOW - timedelta(days=40)
    await run(LogServer([v1_event("old", long_ago)]), store, now=long_ago + timedelta(hours=1))
    store.harvests.save(TENANT, [], watermark=NOW + timedelta(days=1))
    result = await run(LogServer(), store)
    assert result.gaps == (Gap("retention", long_ago, NOW - timedelta(days=30)),)


async def test_what_the_fleet_has_stored_does_not_tell_how_far_the_tenant_was_read(store):
    server, ahead = LogServer([v1_event("theirs", minutes_ago(300), principal=THEIRS)]), NOW + timedelta(hours=3)
    store.instances.keep(TENANT, [KnownInstance(OURS, "contoso", "eu")])
    await run(server, store, service_principal_ids=None, now=ahead)
    server.events += [v1_event("ours", minutes_ago(5)), v1_event("missed", minutes_ago(200), principal=THEIRS)]
    await run(server, store)
    assert (await run(server, store, service_principal_ids=None)).new == 1


async def test_the_result_so_far_is_told_whenever_some_are_stored(store):
    server = LogServer([v1_event(f"e{number:03}", minutes_ago(number)) for number in range(1, 26)])
    told = []
    result = await run(server, store, since=minutes_ago(60), top=10, parcel=10, on_stored=told.append)
    assert [(so_far.read, so_far.watermark) for so_far in told] == [(10, None), (20, None), (25, NOW)]
    assert told[-1] == result


async def test_garbage_is_looked_for_as_usual_afterwards_also_after_a_failure(store):
    usual, during = gc.get_threshold(), []
    server = LogServer([v1_event("a", minutes_ago(5))])
    await run(server, store, on_stored=lambda so_far: during.append(gc.get_threshold()[0]))
    server.fault = broken
    with pytest.raises(ConnectionAbortedError):
        await run(server, store)
    assert min(during) > usual[0]
    assert gc.get_threshold() == usual


def test_runs_side_by_side_restore_what_is_usual_when_the_last_one_ends():
    usual, first, second = gc.get_threshold(), ExitStack(), ExitStack()
    first.enter_context(raise_gc_threshold())
    second.enter_context(raise_gc_threshold())
    first.close()
    assert gc.get_threshold()[0] > usual[0]
    second.close()
    assert gc.get_threshold() == usual
