"""The views, with results computed by hand; and what they need to stay quick."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import inspect, select, text

from flows.store import KnownInstance
from flows.store.versions import LAST_RESULT_BY_USER_AND_APP, OPEN_FAILURES, VIEWS
from tests.store.events import AWS, BOX, TENANT, event, failed, succeeded

MIDNIGHT = datetime(2026, 5, 2, tzinfo=UTC)


def at(minutes):
    return MIDNIGHT + timedelta(minutes=minutes)


def of(kind, id_, minutes, user="ada", principal=BOX, **given):
    identity = {"id": user, "displayName": user.title(), "identityType": "User"}
    place = {"activityDateTime": at(minutes).isoformat(), "sourceIdentity": identity}
    extra = {"code": given.pop("code", "Conflict")} if kind is failed else {}
    return kind(id_, **extra, **place, servicePrincipal={"id": principal, "displayName": principal}, **given)


def skipped(id_, **given):
    return event(id_, provisioningStatusInfo={"status": "skipped", "errorInformation": None}, **given)


def unheard_of(id_, **given):
    return event(id_, provisioningStatusInfo={"status": "Postponed"}, **given)


EVENTS = [
    of(succeeded, "1", -60),
    of(failed, "2", -1),
    of(failed, "3", 1, code="InvalidAnchor"),
    of(failed, "4", 2),
    of(failed, "5", 0, user="bob"),
    of(skipped, "6", 3, user="bob"),
    of(unheard_of, "7", 4, user="bob", principal=AWS),
    of(failed, "8", 5, user="cem", principal=AWS),
    # Two of one moment: the greater id is the newer one.
    of(failed, "9a", 6, user="dee"),
    of(succeeded, "9b", 6, user="dee"),
    of(succeeded, "10", -3000, principal=AWS),
    succeeded("11", sourceIdentity=None, activityDateTime=at(7).isoformat(), servicePrincipal={"id": AWS}),
]


@pytest.fixture
def filled(store):
    store.harvests.save(TENANT, EVENTS)
    store.instances.keep(TENANT, [KnownInstance(BOX, "contoso", "box", "Box Prod")])
    return store


def rows(store, view, *columns):
    with store._database.read() as connection:
        return sorted(connection.execute(select(*(view.c[name] for name in columns))).all())


def test_events_by_app_and_day(filled):
    with filled._database.read() as connection:
        found = connection.execute(text("SELECT * FROM events_by_app_and_day ORDER BY key IS NULL, day")).mappings()
        counted = [
            (
                row["tenant_id"],
                row["fleet"],
                row["key"],
                row["service_principal_id"],
                date.fromisoformat(str(row["day"])),
                *(int(row[name]) for name in ("events", "success", "failure", "skipped", "warning")),
            )
            for row in found
        ]
    assert counted == [
        (TENANT, "contoso", "box", BOX, date(2026, 5, 1), 2, 1, 1, 0, 0),
        (TENANT, "contoso", "box", BOX, date(2026, 5, 2), 6, 1, 4, 1, 0),
        (TENANT, None, None, AWS, date(2026, 4, 29), 1, 1, 0, 0, 0),
        (TENANT, None, None, AWS, date(2026, 5, 2), 3, 1, 1, 0, 0),
    ]


def test_last_result_by_user_and_app(filled):
    columns = ("source_id", "service_principal_id", "event_id", "status", "activity_at")
    assert rows(filled, LAST_RESULT_BY_USER_AND_APP, *columns) == [
        ("ada", BOX, "4", "failure", at(2)),
        ("ada", AWS, "10", "success", at(-3000)),
        ("bob", BOX, "6", "skipped", at(3)),
        ("bob", AWS, "7", "postponed", at(4)),
        ("cem", AWS, "8", "failure", at(5)),
        ("dee", BOX, "9b", "success", at(6)),
    ]


def test_open_failures(filled):
    columns = ("source_id", "event_id", "failing_since", "activity_at", "error_code", "source_name", "source_type")
    assert rows(filled, OPEN_FAILURES, *columns) == [
        ("ada", "4", at(-1), at(2), "Conflict", "Ada", "User"),
        ("cem", "8", at(5), at(5), "Conflict", "Cem", "User"),
    ]
    with filled._database.read() as connection:
        (ada,) = connection.execute(select(OPEN_FAILURES).where(OPEN_FAILURES.c.key == "box")).mappings()
    assert (ada["fleet"], ada["service_principal_id"], ada["action"]) == ("contoso", BOX, "create")
    assert (ada["reason"], ada["recommended_action"]) == ("because", "Remove one of them.")


def test_a_failure_that_came_through_is_open_no_more(filled):
    filled.harvests.save(TENANT, [of(succeeded, "12", 60), of(skipped, "13", 60, user="cem", principal=AWS)])
    assert rows(filled, OPEN_FAILURES, "source_id") == []


def test_an_empty_store_has_empty_views(store):
    for view in VIEWS.sorted_tables:
        assert rows(store, view, "tenant_id") == []


def test_every_view_has_the_columns_that_it_is_said_to_have_and_no_other_exists(store):
    with store._database.read() as connection:
        inspector = inspect(connection)
        assert sorted(inspector.get_view_names()) == sorted(VIEWS.tables)
        for name, view in VIEWS.tables.items():
            assert [column["name"] for column in inspector.get_columns(name)] == [
                column.name for column in view.columns
            ]


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("SELECT * FROM last_result_by_user_and_app WHERE source_id = 'ada'", "ix_provisioning_event_source"),
        ("SELECT * FROM open_failures", "ix_provisioning_event_failure"),
        ("SELECT * FROM open_failures WHERE source_id = 'ada'", "ix_provisioning_event_source"),
        ("SELECT * FROM events_by_app_and_day", "ix_provisioning_event_counted"),
        (
            f"SELECT * FROM last_result_by_user_and_app WHERE service_principal_id = '{BOX}'",
            "ix_provisioning_event_service_principal_id_activity_at",
        ),
        (
            f"SELECT * FROM events_by_app_and_day WHERE service_principal_id = '{BOX}'",
            "ix_provisioning_event_service_principal_id_activity_at",
        ),
    ],
)
def test_sqlite_answers_from_an_index_and_never_reads_all_events(sqlite_url, statement, index):
    from flows.store import open_store

    with open_store(sqlite_url) as store, store._database.read() as connection:
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    assert any(index in step for step in plan), plan
    assert [step for step in plan if step.startswith("SCAN") and step.split()[1] in "efg" and "INDEX" not in step] == []
