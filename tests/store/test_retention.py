"""What is old goes, what is needed stays, a bounded part at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from flows.store import Change, FieldChange, Gap, JobObservation, Kind, Run
from flows.store.tables import PROVISIONING_EVENT
from tests.store.audits import audit
from tests.store.events import MOMENT, TENANT, event

OTHER = "11111111-1111-1111-1111-111111111111"
OLD, NEW = MOMENT - timedelta(days=10), MOMENT + timedelta(days=10)
PAUSED = (FieldChange(field="job_state", before="steady", after="paused"),)


def happened(id_, at, **given):
    return event(id_, activityDateTime=at.isoformat() if at else None, **given)


def seen(key, at, state="steady", fleet="contoso"):
    return JobObservation(tenant_id=TENANT, fleet=fleet, key=key, observed_at=at, state=state)


def change(key, at, **given):
    return Change(**{"key": key, "action": "update", "outcome": "updated", "recorded_at": at, **given})


def journal(store, at, *changes):
    run_id = store.journal.begin(Run(tenant_id=TENANT, fleet="contoso", command="apply", started_at=at))
    for each in changes:
        store.journal.record(run_id, each)
    return run_id


def prune(store, kind, before=MOMENT):
    """How many were said to be old, and how many were deleted."""
    retention = store.older_than(before)
    return retention.count(kind), max(retention.prune(kind), default=0)


def event_ids(store):
    with store._database.read() as connection:
        return set(connection.scalars(select(PROVISIONING_EVENT.c.id)))


def test_events_of_every_tenant_go_by_when_they_happened(store):
    store.harvests.save(TENANT, [happened("old", OLD), happened("new", NEW), happened("edge", MOMENT)])
    store.harvests.save(OTHER, [happened("theirs", OLD)], scope="tenant")
    assert prune(store, Kind.EVENTS) == (2, 2)
    assert event_ids(store) == {"new", "edge"}


def test_an_event_without_a_moment_goes_by_when_it_was_harvested(store):
    store.harvests.save(TENANT, [happened("undated", None)])
    assert prune(store, Kind.EVENTS) == (0, 0)
    assert prune(store, Kind.EVENTS, datetime.now(UTC) + timedelta(days=1)) == (1, 1)


def test_watermarks_and_gaps_stay(store):
    store.harvests.save(TENANT, [happened("old", OLD)], watermark=OLD)
    gap = Gap("retention", OLD, OLD + timedelta(hours=1))
    store.harvests.record_gap(TENANT, gap)
    for kind in Kind:
        prune(store, kind, NEW)
    assert (store.harvests.watermark(TENANT), store.harvests.gaps(TENANT)) == (OLD, [gap])


def test_how_each_job_is_now_stays_however_long_it_has_been_so(store):
    for state in ("created", "initial-cycle", "steady"):
        store.jobs.record_all([seen("eu", OLD, state)])
    store.jobs.record_all([seen("us", OLD, "created")])
    store.jobs.record_all([seen("us", NEW, "steady")])
    store.jobs.record_all([seen("eu", OLD, "quarantined", fleet="other")])
    assert prune(store, Kind.JOBS) == (3, 3)
    assert [(each.key, each.state) for each in store.jobs.latest(TENANT, "contoso")] == [
        ("eu", "steady"),
        ("us", "steady"),
    ]
    assert not store.jobs.record_all([seen("eu", NEW, "steady")]), "a sweep after a prune finds no news"
    assert not store.jobs.record_all([seen("eu", NEW, "quarantined", fleet="other")])


def test_quarantines_that_are_over_go_and_that_a_job_has_had_its_initial_cycle_stays(store):
    states = ("initial-cycle", "steady", "quarantined", "steady", "quarantined")
    for hour, state in enumerate(states):
        store.jobs.record_all([replace(seen("eu", OLD + timedelta(hours=hour), state), job_id="box.1")])
    assert prune(store, Kind.JOBS) == (5, 5)
    left = [(each.kind, each.ended_at is None) for each in store.job_episodes.of_fleet(TENANT, "contoso")]
    assert left == [("initial-cycle", False), ("quarantine", True)]


def test_changes_go_and_runs_with_their_last_change(store):
    journal(store, OLD, change("a", OLD), change("b", OLD))
    half = journal(store, OLD, change("a", OLD), change("b", NEW))
    journal(store, OLD)
    new = journal(store, NEW, change("a", NEW))
    assert prune(store, Kind.JOURNAL) == (3, 3)
    assert {run.id for run in store.journal.runs()} == {half, new}
    assert [each.key for each in store.journal.changes(half)] == ["b"]


def test_our_last_word_on_a_job_stays_so_that_a_pause_of_ours_is_known_for_one(store):
    ours = {"service_principal_id": "sp", "job_id": "box.1", "fields": PAUSED}
    journal(store, OLD, change("a", OLD - timedelta(days=2), **ours))
    last = journal(store, OLD, change("a", OLD, **ours))
    journal(store, OLD, change("a", OLD, service_principal_id="sp", job_id="box.1"))
    journal(store, OLD, change("b", OLD, fields=PAUSED))
    assert prune(store, Kind.JOURNAL) == (3, 3)
    assert [run.id for run in store.journal.runs()] == [last]


def test_a_failed_change_does_not_take_the_place_of_our_last_word(store):
    ours = {"service_principal_id": "sp", "job_id": "box.1", "fields": PAUSED}
    last = journal(store, OLD, change("a", OLD - timedelta(days=1), **ours))
    journal(store, OLD, change("a", OLD, outcome="failed", **ours))
    prune(store, Kind.JOURNAL)
    assert last in {run.id for run in store.journal.runs()}


@pytest.mark.parametrize("kind", Kind)
def test_it_goes_in_bounded_parts_and_may_be_stopped_between_them(store, kind, monkeypatch):
    monkeypatch.setattr("flows.store.retention._ROWS_AT_ONCE", 3)
    store.harvests.save(TENANT, [happened(str(number), OLD) for number in range(8)])
    store.jobs.record_all(seen("eu", OLD, state) for state in "abcdefghi")
    for state in "abcdefghi":
        store.jobs.record_all([seen("eu", OLD, state)])
    journal(store, OLD, *(change(str(number), OLD) for number in range(8)))
    store.audits.save(TENANT, [audit(str(number), OLD) for number in range(8)])
    retention = store.older_than(MOMENT)
    expected = retention.count(kind)
    parts = retention.prune(kind)
    assert next(parts) == 3
    parts.close()
    assert retention.count(kind) == expected - 3
    assert list(retention.prune(kind))[:2] == [3, min(6, expected - 3)]
    assert retention.count(kind) == 0


def test_who_has_no_event_left_is_forgotten_too(store):
    people = [{"id": f"u{number}", "displayName": f"Person {number}"} for number in range(3)]
    store.harvests.save(
        TENANT,
        [
            *(happened(f"old-{each['id']}", OLD, sourceIdentity=each) for each in people),
            happened("new", NEW, sourceIdentity=people[1]),
        ],
    )
    assert prune(store, Kind.EVENTS) == (3, 3)
    assert [each.id for each in store.identities.find("person")] == ["u1"]


def test_what_is_known_of_a_job_that_was_removed_goes_with_its_last_row(store):
    ran = {"last_execution_at": OLD, "last_success_at": OLD}
    for key, states in {"gone": ("initial-cycle", "steady", "removed"), "there": ("initial-cycle", "steady")}.items():
        for hour, state in enumerate(states):
            at = OLD + timedelta(hours=hour)
            known = {"service_principal_id": key, "job_id": f"{key}.1"}
            store.jobs.record_all([replace(seen(key, at, state, fleet=""), **known, **ran)])
    assert {each.job_id for each in store.job_episodes.of_fleet(TENANT, "")} == {"gone.1", "there.1"}
    prune(store, Kind.JOBS)
    assert {each.key for each in store.jobs.latest(TENANT, "")} == {"there"}
    assert {each.job_id for each in store.job_episodes.of_fleet(TENANT, "")} == {"there.1"}
