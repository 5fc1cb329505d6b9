import json
import tracemalloc
from datetime import timedelta

import pytest

from flows.store import EventExport, KnownInstance
from tests.store.events import AWS, BETA, BOX, MOMENT, TENANT, V1, event, failed, succeeded


def at(hours):
    return (MOMENT + timedelta(hours=hours)).isoformat()


def about(id_, name, principal_name):
    details = {"UserPrincipalName": principal_name}
    return {"id": id_, "displayName": name, "identityType": "User", "details": details}


ON_AWS = {"id": AWS, "displayName": "AWS Prod"}
EVENTS = [
    failed("b-late", "Conflict", activityDateTime=at(3)),
    succeeded("b-first", activityDateTime=at(0), sourceIdentity=about("u7", "Adèle 100%", "adele@contoso.com")),
    succeeded("a-second", activityDateTime=at(1), servicePrincipal=ON_AWS, provisioningAction="update"),
    succeeded("a-first", activityDateTime=at(0), servicePrincipal=ON_AWS, sourceIdentity=about("u2", "Bob", "bob@x")),
]


@pytest.fixture
def filled(store):
    store.harvests.save(TENANT, EVENTS)
    store.harvests.save("another", [succeeded("other", activityDateTime=at(2), servicePrincipal={"id": "sp-other"})])
    store.instances.keep(TENANT, [KnownInstance(BOX.upper(), "contoso", "box"), KnownInstance(AWS, "contoso", "aws")])
    return store


def ids(store, **chosen):
    return [row["id"] for row in store.export(EventExport(**chosen))]


def test_everything_comes_tenant_by_tenant_and_the_oldest_first(filled):
    assert ids(filled) == ["a-first", "b-first", "a-second", "b-late", "other"]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"since": MOMENT + timedelta(hours=1)}, ["a-second", "b-late", "other"]),
        ({"until": MOMENT + timedelta(hours=1)}, ["a-first", "b-first"]),
        ({"service_principal_ids": [BOX]}, ["b-first", "b-late"]),
        ({"service_principal_ids": [AWS, BOX], "status": "failure"}, ["b-late"]),
        ({"service_principal_ids": []}, []),
        ({"action": "update"}, ["a-second"]),
        ({"status": "skipped"}, []),
        ({"user": "u2"}, ["a-first"]),
        ({"user": "ADELE@contoso.com"}, ["b-first"]),
        ({"user": "100%"}, ["b-first"]),
        ({"user": "ADÈLE 1"}, ["b-first"]),
        ({"user": "adele 1"}, ["b-first"]),
        ({"user": "%"}, ["b-first"]),
        ({"user": "Dè"}, ["b-first", "a-second", "b-late", "other"]),
    ],
)
def test_only_what_is_asked_for_comes(filled, chosen, found):
    assert ids(filled, **chosen) == found


def test_an_event_comes_with_its_instance_its_columns_and_as_graph_sent_it(filled):
    (row,) = filled.export(EventExport(service_principal_ids=[BOX], status="failure"))
    assert (row["fleet"], row["key"], row["error_code"], row["tenant_id"]) == ("contoso", "box", "Conflict", TENANT)
    assert row["activity_at"] == MOMENT + timedelta(hours=3)
    assert json.loads(row["raw"]) == EVENTS[0].raw
    assert "\n" not in row["raw"]


def test_an_application_that_no_fleet_manages_has_no_key(filled):
    (row,) = [row for row in filled.export(EventExport()) if row["id"] == "other"]
    assert (row["fleet"], row["key"]) == (None, None)


@pytest.mark.parametrize("raw", [V1, BETA], ids=["v1.0", "beta"])
def test_both_shapes_come_as_they_are(store, raw):
    store.harvests.save(TENANT, [type(EVENTS[0]).parse(raw)])
    (row,) = store.export(EventExport())
    assert (json.loads(row["raw"]), row["status"]) == (raw, "failure")


def test_an_empty_store_has_nothing_to_export(store):
    assert ids(store) == []


def test_memory_does_not_grow_with_the_number_of_events(store):
    for page in range(20):
        store.harvests.save(TENANT, [event(f"{page:02}-{number:03}", note="x" * 500) for number in range(500)])

    def peak(until):
        tracemalloc.start()
        count = sum(1 for row, _ in zip(store.export(EventExport()), range(until), strict=False))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return count, found

    peak(10_000)
    few, many = peak(2_000), peak(10_000)
    assert (few[0], many[0]) == (2_000, 10_000)
    assert many[1] < 1.5 * few[1]
