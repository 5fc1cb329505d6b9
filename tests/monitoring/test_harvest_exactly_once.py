from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.monitoring.harvest import harvest
from flows.store import EventFilter, open_store
from tests.monitoring.log_server import NOW, OURS, LogServer, v1_event

# Few moments, at and around whole seconds and minutes: events share them, and fall on the bounds of windows.
OFFSETS = st.builds(
    lambda minutes, microseconds: timedelta(minutes=minutes, microseconds=microseconds),
    st.integers(-90, 90),
    st.sampled_from([-1, 0, 0, 0, 1, 999_999]),
)
EVENTS = st.lists(OFFSETS, max_size=25)
HARVESTS = st.lists(OFFSETS, min_size=1, max_size=5)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One file for all examples: each has a tenant and ids of its own."""
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('exactly-once')}/store.db") as opened:
        yield opened


async def harvest_at(server, store, moments, tenant, **given):
    """Harvest at each moment, in order; the watermark may never fall."""
    total, watermark = 0, None
    async with server.client() as graph:
        for moment in moments:
            server.clock = moment
            result = await harvest(
                graph, store, tenant_id=tenant, service_principal_ids=[OURS], now=moment, top=4, **given
            )
            now_at = store.harvests.watermark(tenant)
            assert watermark is None or now_at >= watermark
            total, watermark = total + result.new, now_at
    return total


def stored(store, tenant) -> int:
    return sum(counted.count for counted in store.events.counts(EventFilter(tenant)))


@settings(max_examples=30, deadline=None)
@given(events=EVENTS, harvests=HARVESTS)
async def test_without_any_overlap_no_event_falls_between_two_windows(store, events, harvests):
    tenant = str(uuid4())
    server = LogServer([v1_event(f"{tenant}-{number}", NOW + at) for number, at in enumerate(events)])
    server.arrivals = {f"{tenant}-{number}": NOW + at for number, at in enumerate(events)}
    moments = [*sorted(NOW + at for at in harvests), NOW + timedelta(hours=2)]
    new = await harvest_at(server, store, moments, tenant, overlap=timedelta(0))
    assert new == stored(store, tenant) == len(events)


@settings(max_examples=30, deadline=None)
@given(events=EVENTS, harvests=HARVESTS, data=st.data())
async def test_events_that_come_late_within_the_overlap_are_all_stored_once(store, events, harvests, data):
    tenant = str(uuid4())
    server = LogServer([v1_event(f"{tenant}-{number}", NOW + at) for number, at in enumerate(events)])
    for number, at in enumerate(events):
        late = data.draw(st.integers(0, 30 * 60), label="seconds late")
        server.arrivals[f"{tenant}-{number}"] = NOW + at + timedelta(seconds=late)
    moments = [*sorted(NOW + at for at in harvests), NOW + timedelta(hours=3)]
    new = await harvest_at(server, store, moments, tenant)
    assert new == stored(store, tenant) == len(events)


@settings(max_examples=20, deadline=None)
@given(events=EVENTS, crashes=st.lists(st.integers(1, 12), max_size=4))
async def test_any_number_of_crashes_in_a_row_loses_and_doubles_nothing(store, events, crashes):
    tenant = str(uuid4())
    server = LogServer([v1_event(f"{tenant}-{number}", NOW + at) for number, at in enumerate(events)])
    end = NOW + timedelta(hours=2)
    for crash_at in crashes:
        server.requests.clear()
        server.fault = lambda number, crash_at=crash_at: kill() if number == crash_at else None
        try:
            await harvest_at(server, store, [end], tenant)
        except Killed:
            continue
    server.fault = lambda number: None
    await harvest_at(server, store, [end], tenant)
    assert stored(store, tenant) == len(events)


@settings(max_examples=20, deadline=None)
@given(events=EVENTS, data=st.data())
async def test_around_broken_events_all_is_stored_once_and_the_rest_as_soon_as_it_can_be_read(store, events, data):
    tenant = str(uuid4())
    ids = [f"{tenant}-{number}" for number in range(len(events))]
    server = LogServer([v1_event(id_, NOW + at) for id_, at in zip(ids, events, strict=True)])
    server.broken = set(data.draw(st.lists(st.sampled_from(ids), max_size=3), label="broken")) if ids else set()
    server.pages_linked = data.draw(st.sampled_from([None, 3]), label="pages before a link expires")
    end = NOW + timedelta(hours=2)
    await harvest_at(server, store, [end], tenant, since=NOW - timedelta(hours=3))
    gaps = store.harvests.gaps(tenant)
    whole = [at for at in events if not any(gap.start <= NOW + at < gap.end for gap in gaps)]
    lost = sum((gap.end - gap.start).total_seconds() for gap in gaps)
    assert len(whole) <= stored(store, tenant) <= len(events) - len(server.broken)
    assert lost <= 2 * len(server.broken)
    server.broken = set()
    await harvest_at(server, store, [end], tenant, since=NOW - timedelta(hours=3))
    assert (stored(store, tenant), store.harvests.gaps(tenant)) == (len(events), [])


class Killed(BaseException):
    pass


def kill():
    raise Killed
