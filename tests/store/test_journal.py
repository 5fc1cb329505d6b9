from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError

from flows.store import Change, ChangeError, FieldChange, Recorded, Run, StoreError

MOMENT = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)
TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"


def run(**given) -> Run:
    return Run(**{"tenant_id": TENANT, "fleet": "contoso", "command": "apply", "started_at": MOMENT, **given})


def change(**given) -> Change:
    return Change(**{"key": "eu", "action": "create", "outcome": "created", "recorded_at": MOMENT, **given})


def test_a_run_comes_back_as_it_was_written(store):
    begun = run(
        plan_digest="sha256:1",
        file_sha256="ab",
        ticket="CHG-7",
        commit="c0ffee",
        flow_run_id="flow",
        actor_object_id="oid",
        actor_app_id="appid",
    )
    assert store.journal.begin(begun) == begun.id
    assert store.journal.runs() == [begun]


def test_a_finished_run_has_outcome_and_counts(store):
    run_id = store.journal.begin(run())
    store.journal.finish(run_id, "partial", {"created": 2, "failed": 1}, MOMENT + timedelta(minutes=3))
    [found] = store.journal.runs()
    assert (found.outcome, found.counts) == ("partial", {"created": 2, "failed": 1})
    assert found.finished_at == MOMENT + timedelta(minutes=3)


def test_a_run_that_begins_again_after_a_retry_is_one_run(store):
    begun = run(ticket="first")
    store.journal.begin(begun)
    store.journal.begin(run(id=begun.id, ticket="second"))
    assert [found.ticket for found in store.journal.runs()] == ["first"]


def test_a_run_that_never_began_cannot_finish(store):
    with pytest.raises(StoreError, match="nowhere"):
        store.journal.finish("nowhere", "completed", {}, MOMENT)


def test_runs_are_listed_newest_first_by_fleet_and_time(store):
    for hour, fleet in enumerate(["contoso", "fabrikam", "contoso", "contoso"]):
        store.journal.begin(run(id=str(hour), fleet=fleet, started_at=MOMENT + timedelta(hours=hour)))
    assert [found.id for found in store.journal.runs()] == ["3", "2", "1", "0"]
    assert [found.id for found in store.journal.runs("contoso", limit=2)] == ["3", "2"]
    assert [found.id for found in store.journal.runs("contoso", since=MOMENT + timedelta(hours=2))] == [
        "3",
        "2",
    ]
    assert store.journal.runs("nobody") == []


def test_a_change_comes_back_as_it_was_written(store):
    failed = change(
        outcome="failed",
        fields=(
            FieldChange(field="scope", before="all", after="assigned"),
            FieldChange(field="owners", after=["a"]),
        ),
        application_id="app",
        service_principal_id="sp",
        job_id="job",
        error=ChangeError(step="save_secrets", code="Unauthorized", message="no", hint="grant", request_id="r"),
    )
    run_id = store.journal.begin(run())
    store.journal.record(run_id, failed)
    store.journal.record(run_id, change(key="asia"))
    assert store.journal.changes(run_id) == [change(key="asia"), failed]


def test_how_far_a_run_has_come_is_told_in_brief(store):
    run_id, other = store.journal.begin(run()), store.journal.begin(run())
    store.journal.record(run_id, change())
    store.journal.record(other, change(key="theirs"))
    failure = ChangeError(step="start", code="Forbidden", message="no")
    store.journal.record(run_id, change(key="asia", outcome="failed", error=failure))
    assert store.journal.recorded(run_id) == {"eu": Recorded(MOMENT, None), "asia": Recorded(MOMENT, "Forbidden")}
    assert (store.journal.has(run_id), store.journal.has("nowhere")) == (True, False)


def test_a_retried_instance_has_its_last_outcome(store):
    run_id = store.journal.begin(run())
    store.journal.record(run_id, change(outcome="failed", error=ChangeError(step="start", message="503")))
    store.journal.record(run_id, change(outcome="created"))
    assert store.journal.changes(run_id) == [change(outcome="created")]


def test_of_a_credential_only_the_name_is_stored(store, store_url, tmp_path):
    run_id = store.journal.begin(run())
    marker = "s3cr3t-m4rk3r"
    fields = (FieldChange(field="credentials.SecretToken", before=marker, after=marker),)
    store.journal.record(run_id, change(fields=fields))
    assert store.journal.changes(run_id)[0].fields == (FieldChange(field="credentials.SecretToken"),)
    store.close()
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or marker.encode() not in path.read_bytes()


def test_a_change_needs_a_run(store):
    with pytest.raises(StoreError, match=r"(?i)foreign key"):
        store.journal.record("nowhere", change())


def test_moments_of_any_zone_are_the_same_moment(store):
    berlin = MOMENT.astimezone(timezone(timedelta(hours=2)))
    store.journal.begin(run(started_at=berlin))
    [found] = store.journal.runs(since=berlin)
    assert found.started_at == MOMENT
    assert found.started_at.tzinfo is UTC


def test_a_moment_without_a_zone_is_refused(store):
    with pytest.raises(StatementError, match="a moment needs a time zone"):
        store.journal.begin(run(started_at=MOMENT.replace(tzinfo=None)))
    assert store.journal.runs() == []
