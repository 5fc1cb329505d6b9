"""The command `events`."""

import csv
import io
import json
import sqlite3
import subprocess
import sys
from datetime import timedelta

import pytest

from flows.store import KnownInstance, open_store
from tests.store.databases import lay_empty_store
from tests.store.events import BOX, MOMENT, TENANT, event, failed, succeeded

EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def filled(tmp_path):
    url = lay_empty_store(tmp_path / "store.db")
    with open_store(url) as store:
        store.instances.keep(TENANT, [KnownInstance(BOX, "contoso", "prod-eu")])
        later = (MOMENT + timedelta(days=1)).isoformat()
        store.harvests.save(TENANT, [failed("e1", "Conflict"), succeeded("e2", activityDateTime=later)])
    return url


def lines(result):
    assert (result.err, result.code) == ("", 0)
    return [json.loads(line) for line in result.out.splitlines()]


def test_json_lines_are_the_events_as_graph_sent_them_and_our_key(entra_fleet, filled):
    first, second = lines(entra_fleet("events", "--store", filled))
    assert first == {"fleet": "contoso", "key": "prod-eu", **failed("e1", "Conflict").raw}
    assert second["id"] == "e2"


def test_filters_narrow_it_down(entra_fleet, filled):
    narrowed = ("--app", "prod-eu", "--fleet", "contoso", "--status", "FAILURE", "--action", "create", "--user", "u1")
    found = lines(entra_fleet("events", *narrowed, "--since", "2026-05-01", "--until", "2026-05-02", "--store", filled))
    assert [each["id"] for each in found] == ["e1"]
    assert lines(entra_fleet("events", "--since", "2026-06-01", "--store", filled)) == []


def test_csv_has_a_header_and_no_formula(entra_fleet, url):
    with open_store(url) as store:
        names = [event(f"e{n}", sourceIdentity={"id": "u", "displayName": text}) for n, text in enumerate(EVIL)]
        store.harvests.save(TENANT, names)
    result = entra_fleet("events", "--format", "csv", "--store", url)
    assert (result.err, result.code) == ("", 0)
    rows = list(csv.DictReader(io.StringIO(result.out, newline="")))
    assert list(rows[0])[:5] == ["activity_at", "fleet", "key", "id", "tenant_id"]
    # A carriage return would write over the line on a terminal.
    names = sorted("'" + text.replace("\r", "\\x0d") for text in EVIL)
    assert sorted(row["source_name"] for row in rows) == names
    assert {row["key"] for row in rows} == {""}


def test_an_empty_store_gives_no_lines_and_only_the_header_of_csv(entra_fleet, url):
    open_store(url).close()
    assert lines(entra_fleet("events", "--store", url)) == []
    result = entra_fleet("events", "--format", "csv", "--store", url)
    assert (result.out.count("\n"), result.out.startswith("activity_at,fleet,key,id"), result.code) == (1, True, 0)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--app", "nosuch"), 1, "The store has no instance nosuch.\nHarvest records"),
        (("--app", "prod-eu", "--app", "x"), 1, "The store has no instance x.\n"),
        (("--app", "prod-eu", "--fleet", "x"), 1, "The store has no instance prod-eu of fleet x.\n"),
        (("--fleet", "nosuch"), 1, "no fleet nosuch"),
        (("--since", "2026-05-02", "--until", "2026-05-01"), 2, "--since must be before --until"),
        (("--status", "bogus"), 2, "'bogus' is not one of 'success', 'failure', 'skipped', 'warning'"),
        (("--action", "bogus"), 2, "'bogus' is not one of"),
        (("--format", "xml"), 2, "'xml' is not one of 'jsonl', 'csv'"),
        (("--since", "yesterday"), 2, "'yesterday' is not a time"),
        (("--nosuch", "x"), 2, "No such option: --nosuch"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(entra_fleet, filled, arguments, code, text):
    result = entra_fleet("events", *arguments, "--store", filled, COLUMNS="200", TERMINAL_WIDTH="200")
    assert (result.out, result.code) == ("", code)
    assert text in result.err
    assert "Traceback" not in result.err


def test_a_store_that_is_not_there_is_not_made(entra_fleet, url, tmp_path):
    result = entra_fleet("events", "--store", url)
    assert (result.out, result.code) == ("", 1)
    assert (result.err.startswith(f"{url}: "), "--store" in result.err) == (True, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", ["0001", "9999"])
def test_a_store_of_another_version_is_refused(entra_fleet, filled, version):
    with sqlite3.connect(filled.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE entra_fleet_version SET version_num = ?", [version])
    connection.close()
    result = entra_fleet("events", "--store", filled)
    assert (result.out, result.code) == ("", 1)
    assert f"the store has version {version}" in result.err


def test_a_store_that_somebody_writes_to_can_be_exported(entra_fleet, filled):
    writer = sqlite3.connect(filled.removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert len(lines(entra_fleet("events", "--store", filled))) == 2
    writer.close()


def test_a_reader_that_has_seen_enough_is_no_error(filled):
    with open_store(filled) as store:
        store.harvests.save(TENANT, [event(f"m{number}") for number in range(3000)])
    command = f"{sys.executable} -m flows.cli events --store {filled} | head -n 1"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.stdout.count("\n"), ended.stderr) == (1, "")


def test_one_json_document_is_an_array(entra_fleet, filled):
    result = entra_fleet("events", "--output", "json", "--store", filled)
    assert [each["id"] for each in json.loads(result.out)] == ["e1", "e2"]
    empty = entra_fleet("events", "--output", "json", "--since", "2026-06-01", "--store", filled)
    assert json.loads(empty.out) == []


def test_people_read_a_table(entra_fleet, filled):
    header, first, second = entra_fleet("events", "--output", "text", "--store", filled).out.splitlines()
    assert header.split() == ["time", "key", "action", "status", "user", "or", "group", "why"]
    assert first.split() == ["2026-05-01", "12:00:00Z", "prod-eu", "create", "failure", "Adèle", "Conflict:", "because"]
    assert second.split()[4:] == ["success", "Adèle", "-"]


def test_a_terminal_gets_the_table_and_a_pipe_json_lines(entra_fleet, filled):
    assert entra_fleet("events", "--store", filled, TTY_COMPATIBLE="1", TERM="dumb").out.startswith("time ")
    assert entra_fleet("events", "--store", filled).out.startswith("{")


@pytest.mark.parametrize("command", ["events", "audit"])
def test_the_older_option_still_counts_and_may_not_contradict(entra_fleet, filled, command):
    old = entra_fleet(command, "--format", "csv", "--store", filled)
    assert old.out == entra_fleet(command, "--output", "csv", "--store", filled).out
    both = entra_fleet(command, "--format", "csv", "--output", "json", "--store", filled)
    assert (both.code, both.out) == (2, "")
