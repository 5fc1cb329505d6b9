from datetime import timedelta

from flows.store.provisioned_accounts import add_events
from tests.store.events import AWS, BOX, MOMENT, TENANT, failed, succeeded

BOB = {"id": "u2", "displayName": "Bob", "identityType": "User"}


def at(hours, action):
    return {"activityDateTime": (MOMENT + timedelta(hours=hours)).isoformat(), "provisioningAction": action}


def present(accounts):
    return {each.label for each in accounts.values() if each.is_present}


def test_the_last_change_that_succeeded_says_who_is_there(store):
    aws = {"servicePrincipal": {"id": AWS, "displayName": "AWS Dev"}}
    events = [
        succeeded("1", **at(0, "create")),
        failed("2", "Conflict", **at(1, "delete")),
        succeeded("3", sourceIdentity=BOB, **at(0, "create")),
        succeeded("4", sourceIdentity=BOB, **at(2, "delete")),
        succeeded("5", sourceIdentity=BOB, **at(3, "create"), **aws),
        succeeded("6", **at(4, "other")),
    ]
    store.harvests.save(TENANT, events)
    assert present(store.accounts.of(TENANT, BOX)) == {"Adèle"}
    assert present(store.accounts.of(TENANT, AWS.upper())) == {"Bob"}
    assert store.accounts.of("another", BOX) == {}


def test_later_events_count_in_whatever_order_they_come(store):
    store.harvests.save(
        TENANT, [succeeded("1", **at(0, "create")), succeeded("2", sourceIdentity=BOB, **at(0, "create"))]
    )
    known = store.accounts.of(TENANT, BOX)
    add_events(known, [succeeded("4", **at(2, "disable")), succeeded("3", **at(1, "update"))])
    assert present(known) == {"Bob"}
