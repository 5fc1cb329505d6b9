from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from flows.store import JobObservation, open_store
from flows.store.tables import JOB_HISTORY
from tests.store.databases import observations

MOMENT = datetime(2026, 5, 1, 12, tzinfo=UTC)
TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
STEADY = JobObservation(
    tenant_id=TENANT,
    fleet="contoso",
    key="eu",
    observed_at=MOMENT,
    state="steady",
    service_principal_id="sp-eu",
    job_id="scim.1",
    last_execution_at=MOMENT - timedelta(minutes=5),
    last_success_at=MOMENT - timedelta(minutes=5),
    counts={"User": 12},
)
QUARANTINED = replace(
    STEADY,
    observed_at=MOMENT + timedelta(minutes=10),
    state="quarantined",
    reason="TooManyDeletes",
    since=MOMENT + timedelta(minutes=7),
    error_code="TooManyDeletes",
    error_message="500 deletions",
)


def history(store, key="eu"):
    return observations(store, TENANT, "contoso", key)


def test_an_observation_comes_back_as_it_was_written(store):
    assert store.jobs.record_all([QUARANTINED])
    assert store.jobs.latest(TENANT, "contoso") == [QUARANTINED]


def test_an_unchanged_job_makes_no_row_and_keeps_its_time(store):
    assert store.jobs.record_all([STEADY])
    assert not store.jobs.record_all([replace(STEADY, observed_at=MOMENT + timedelta(hours=1))])
    assert history(store) == [STEADY]


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "paused"},
        {"reason": "TooManyDeletes"},
        {"since": MOMENT},
        {"last_execution_at": MOMENT},
        {"counts": {"User": 13}},
        {"job_id": None},
        {"error_code": "X"},
    ],
)
def test_each_change_makes_a_row(store, changed):
    store.jobs.record_all([STEADY])
    assert store.jobs.record_all([replace(STEADY, **changed)])
    assert history(store) == [replace(STEADY, **changed), STEADY]


def test_a_job_that_returns_to_what_it_was_makes_a_row_again(store):
    for observation in (STEADY, QUARANTINED, STEADY):
        assert store.jobs.record_all([observation])
    assert [seen.state for seen in history(store)] == ["steady", "quarantined", "steady"]


def test_the_latest_of_each_key_is_of_one_fleet_and_tenant(store):
    store.jobs.record_all([STEADY, replace(STEADY, key="asia"), replace(STEADY, key="us")])
    store.jobs.record_all([replace(STEADY, fleet="fabrikam"), replace(STEADY, tenant_id="other", state="paused")])
    store.jobs.record_all([QUARANTINED])
    found = [(seen.key, seen.state) for seen in store.jobs.latest(TENANT, "contoso")]
    assert found == [("asia", "steady"), ("eu", "quarantined"), ("us", "steady")]


def test_a_sweep_returns_what_changed(store):
    sweep = [replace(STEADY, key=f"k{number:04}") for number in range(1000)]
    assert store.jobs.record_all(sweep) == sweep
    later = [*sweep[:500], replace(sweep[500], state="paused"), *sweep[501:]]
    assert store.jobs.record_all(later) == [later[500]]
    assert store.jobs.record_all([]) == []


def test_two_sweeps_at_once_store_a_change_once(store):
    with ThreadPoolExecutor(8) as threads:
        recorded = list(threads.map(lambda _: store.jobs.record_all([STEADY]), range(16)))
    assert sorted(recorded) == [[]] * 15 + [[STEADY]]
    assert history(store) == [STEADY]


def test_a_sweep_waits_for_one_that_has_not_committed_yet(postgres_url):
    def waiting():
        statement = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        with store._database.read() as connection:
            return connection.exec_driver_sql(statement).scalar()

    with open_store(postgres_url) as store, ThreadPoolExecutor(1) as threads:
        with store._database.write(lock="job history") as connection:
            connection.execute(insert(JOB_HISTORY), asdict(STEADY))
            second = threads.submit(store.jobs.record_all, [STEADY])
            while not waiting():
                assert not second.done()
        assert second.result() == []
        assert history(store) == [STEADY]


def test_every_fleet_that_was_watched_is_known(store):
    assert store.jobs.fleets() == []
    for fleet, key in (("b", "eu"), ("a", "eu"), ("a", "us")):
        store.jobs.record_all([replace(STEADY, fleet=fleet, key=key), replace(QUARANTINED, fleet=fleet, key=key)])
    assert store.jobs.fleets() == [(TENANT, "a"), (TENANT, "b")]
    assert [(each.key, each.state) for each in store.jobs.latest(TENANT, "a")] == [
        ("eu", "quarantined"),
        ("us", "quarantined"),
    ]
    assert store.jobs.latest(TENANT, "none") == []
