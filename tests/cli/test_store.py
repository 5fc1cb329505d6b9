"""Care of the store from the command line."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from flows.store import SCHEMA_VERSION, Change, EventFilter, JobObservation, Run, open_store
from tests.cli.conftest import finished, started
from tests.store.databases import observations
from tests.store.events import TENANT, event

NOW = datetime.now(UTC)


def fill(url):
    """One old and one new event, observation and change."""
    with open_store(url) as store:
        for days in (500, 1):
            moment = NOW - timedelta(days=days)
            store.harvests.save(TENANT, [event(f"event-{days}", activityDateTime=moment.isoformat())])
            seen = {"tenant_id": TENANT, "fleet": "contoso", "key": "eu", "observed_at": moment}
            store.jobs.record_all([JobObservation(**seen, state=f"state-{days}")])
            run_id = store.journal.begin(Run(tenant_id=TENANT, fleet="contoso", command="apply", started_at=moment))
            store.journal.record(run_id, Change(key="eu", action="update", outcome="updated", recorded_at=moment))


def kept(url):
    with open_store(url) as store:
        events = sum(count.count for count in store.events.counts(EventFilter(TENANT)))
        seen = len(observations(store, TENANT, "contoso", "eu"))
        return events, seen, len(list(store.journal.records())), len(store.journal.runs())


def test_an_empty_database_becomes_a_store_and_then_there_is_nothing_to_do(entra_fleet_here, database_url):
    result = entra_fleet_here("store", "upgrade", "--store", database_url)
    assert result.out.endswith(f"/{database_url.rsplit('/', 1)[1]}: created at version {SCHEMA_VERSION}.\n")
    assert (result.err, result.code) == ("", 0)
    result = entra_fleet_here("store", "upgrade", "--store", database_url)
    assert result.out.endswith(f": already at version {SCHEMA_VERSION}.\n")
    document = json.loads(entra_fleet_here("store", "upgrade", "--store", database_url, "--output", "json").out)
    assert (document["from"], document["to"]) == (SCHEMA_VERSION, SCHEMA_VERSION)


def test_what_is_older_than_400_days_goes(entra_fleet_here, store_url):
    fill(store_url)
    result = entra_fleet_here("store", "prune", "--yes", "--store", store_url)
    words = "1 provisioning events, 1 observations of jobs, 1 journaled changes"
    assert re.fullmatch(rf"Older than \d{{4}}-\d\d-\d\d \d\d:\d\dZ: {words}\.\n", result.err)
    assert (result.out, result.code) == (f"Deleted {words}.\n", 0)
    assert kept(store_url) == (1, 1, 1, 1)
    assert entra_fleet_here("store", "prune", "--store", store_url).out == "Deleted nothing.\n"


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (("--events",), (1, 2, 2, 2)),
        (("--jobs",), (2, 1, 2, 2)),
        (("--journal",), (2, 2, 1, 1)),
        (("--events", "--journal"), (1, 2, 1, 1)),
        (("--keep-days", "600"), (2, 2, 2, 2)),
        (("--dry-run",), (2, 2, 2, 2)),
    ],
)
def test_only_what_is_named_goes(entra_fleet_here, sqlite_url, options, left):
    fill(sqlite_url)
    assert entra_fleet_here("store", "prune", "--yes", *options, "--store", sqlite_url).code == 0
    assert kept(sqlite_url) == left


def test_machines_are_told_what_was_old_and_what_was_deleted(entra_fleet_here, sqlite_url):
    fill(sqlite_url)
    options = ("--store", sqlite_url, "--output", "json")
    document = json.loads(entra_fleet_here("store", "prune", "--dry-run", *options).out)
    one, none = ({"events": n, "jobs": n, "journal": n, "audits": 0} for n in (1, 0))
    assert (document["old"], document["deleted"]) == (one, none)
    document = json.loads(entra_fleet_here("store", "prune", "--yes", *options).out)
    assert (document["old"], document["deleted"]) == (one, one)
    assert datetime.fromisoformat(document["before"]) < NOW - timedelta(days=399)


def test_nothing_is_deleted_where_there_is_nobody_to_ask(entra_fleet, sqlite_url):
    fill(sqlite_url)
    result = entra_fleet("store", "prune", "--store", sqlite_url)
    text = "prune asks before it deletes anything, but there is no terminal to ask on.\nAdd --yes.\n"
    assert (result.out, result.err.partition("\n")[2], result.code) == ("", text, 2)
    assert kept(sqlite_url) == (2, 2, 2, 2)


def test_a_store_is_made_once_by_whoever_comes_first(sqlite_url):
    command = ("store", "upgrade", "--store", sqlite_url, "--output", "json")
    ends = [finished(each) for each in [started(*command) for _ in range(3)]]
    assert [end.code for end in ends] == [0, 0, 0]
    before = [json.loads(end.out)["from"] for end in ends]
    assert sorted(before, key=str) == [SCHEMA_VERSION, SCHEMA_VERSION, None]
