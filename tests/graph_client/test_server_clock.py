"""Graph's clock: what its Date header says counts, not the clock of this machine."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graph_client import GraphClient, StaticTokens, errors
from graph_client.clock import ServerClock
from tests.graph_client.doubles import SETTINGS, TOKEN, FakeTime, Script, answer, refusal

NOON = datetime(2026, 11, 26, 12, 0, 0, 400_000, tzinfo=UTC)
NEAR = timedelta(seconds=2)


def http_date(moment):
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def client(wall_clock, *steps):
    time = FakeTime()
    return GraphClient(
        SETTINGS,
        StaticTokens(TOKEN),
        transport=Script(*steps).transport,
        sleep=time.sleep,
        clock=time.clock,
        wall_clock=wall_clock,
    )


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=-2), timedelta(seconds=90)])
@pytest.mark.parametrize("make", [lambda **h: answer(200, {"id": "1"}, **h), lambda **h: refusal(404, "x", **h)])
async def test_any_answer_tells_the_time(ahead, make):
    graph = client(lambda: NOON + ahead, make(date=http_date(NOON)))
    async with graph:
        assert graph.clock_skew_seconds is None
        assert graph.now() == NOON + ahead
        with suppress(errors.NotFound):
            await graph.applications.get("1")
    assert abs(graph.now() - NOON) <= NEAR
    assert abs(graph.clock_skew_seconds - ahead.total_seconds()) <= 2


@pytest.mark.parametrize("header", [{}, {"date": "yesterday"}, {"date": ""}])
async def test_without_a_date_this_machine_is_believed(header):
    async with client(lambda: NOON, answer(200, {"id": "1"}, **header)) as graph:
        await graph.applications.get("1")
        assert graph.clock_skew_seconds is None
        assert graph.now() == NOON


@given(
    st.timedeltas(timedelta(days=-400), timedelta(days=400)),
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 30), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20),
)
@example(timedelta(0), [(0.0, 0.0, 0.0, 1.0)])
def test_the_skew_is_what_the_answers_prove(ahead, exchanges):
    """Whatever the latency: off by no more than it and two seconds: one is cut off, and the header may be one old."""
    clock, true = ServerClock(lambda: true + ahead), NOON
    for pause, latency, part, age_seconds in exchanges:
        sent = true = true + timedelta(seconds=pause)
        written = sent + timedelta(seconds=latency * part - age_seconds)
        true = sent + timedelta(seconds=latency)
        clock.learn(http_date(written), sent + ahead, true + ahead)
        assert abs(clock.now() - true) <= timedelta(seconds=latency) + NEAR
        assert ahead or clock.skew_seconds == 0


def test_a_clock_that_is_set_right_is_believed_again():
    clock = ServerClock(lambda: NOON)
    clock.learn(http_date(NOON), NOON + timedelta(hours=3), NOON + timedelta(hours=3))
    clock.learn(http_date(NOON), NOON, NOON)
    assert abs(clock.skew_seconds) <= 2
