"""The command `failures`: who is failing now, by cause."""

import csv
import io
import json
from datetime import timedelta

import pytest

from flows.store import KnownInstance, open_store
from tests.estates import fleet, instance
from tests.store.databases import lay_empty_store
from tests.store.events import AWS, BOX, MOMENT, TENANT, failed, succeeded

LATER = (MOMENT + timedelta(days=8)).isoformat()


def about(user, application=BOX, **fields):
    principal = {"id": application, "displayName": "App"}
    return {"sourceIdentity": {"id": user, "displayName": user.title()}, "servicePrincipal": principal, **fields}


@pytest.fixture
def url(tmp_path):
    """Three who fail for one cause in two applications, one for another, and one who has recovered."""
    url = lay_empty_store(tmp_path / "store.db")
    with open_store(url) as store:
        store.instances.keep(TENANT, [KnownInstance(BOX, "contoso", "box"), KnownInstance(AWS, "other", "aws")])
        events = [
            failed("e1", "DuplicateTargetEntries", **about("ann")),
            failed("e2", "DuplicateTargetEntries", **about("bob")),
            failed("e3", "DuplicateTargetEntries", **about("eve", AWS, activityDateTime=LATER)),
            failed("e4", "SomethingNew", **about("tom")),
            failed("e5", "SomethingNew", **about("joe")),
            succeeded("e6", **about("joe", activityDateTime=LATER)),
        ]
        store.harvests.save(TENANT, events, watermark=MOMENT + timedelta(days=9))
    return url


@pytest.fixture
def run(entra_fleet, url):
    def run(*arguments):
        result = entra_fleet("failures", *arguments, "--store", url)
        assert (result.code, result.err) == (0, "")
        return result.out

    return run


def test_they_are_grouped_by_cause_the_commonest_first(run):
    found = json.loads(run("--output", "json"))
    assert found["failing"] == 4
    first, second = found["causes"]
    assert (first["code"], first["count"], first["instances"]) == ("DuplicateTargetEntries", 3, ["box", "aws"])
    assert (first["example"]["id"], first["failing_since"][:10]) == ("eve", "2026-05-01")
    assert (second["code"], second["count"], second["cause"]) == ("SomethingNew", 1, None)


def test_people_read_cause_remedy_and_how_fresh_it_is(run):
    lines = run().splitlines()
    assert lines[0].startswith("3x DuplicateTargetEntries (")
    assert "in box, aws; since 2026-05-01 12:00:00Z; last Eve" in lines[1]
    assert lines[-2:] == [
        "4 users or groups failing in 2 applications.",
        "As of the harvest up to 2026-05-10 12:00:00Z.",
    ]


def test_a_fleet_and_a_time_narrow_it_down(run, write_fleet):
    def of(*arguments):
        return {each["code"]: each["count"] for each in json.loads(run(*arguments, "--output", "json"))["causes"]}

    path = write_fleet(fleet(instance("box")))
    assert of(path) == {"DuplicateTargetEntries": 2, "SomethingNew": 1}
    assert of("--since", "2026-05-08") == {"DuplicateTargetEntries": 1}
    assert of(path, "--since", "2026-05-08") == {}


def test_programs_get_a_record_for_each(run):
    rows = list(csv.DictReader(io.StringIO(run("--output", "csv"))))
    assert [json.loads(line)["source_id"] for line in run("--output", "jsonl").splitlines()] == [
        row["source_id"] for row in rows
    ]
    assert {row["source_id"] for row in rows} == {"ann", "bob", "eve", "tom"}


def test_without_a_harvest_it_says_what_fills_the_store(entra_fleet, tmp_path):
    url = f"sqlite:///{tmp_path}/empty.db"
    open_store(url).close()
    result = entra_fleet("failures", "--store", url)
    assert (result.code, "entra-fleet harvest" in result.err) == (1, True)
