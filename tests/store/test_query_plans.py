"""What must be quick on a million events asks for them by the right index, whatever SQLite's planner would like."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from flows.store import Identity, Period, open_store
from tests.store.events import BOX, MOMENT, TENANT, failed

PERIOD = Period(TENANT, MOMENT - timedelta(days=30), datetime.now(UTC))
COUNTED = "COVERING INDEX ix_provisioning_event_counted"
BY_APPLICATION = "ix_provisioning_event_service_principal_id_activity_at"


@pytest.fixture
def plans(sqlite_url):
    """The plan of each statement about events that a call sends."""

    def of(call):
        asked = []

        def note(connection, cursor, statement, parameters, context, many):
            asked.append((statement, parameters))

        with open_store(sqlite_url) as store:
            store.harvests.save(TENANT, [failed("1", "X")], watermark=MOMENT)
            event.listen(Engine, "before_cursor_execute", note)
            try:
                call(store)
            finally:
                event.remove(Engine, "before_cursor_execute", note)
            with store._database.read() as connection:
                return [
                    " ".join(
                        row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                    )
                    for statement, parameters in asked
                    if "provisioning_event" in statement
                ]

    return of


@pytest.mark.parametrize(
    ("call", "index"),
    [
        (lambda store: store.stories.of(Identity(TENANT, "u1")), "ix_provisioning_event_source"),
        (lambda store: store.failures.of_quarantine(BOX, MOMENT), BY_APPLICATION),
        (lambda store: store.accounts.of(TENANT, BOX), BY_APPLICATION),
        (lambda store: store.statistics.example(PERIOD, BOX, "X", 1), BY_APPLICATION),
        (lambda store: store.statistics.names([BOX]), BY_APPLICATION),
        (lambda store: list(store.statistics.tallies(PERIOD)), COUNTED),
        (lambda store: list(store.statistics.cycles(PERIOD)), COUNTED),
    ],
)
def test_an_answer_looks_at_the_events_it_needs_only(plans, call, index):
    found = plans(call)
    assert index in found[0]
    assert [plan for plan in found if "SCAN provisioning_event" in plan] == []


def test_the_plans_would_show_a_scan(plans):
    def scan(store):
        with store._database.read() as connection:
            connection.execute(text("SELECT raw FROM provisioning_event WHERE reason = 'x'"))

    assert "SCAN provisioning_event" in plans(scan)[0]
