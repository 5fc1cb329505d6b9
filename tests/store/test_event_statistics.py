from collections import Counter
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.store import Period, open_store
from tests.store.databases import lay_empty_store
from tests.store.events import AWS, BOX, MOMENT, TENANT, event, failed, succeeded

PERIOD = Period(TENANT, MOMENT - timedelta(days=2), MOMENT + timedelta(days=2))


def at(hours, cycle="cycle", **fields):
    return {"activityDateTime": (MOMENT + timedelta(hours=hours)).isoformat(), "cycleId": cycle, **fields}


def test_events_are_counted_by_day_application_status_and_code(store):
    aws = {"servicePrincipal": {"id": AWS, "displayName": "AWS"}}
    events = [
        *(succeeded(f"s{n}", **at(n)) for n in range(3)),
        failed("f1", "X", **at(13)),
        failed("f2", "X", **at(14, **aws)),
        succeeded("early", **at(-49)),
        succeeded("late", **at(48)),
    ]
    store.harvests.save(TENANT, events)
    store.harvests.save("another", [succeeded("theirs", **at(0))])
    found = {(t.day, t.service_principal_id, t.status, t.error_code): t.count for t in store.statistics.tallies(PERIOD)}
    assert found == {
        (date(2026, 5, 1), BOX, "success", None): 3,
        (date(2026, 5, 2), BOX, "failure", "X"): 1,
        (date(2026, 5, 2), AWS, "failure", "X"): 1,
    }


def test_a_cycle_lasts_from_its_first_event_to_its_last(store):
    store.harvests.save(
        TENANT,
        [
            *(succeeded("1", **at(0, "a")), succeeded("2", **at(2, "a"))),
            *(succeeded("3", **at(3, "b")), succeeded("4", **at(3, None))),
        ],
    )
    found = {(c.cycle_id, c.seconds, c.events) for c in store.statistics.cycles(PERIOD)}
    assert found == {("a", 7200.0, 2), ("b", 0.0, 1)}


def test_the_newest_failure_is_the_example(store):
    store.harvests.save(TENANT, [failed("1", "X", "old", **at(0)), failed("2", "X", "new", **at(1)), failed("3", "Y")])
    example = store.statistics.example(PERIOD, BOX, "X", 2)
    assert (example.error_code, example.count, example.reason) == ("X", 2, "new")
    assert store.statistics.example(PERIOD, BOX, "Z", 0).activity_at is None


def test_events_of_no_application_have_an_example_too(store):
    store.harvests.save(TENANT, [failed("1", "X", "mine", servicePrincipal=None)])
    assert store.statistics.example(PERIOD, "", "X", 1).reason == "mine"
    assert store.statistics.names([BOX]) == {}


def test_the_newest_name_of_an_application_is_its_name(store):
    for number, name in enumerate(("Old", "New")):
        store.harvests.save(
            TENANT, [succeeded(str(number), **at(number), servicePrincipal={"id": BOX, "displayName": name})]
        )
    assert store.statistics.names([BOX]) == {BOX: "New"}


moments = st.integers(-60, 60)
statuses = st.sampled_from(["success", "failure", "skipped", "warning", "brandNew"])


@settings(max_examples=25)
@given(st.lists(st.tuples(moments, statuses, st.sampled_from([BOX, AWS])), max_size=30))
def test_tallies_are_what_counting_one_by_one_gives(tmp_path_factory, drawn):
    events = [
        event(str(n), **at(hours, servicePrincipal={"id": id_}), provisioningStatusInfo={"status": status})
        for n, (hours, status, id_) in enumerate(drawn)
    ]
    with open_store(lay_empty_store(tmp_path_factory.mktemp("store") / "store.db")) as store:
        store.harvests.save(TENANT, events)
        found = {(t.day, t.service_principal_id, t.status): t.count for t in store.statistics.tallies(PERIOD)}
    expected = Counter(
        ((MOMENT + timedelta(hours=hours)).date(), id_, status.lower())
        for hours, status, id_ in drawn
        if -48 <= hours < 48
    )
    assert found == dict(expected)
