"""What was tried on demand stands beside the log, and is never counted with it."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from flows.store import Identity, Kind, StoredOnDemandResult
from flows.store.tables import IDENTITY, ON_DEMAND_RESULT, PROVISIONING_EVENT
from flows.store.versions import VIEWS
from tests.store.events import BOX, MOMENT, TENANT, event

ADA = Identity(TENANT, "u-ada", "User", "Ada \ufffd", "ada@contoso.com")


def result(at=MOMENT, **given):
    known = {
        "tenant_id": TENANT,
        "fleet": "contoso",
        "key": "box",
        "service_principal_id": BOX.upper(),
        "job_id": "j",
        "tried_at": at,
        "source_id": "u-ada",
        "source_type": "User",
        "source_name": "Ada \0",
        "outcome": "created",
        "steps": [{"name": "EntryImport", "details": {"displayName": "Ada"}}],
        "modified": [{"name": "title", "before": None, "after": "Boss"}],
    }
    return StoredOnDemandResult(**(known | given))


def keep(store, **given):
    store.on_demand.keep(result(**given), "ada@contoso.com")


def count(store, table):
    with store._database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_results_come_back_as_they_were_newest_first_and_whoever_they_are_about_is_found(store):
    keep(store)
    keep(store, at=MOMENT + timedelta(hours=1), outcome="skipped", error_code="RedundantExport")
    (found,) = store.identities.find("ada")
    assert found == ADA
    skipped, created = store.on_demand.of(found)
    assert (skipped.outcome, skipped.error_code) == ("skipped", "RedundantExport")
    assert (created.service_principal_id, created.source_name) == (BOX.lower(), "Ada \ufffd")
    assert (list(created.steps), list(created.modified)) == (list(result().steps), list(result().modified))
    assert created.tried_at == MOMENT


def test_what_the_log_knows_of_somebody_is_not_overwritten(store):
    identity = {"id": "u-ada", "displayName": "Ada King", "identityType": "User", "details": {}}
    store.harvests.save(TENANT, [event("e", sourceIdentity=identity)])
    keep(store)
    (found,) = store.identities.find("u-ada")
    assert found.name == "Ada King"


def test_a_result_is_no_event_and_no_statistics_know_of_it(store):
    keep(store)
    assert count(store, PROVISIONING_EVENT) == 0
    for view in VIEWS.sorted_tables:
        assert count(store, view) == 0


def test_the_event_of_the_same_change_is_recognized(store):
    keep(store, change_id="c-1")
    keep(store, change_id="c-2")
    person = {"id": "u-ada", "displayName": "Ada", "identityType": "User"}
    store.harvests.save(TENANT, [event("e", changeId="c-1", sourceIdentity=person)])
    assert store.on_demand.logged(store.on_demand.of(ADA)) == {"c-1"}
    assert store.on_demand.logged([]) == frozenset()


def test_old_results_go_with_the_events_and_with_them_whom_nothing_is_about(store):
    keep(store, at=MOMENT - timedelta(days=1))
    keep(store, at=MOMENT + timedelta(days=1))
    retention = store.older_than(MOMENT)
    assert (retention.count(Kind.EVENTS), max(retention.prune(Kind.EVENTS))) == (1, 1)
    assert (count(store, ON_DEMAND_RESULT), count(store, IDENTITY)) == (1, 1)
    list(store.older_than(datetime.now(UTC)).prune(Kind.EVENTS))
    list(store.older_than(datetime(9000, 1, 1, tzinfo=UTC)).prune(Kind.EVENTS))
    assert (count(store, ON_DEMAND_RESULT), count(store, IDENTITY)) == (0, 0)
