"""The journal, read from its beginning however long it is."""

import tracemalloc
from datetime import timedelta

from flows.store import Change, FieldChange, Run
from tests.store.events import MOMENT, TENANT

OLD, NEW = MOMENT - timedelta(days=10), MOMENT + timedelta(days=10)


def change(key, at, **given):
    return Change(**{"key": key, "action": "update", "outcome": "updated", "recorded_at": at, **given})


def journal(store, at, *changes):
    run_id = store.journal.begin(Run(tenant_id=TENANT, fleet="contoso", command="apply", started_at=at))
    for each in changes:
        store.journal.record(run_id, each)
    return run_id


def test_the_journal_is_read_oldest_first_with_its_runs(store):
    late = journal(store, OLD, change("b", NEW))
    early = journal(store, NEW, change("a", OLD), change("c", OLD))
    found = [(run.id, each.key) for run, each in store.journal.records()]
    assert found == [(early, "a"), (early, "c"), (late, "b")]
    assert [each.key for _, each in store.journal.records(since=MOMENT)] == ["b"]
    assert list(store.journal.records("nobody")) == []


def test_a_long_journal_is_read_in_little_memory(store):
    fields = tuple(FieldChange(field=f"owners.{number}", after="x" * 100) for number in range(10))
    journal(store, OLD, *(change(f"{number:05}", OLD, fields=fields) for number in range(20)))
    one = _peak_of_reading(store)
    with store._database.write() as connection:
        connection.exec_driver_sql(_many_more(connection.dialect.name))
    assert _peak_of_reading(store) < one + 10_000_000


def _many_more(dialect):
    columns = "run_id, recorded_at, action, outcome, fields"
    series = (
        "generate_series(1, 150) AS n(i)"
        if dialect == "postgresql"
        else "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) SELECT i FROM n)"
    )
    return f"INSERT INTO change (key, {columns}) SELECT change.key || '-' || i, {columns} FROM change, {series}"


def _peak_of_reading(store):
    tracemalloc.start()
    try:
        assert sum(1 for _ in store.journal.records()) in {20, 3020}
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
