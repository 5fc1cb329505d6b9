from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from flows.store import ErrorCount, EventCount, EventFilter, Gap, open_store
from flows.store.tables import PROVISIONING_EVENT
from graph_client.models import ProvisioningEvent
from tests.store.events import AWS, BETA, BOX, MOMENT, TENANT, V1, event, failed, succeeded


def rows(store):
    with store._database.read() as connection:
        return [dict(row) for row in connection.execute(select(PROVISIONING_EVENT)).mappings()]


@pytest.mark.parametrize("raw", [V1, BETA], ids=["v1.0", "beta"])
def test_both_shapes_fill_the_same_columns_and_are_kept_whole(store, raw):
    assert store.harvests.save(TENANT, [ProvisioningEvent.parse(raw)]) == 1
    [row] = rows(store)
    assert row.pop("harvested_at").tzinfo is not None
    assert row == {
        "id": "event-1",
        "tenant_id": TENANT,
        "activity_at": MOMENT,
        "service_principal_id": BOX,
        "service_principal_name": "Box Prod",
        "job_id": "box.1",
        "cycle_id": "cycle",
        "change_id": "change",
        "duration_milliseconds": 517,
        "action": "create",
        "status": "failure",
        "error_code": "DuplicateTargetEntries",
        "error_category": "NonServiceFailure",
        "reason": "Two accounts match.",
        "recommended_action": "Remove one of them.",
        "source_id": "u1",
        "source_name": "Adèle",
        "source_type": "User",
        "target_id": None,
        "target_name": None,
        "target_type": "user",
        "raw": raw,
    }


def test_an_event_with_nothing_but_an_id_is_stored(store):
    assert store.harvests.save(TENANT, [ProvisioningEvent.parse({"id": "bare", "new": {"field": [1, None]}})]) == 1
    [row] = rows(store)
    assert row["raw"] == {"id": "bare", "new": {"field": [1, None]}}
    assert row["activity_at"] is None


@pytest.mark.parametrize("name", ["a\0b", "half \ud83d pair", "\U0001f600 ünï", "tab\tline\n"])
def test_no_text_can_stop_a_harvest(store, name):
    identity = {"id": "u1", "displayName": name}
    store.harvests.save(TENANT, [event(sourceIdentity=identity), event("event-2")])
    [row] = [row for row in rows(store) if row["id"] == "event-1"]
    assert row["source_name"] == name.replace("\0", "\ufffd").replace("\ud83d", "?")
    assert row["raw"]["sourceIdentity"]["displayName"] == name


def test_an_event_that_is_stored_already_is_not_new_and_keeps_its_harvest_time(store):
    assert store.harvests.save(TENANT, [event()]) == 1
    [before] = rows(store)
    assert store.harvests.save(TENANT, [event(), event("event-2"), event("event-2")]) == 1
    assert before in rows(store)
    assert len(rows(store)) == 2


def test_an_event_that_graph_has_changed_since_is_brought_up_to_date(store):
    store.harvests.save(TENANT, [failed("event-1", "TooManyRequests")])
    [before] = rows(store)
    store.harvests.save(TENANT, [succeeded("event-1")])
    [row] = rows(store)
    assert row["harvested_at"] == before["harvested_at"]
    assert (row["status"], row["error_code"]) == ("success", None)
    assert row["raw"]["provisioningStatusInfo"]["status"] == "success"


def test_events_and_watermark_are_stored_together_or_not_at_all(store):
    with pytest.raises(StatementError, match="a moment needs a time zone"):
        store.harvests.save(TENANT, [event()], watermark=MOMENT.replace(tzinfo=None))
    assert rows(store) == []
    assert store.harvests.watermark(TENANT) is None
    store.harvests.save(TENANT, [event()], watermark=MOMENT)
    assert store.harvests.watermark(TENANT) == MOMENT


def test_the_watermark_moves_forward_only_and_for_its_tenant_and_scope(store):
    for hours in (1, 3, 2):
        store.harvests.save(TENANT, [], watermark=MOMENT + timedelta(hours=hours))
    assert store.harvests.watermark(TENANT) == MOMENT + timedelta(hours=3)
    assert store.harvests.watermark(TENANT, "tenant") is None
    assert store.harvests.watermark("another") is None


def test_harvesters_at_once_store_each_event_once_and_count_it_once(store_url):
    pages = [[event(f"e{number:03}") for number in range(start, start + 60)] for start in range(0, 300, 20)]
    stores = [open_store(store_url) for _ in range(3)]

    def save(position):
        store = stores[position % 3]
        # Backwards as well: two that lock the same rows in opposite orders would block each other.
        return sum(store.harvests.save(TENANT, page[::-1] if position % 2 else page) for page in pages)

    with ThreadPoolExecutor(6) as threads:
        new = sum(threads.map(save, range(6)))
    assert new == len(rows(stores[0])) == 340
    for store in stores:
        store.close()


def test_gaps_are_kept_and_grow(store):
    gap = Gap("retention", MOMENT, MOMENT + timedelta(days=1))
    store.harvests.record_gap(TENANT, gap)
    store.harvests.record_gap(TENANT, Gap("retention", MOMENT, MOMENT + timedelta(hours=1)))
    assert store.harvests.gaps(TENANT) == [gap]
    grown = Gap("retention", MOMENT, MOMENT + timedelta(days=2))
    earlier = Gap("retention", MOMENT - timedelta(days=9), MOMENT - timedelta(days=8))
    for found in (grown, earlier):
        store.harvests.record_gap(TENANT, found)
    assert store.harvests.gaps(TENANT) == [earlier, grown]
    assert store.harvests.gaps(TENANT, "tenant") == store.harvests.gaps("another") == []


def aws(name="AWS Prod"):
    return {"id": AWS, "displayName": name}


def at(hours):
    return (MOMENT + timedelta(hours=hours)).isoformat()


EVENTS = [
    succeeded("1", activityDateTime=at(0)),
    succeeded("2", activityDateTime=at(1)),
    failed("3", "Conflict", "old example", activityDateTime=at(0)),
    failed("4", "Conflict", "newest example", activityDateTime=at(2), servicePrincipal=aws()),
    failed("5", "InvalidAnchor", activityDateTime=at(1), servicePrincipal=aws()),
]
BOX_SUCCEEDED = EventCount(BOX, "Box Prod", "success", 2)
BOX_FAILED = EventCount(BOX, "Box Prod", "failure", 1)
AWS_FAILED = EventCount(AWS, "AWS Prod", "failure", 2)


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({}, [AWS_FAILED, BOX_FAILED, BOX_SUCCEEDED]),
        ({"service_principal_ids": [BOX.upper()]}, [BOX_FAILED, BOX_SUCCEEDED]),
        ({"service_principal_ids": []}, []),
        ({"since": MOMENT + timedelta(hours=2)}, [EventCount(AWS, "AWS Prod", "failure", 1)]),
        ({"until": MOMENT + timedelta(hours=1)}, [BOX_FAILED, EventCount(BOX, "Box Prod", "success", 1)]),
    ],
)
def test_events_are_counted_by_application_and_status(store, asked, counts):
    store.harvests.save(TENANT, EVENTS)
    store.harvests.save("another", [succeeded("6")])
    assert store.events.counts(EventFilter(TENANT, **asked)) == counts


def test_a_renamed_application_is_counted_once(store):
    renamed = succeeded("7", servicePrincipal={"id": BOX, "displayName": "Box (old)"})
    store.harvests.save(TENANT, [succeeded("1"), renamed])
    assert [found.count for found in store.events.counts(EventFilter(TENANT))] == [2]


def test_the_commonest_error_codes_come_with_their_newest_example(store):
    store.harvests.save(TENANT, EVENTS)
    conflict = ErrorCount("Conflict", 2, 2, "4", "newest example", "Remove one of them.")
    anchor = ErrorCount("InvalidAnchor", 1, 1, "5", "because", "Remove one of them.")
    assert store.events.top_error_codes(EventFilter(TENANT)) == [conflict, anchor]
    assert store.events.top_error_codes(EventFilter(TENANT), limit=1) == [conflict]
    assert store.events.top_error_codes(EventFilter(TENANT, [BOX])) == [
        ErrorCount("Conflict", 1, 1, "3", "old example", "Remove one of them.")
    ]
    assert store.events.top_error_codes(EventFilter("another")) == []


def test_a_skipped_event_is_no_error(store):
    skipped = {"status": "skipped", "errorInformation": {"errorCode": "ImportSkipped", "reason": "not assigned"}}
    store.harvests.save(TENANT, [event(provisioningStatusInfo=skipped)])
    assert store.events.top_error_codes(EventFilter(TENANT)) == []
