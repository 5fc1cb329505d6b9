from datetime import UTC, datetime, timedelta

from flows.store import JobPlace, Kind, Run, open_store

JOB = JobPlace("tenant", "AAAA-1", "job.1")
OTHER = JobPlace("tenant", "aaaa-1", "job.2")
FIRST, SECOND = {"id": "x", "rules": [1, 1.0, None, "é\ud800\0"]}, {"id": "y"}


def keep(store, schema, place=JOB, **fields):
    store.schemas.keep(place, schema, **{"fleet": "contoso", "key": "one", "reason": "apply", "run_id": "r1"} | fields)


def versions(store, place=JOB):
    return [each.id for each in store.schemas.history(place)]


def test_a_schema_comes_back_as_it_was(store_url):
    with open_store(store_url) as store:
        keep(store, FIRST)
        keep(store, SECOND, reason="restore")
        keep(store, SECOND, OTHER)
    with open_store(store_url) as store:
        newest, oldest = store.schemas.history(JobPlace("tenant", "aaaa-1", "job.1"))
        assert (newest.reason, oldest.reason, newest.key) == ("restore", "apply", "one")
        assert store.schemas.content(JOB, oldest.id) == FIRST
        assert store.schemas.content(JOB, newest.id) == SECOND
        assert store.schemas.content(OTHER, oldest.id) is None
        assert len(versions(store, OTHER)) == 1


def test_the_same_schema_in_a_row_is_one_version(store):
    for schema in (FIRST, FIRST, SECOND, FIRST):
        keep(store, schema)
    assert len(versions(store)) == 3


def test_a_version_says_who_replaced_it(store):
    run = Run(
        id="r1",
        tenant_id="tenant",
        fleet="contoso",
        command="apply",
        started_at=datetime.now(UTC),
        ticket="CHG1",
        actor_app_id="app",
    )
    store.journal.begin(run)
    keep(store, FIRST)
    (version,) = store.schemas.history(JOB)
    assert (version.ticket, version.actor_app_id, version.run_id) == ("CHG1", "app", "r1")


def test_what_was_applied_last_is_known_by_job(store):
    store.schemas.note_applied([(JOB, FIRST), (OTHER, SECOND)])
    store.schemas.note_applied([(JOB, SECOND)])
    store.schemas.note_applied([])
    assert store.schemas.applied("tenant") == {("aaaa-1", "job.1"): SECOND, ("aaaa-1", "job.2"): SECOND}
    assert store.schemas.applied("other") == {}
    assert (store.schemas.applied_to(JOB), store.schemas.applied_to(JobPlace("tenant", "b", "c"))) == (SECOND, None)
    store.schemas.forget_applied("other", "AAAA-1")
    assert len(store.schemas.applied("tenant")) == 2
    store.schemas.forget_applied("tenant", "AAAA-1")
    assert store.schemas.applied("tenant") == {}


def test_the_newest_version_of_a_job_is_never_pruned(store):
    for schema in (FIRST, SECOND, FIRST):
        keep(store, schema)
    keep(store, FIRST, OTHER)
    store.schemas.note_applied([(JOB, FIRST)])
    old = store.older_than(datetime.now(UTC) + timedelta(days=1))
    assert old.count(Kind.JOURNAL) == 2
    kept = versions(store)[0]
    assert list(old.prune(Kind.JOURNAL))
    assert (versions(store), len(versions(store, OTHER))) == ([kept], 1)
    assert store.schemas.applied("tenant")
