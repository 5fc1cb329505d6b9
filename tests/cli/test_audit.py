"""Who changed what, as the journal in the store tells it."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from flows.store import Change, ChangeError, FieldChange, KnownInstance, Run, open_store
from tests.estates import TENANT
from tests.store.audits import audit
from tests.store.databases import lay_empty_store

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
FIELDS = (FieldChange(field="scope", before="all", after="assigned"), FieldChange(field="credentials.SecretToken"))
APPLIED = {
    "at": "2026-05-01T12:00:00+00:00",
    "fleet": "contoso",
    "tenant_id": TENANT,
    "key": "eu",
    "action": "update",
    "outcome": "updated",
    "fields": [
        {"field": "scope", "before": "all", "after": "assigned"},
        {"field": "credentials.SecretToken", "before": None, "after": None},
    ],
    "error_step": None,
    "error_code": None,
    "command": "apply",
    "actor_object_id": "oid",
    "actor_app_id": "appid",
    "plan_digest": "digest",
    "file_sha256": "ab12",
    "ticket": "CHG-7",
    "commit": "c0ffee",
    "run_id": "first",
    "flow_run_id": "flow",
}
ADDED = ("actor", "activity", "service_principal_id", "job_id", "source")


def run_of(**given):
    fixed = {name: APPLIED[name] for name in ("tenant_id", "fleet", "command", "plan_digest", "file_sha256", "commit")}
    actor = {name: APPLIED[name] for name in ("actor_object_id", "actor_app_id", "flow_run_id")}
    return Run(**{**fixed, **actor, "ticket": "CHG-7", "started_at": MAY, "id": "first", **given})


def change(**given):
    return Change(**{"key": "eu", "action": "update", "outcome": "updated", "recorded_at": MAY, **given})


@pytest.fixture
def store_url(tmp_path):
    """A store with two runs, the later one of another fleet and failed."""
    url = lay_empty_store(tmp_path / "store.db")
    failed = change(
        key="us", outcome="failed", recorded_at=MAY + timedelta(days=3), error=ChangeError(step="start", message="no")
    )
    with open_store(url) as store:
        store.journal.record(store.journal.begin(run_of(id="second", fleet="=fabrikam", ticket=None)), failed)
        store.journal.record(store.journal.begin(run_of()), change(fields=FIELDS))
    return url


def keys(result):
    return [json.loads(line)["key"] for line in result.out.splitlines()]


def test_a_line_for_each_change_the_oldest_first(entra_fleet_here, store_url):
    result = entra_fleet_here("audit", "--store", store_url)
    first, second = (json.loads(line) for line in result.out.splitlines())
    assert first == APPLIED
    assert (second["key"], second["outcome"], second["error_step"], second["error_code"]) == (
        "us",
        "failed",
        "start",
        None,
    )
    assert (result.err, result.code) == ("", 0)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--since", "2026-05-02"), ["us"]),
        (("--since", "2026-05-01T12:00Z"), ["eu", "us"]),
        (("--since", "1d"), []),
        (("--fleet", "contoso"), ["eu"]),
        (("--fleet", "contoso", "--since", "2026-05-02"), []),
    ],
)
def test_only_what_is_asked_for(entra_fleet_here, store_url, options, found):
    result = entra_fleet_here("audit", "--store", store_url, *options)
    assert (keys(result), result.err, result.code) == (found, "", 0)


def test_a_table_for_a_spreadsheet_holds_no_formula(entra_fleet_here, store_url):
    result = entra_fleet_here("audit", "--store", store_url, "--format", "csv")
    header, first, second = csv.reader(io.StringIO(result.out))
    assert header == list(APPLIED)
    assert json.loads(first[header.index("fields")]) == APPLIED["fields"]
    assert (first[header.index("ticket")], second[header.index("ticket")]) == ("CHG-7", "")
    assert second[header.index("fleet")] == "'=fabrikam"


def test_a_store_without_a_change_gives_nothing_and_a_table_its_header(entra_fleet_here, tmp_path):
    url = f"sqlite:///{tmp_path}/empty.db"
    open_store(url).close()
    result = entra_fleet_here("audit", "--store", url)
    assert (result.out, result.err, result.code) == ("", "", 0)
    assert entra_fleet_here("audit", "--store", url, "--format", "csv").out == ",".join(APPLIED) + "\n"


def test_no_store_is_said_and_none_is_made(entra_fleet_here, tmp_path):
    result = entra_fleet_here("audit", "--store", f"sqlite:///{tmp_path}/data/none.db")
    text = f"sqlite:///{tmp_path}/data/none.db: there is no store yet.\nName another one with --store.\n"
    assert (result.out, result.err, result.code) == ("", text, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_moment_that_is_none_is_wrong_usage(entra_fleet_here):
    result = entra_fleet_here("audit", "--since", "yesterday")
    assert ("is not a time" in result.err, result.code) == (True, 2)


def test_neither_prefect_nor_graph_is_needed(entra_fleet, store_url):
    blocked = {"AZURE_CLIENT_ID": "", "PREFECT_API_URL": "http://127.0.0.1:9"}
    result = entra_fleet("audit", "--store", store_url, **blocked)
    assert (keys(result), result.err, result.code) == (["eu", "us"], "", 0)


def test_people_read_who_changed_what_in_a_table(entra_fleet_here, store_url):
    header, first, second = entra_fleet_here("audit", "--output", "text", "--store", store_url).out.splitlines()
    assert header.split() == ["time", "key", "action", "outcome", "what", "ticket", "by"]
    assert "scope: all → assigned; credentials.SecretToken  CHG-7" in first
    assert "failed   start" in second


def test_changes_by_others_stand_between_ours(entra_fleet_here, store_url):
    with open_store(store_url) as store:
        store.instances.keep(TENANT, [KnownInstance("sp-1", "contoso", "eu")])
        run_id = store.journal.begin(run_of(id="third", actor_object_id="US", started_at=MAY + timedelta(days=1)))
        written_at = MAY + timedelta(days=1, minutes=1)
        store.journal.record(run_id, change(recorded_at=written_at, service_principal_id="SP-1"))
        us = {"user": None, "app": {"servicePrincipalId": "us", "displayName": "entra-fleet"}}
        ours = audit("Sync_2", MAY + timedelta(days=1, seconds=30), initiatedBy=us)
        other = audit("Sync_3", MAY + timedelta(days=2), targetResources=[{"id": "SP-2"}], result="success")
        store.audits.save(TENANT, [audit("Sync_1", MAY + timedelta(hours=1)), ours, other])
    result = entra_fleet_here("audit", "--all", "--store", store_url)
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [(each["source"], each["fleet"], each["key"], each["actor"]) for each in lines] == [
        ("entra-fleet", "contoso", "eu", "appid"),
        ("directory", "contoso", "eu", "adele@contoso.example"),
        ("entra-fleet", "contoso", "eu", "appid"),
        ("directory", None, None, "adele@contoso.example"),
        ("entra-fleet", "=fabrikam", "us", "appid"),
    ]
    assert {name: lines[1][name] for name in ("at", "activity", "service_principal_id", "job_id", "run_id")} == {
        "at": "2026-05-01T13:00:00+00:00",
        "activity": "Update provisioning setting or credentials",
        "service_principal_id": "sp-1",
        "job_id": None,
        "run_id": None,
    }
    assert {tuple(each) for each in lines} == {(*APPLIED, *ADDED)}
    assert lines[0].items() >= APPLIED.items()
    own = entra_fleet_here("audit", "--all", "--fleet", "contoso", "--store", store_url)
    assert [json.loads(line)["source"] for line in own.out.splitlines()] == ["entra-fleet", "directory", "entra-fleet"]
    table = entra_fleet_here("audit", "--all", "--format", "csv", "--store", store_url).out
    assert next(csv.reader(io.StringIO(table))) == [*APPLIED, *ADDED]
