"""Which budget a call belongs to, and what its answer teaches."""

import dataclasses
from contextlib import suppress

import pytest

from graph_client import errors
from graph_client.call import Call
from graph_client.throttling.pacing import Pacing
from tests.graph_client.doubles import SETTINGS, FakeTime, Script, answer, client, page, refusal


async def drain(pages):
    return [event async for event in pages]


async def test_reporting_calls_are_five_in_ten_seconds():
    time = FakeTime()
    link = "https://graph.example/v1.0/auditLogs/provisioning?$skiptoken="
    script = Script(*(page([], f"{link}{number}") for number in range(11)), page([]))
    async with client(script, time) as graph:
        await drain(graph.provisioning_logs.pages())
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
        await drain(graph.provisioning_logs.pages())
    assert time.slept == [50.0]


async def test_a_429_without_retry_after_pauses_shortly():
    time = FakeTime()
    script = Script(refusal(429, "x"), answer(204))
    async with client(script, time) as graph:
        with pytest.raises(errors.Throttled):
            await graph.synchronization.start("1", "aws.1")
        await graph.applications.patch("1", {"notes": "x"})
    assert time.slept == [1.0]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_beyond_reason_ends_its_own_call_and_no_other(status):
    time = FakeTime()
    script = Script(refusal(status, "x", retry_after="86400"), answer(204))
    async with client(script, time) as graph:
        with pytest.raises(errors.GraphStatusError) as caught:
            await graph.applications.patch("1", {"notes": "x"})
        assert caught.value.wait_is_too_long
        await graph.applications.patch("2", {"notes": "x"})
        await graph.applications.patch("1", {"notes": "x"})
    assert time.slept == []


CALLS = {
    "start": lambda graph: graph.synchronization.start("1", "aws.1"),
    "read": lambda graph: graph.synchronization.get_job("1", "aws.1"),
    "batched": lambda graph: graph.batched.synchronization.get_job("1", "aws.1"),
}


@pytest.mark.parametrize("status", [429, 503, 504])
@pytest.mark.parametrize("again", CALLS.values(), ids=CALLS)
async def test_whoever_asks_for_the_same_object_again_waits_as_long_as_graph_said(status, again):
    """The client does not repeat a start; a step looks at the job, and may start it again."""
    time = FakeTime()
    script = Script(refusal(status, "x", retry_after="20"), answer(200, {"id": "aws.1"}))
    async with client(script, time) as graph:
        with pytest.raises(errors.GraphStatusError):
            await CALLS["start"](graph)
        time.now += 5.0
        await again(graph)
    assert time.slept == [15.0]


async def test_a_503_holds_no_other_object_back():
    time = FakeTime()
    script = Script(refusal(503, "x", retry_after="20"), answer(204))
    async with client(script, time) as graph:
        with pytest.raises(errors.ServerFailed):
            await CALLS["start"](graph)
        await graph.synchronization.start("2", "aws.2")
        await graph.applications.patch("1", {"notes": "x"})
    assert time.slept == []


def limits(share, **settings):
    time = FakeTime()
    pacing = Pacing(dataclasses.replace(SETTINGS, budget_share=share, **settings), time.sleep, time.clock)
    budgets = (pacing.writes, pacing.units, pacing.reports)
    return [(budget._limit, budget._window_seconds) for budget in budgets]


def test_a_share_is_taken_of_every_budget_and_makes_a_window_longer_that_would_hold_less_than_one():
    assert limits(1.0) == [(3000, 150.0), (8000, 10.0), (5, 10.0)]
    assert limits(0.1) == [(300, 150.0), (800, 10.0), (1, 20.0)]


async def test_a_429_pauses_the_budget_that_graph_says_is_spent():
    time = FakeTime()
    spent = refusal(429, "x", retry_after="50", x_ms_throttle_information="ResourceUnitLimitExceeded")
    async with client(Script(spent, answer(200, {"id": "1"})), time) as graph:
        with pytest.raises(errors.Throttled):
            await graph.synchronization.start("1", "aws.1")
        await graph.applications.get("1")
    assert time.slept == [50.0]


async def test_resource_units_are_counted_as_the_answers_tell_them():
    time = FakeTime()
    script = Script(answer(200, {"id": "1"}, x_ms_resource_unit="5"))
    async with client(script, time, units_per_window=10, unit_window_seconds=10.0) as graph:
        for _ in range(4):
            await graph.applications.get("1")
    # Two by the table, five in truth: the third is estimated to fit no more.
    assert time.slept == [10.0]


async def test_a_refusal_tells_that_the_tenant_is_a_small_one():
    time = FakeTime()
    spent = refusal(429, "x", retry_after="1")
    good = answer(200, {"id": "1"})
    settings = {"units_per_window": 1000, "fewest_units_per_window": 6, "unit_window_seconds": 10.0}
    async with client(Script(*[good] * 4, spent, good), time, **settings) as graph:
        for _ in range(4):
            await graph.applications.get("1")
        assert time.slept == []
        time.now += 10.0
        for _ in range(4):
            await graph.applications.get("1")
    # Two units each, the refused one's too: three calls to a window.
    assert time.slept == [1.0, 9.0, 1.0]


async def test_provisioning_on_demand_has_a_budget_of_its_own():
    time = FakeTime()
    pacing = Pacing(SETTINGS, time.sleep, time.clock)
    on_demand = Call.create("/servicePrincipals/1/synchronization/jobs/2/provisionOnDemand", {})
    for _ in range(6):
        async with pacing.admit([on_demand]):
            pass
    assert time.slept == [10.0]


@pytest.mark.parametrize(
    ("taught", "limit"),
    [
        (answer(200, {"id": "1"}, x_ms_throttle_limit_percentage="1.3"), 16),
        (answer(200, {"id": "1"}, x_ms_throttle_limit_percentage="0.9"), 32),
        (answer(200, {"id": "1"}, x_ms_throttle_limit_percentage="very much"), 32),
        (refusal(503, "x"), 16),
        (refusal(429, "x"), 16),
        (refusal(404, "x"), 32),
    ],
)
async def test_fewer_at_once_when_graph_is_short_of_breath(taught, limit):
    async with client(Script(taught), attempts=1) as graph:
        with suppress(errors.GraphError):
            await graph.applications.get("1")
        assert graph._session._pacing.concurrency.limit == limit


async def test_near_the_limit_it_does_not_grow_and_below_it_does():
    time = FakeTime()
    near = answer(200, {"id": "1"}, x_ms_throttle_limit_percentage="0.85")
    steps = [refusal(503, "x"), *[near] * 40, *[answer(200, {"id": "1"})] * 40]
    async with client(Script(*steps), time) as graph:
        concurrency = graph._session._pacing.concurrency
        for expected in (16, 16, 18):
            for _ in range(40 if expected == 18 else 20):
                await graph.applications.get("1")
            assert concurrency.limit == expected


SHARED = {"budget_share": 0.02, "write_window_parts": 15}


async def written_by(time, successors):
    """The moments of 120 writes, by clients that follow each other in a fiftieth of the budget."""
    script, moments = Script(lambda request: answer(204)), []
    for _ in range(successors):
        async with client(script, time, **SHARED) as graph:
            for _ in range(120 // successors):
                await graph.applications.patch("1", {"notes": "x"})
                moments.append(time.now)
    return moments


@pytest.mark.parametrize("successors", [1, 4, 30])
async def test_a_share_is_kept_to_in_every_window_whoever_has_it(successors):
    moments = await written_by(FakeTime(), successors)
    for start in moments:
        assert sum(start <= moment < start + 150.0 for moment in moments) <= 60


async def test_a_share_is_used_up_but_for_a_part_of_a_window():
    time = FakeTime()
    began = time.now
    moments = await written_by(time, 1)
    assert moments[-1] - began <= 120 / 0.4


def test_a_share_of_the_writes_is_a_share_of_every_budget():
    assert {name: getattr(SETTINGS.sharing(0.4), name) for name in SHARED} == SHARED


def test_a_share_is_never_more_than_the_own_one():
    assert dataclasses.replace(SETTINGS, budget_share=0.5).sharing(1e6).budget_share == 0.5
    assert dataclasses.replace(SETTINGS, budget_share=0.5).writes_per_second == 10.0


async def test_throttled_requests_are_counted_beside_all():
    script = Script(refusal(429, "x", retry_after="1"), refusal(503, "x", retry_after="1"), answer(200, {"id": "1"}))
    async with client(script, FakeTime()) as graph:
        await graph.applications.get("1")
        assert (graph.requests_sent, graph.requests_throttled) == (3, 1)
