"""The inventory command as a person uses it."""

import csv
import io
import json

import pytest

from tests.estates import TENANT, estate

READING = ("Application.Read.All", "Synchronization.Read.All")


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant", estate=200, roles=READING, cycle_seconds=2400.0) as served:
        yield served


def truth(tenant):
    return {(principal, job["id"]) for principal, jobs in tenant.jobs().items() for job in jobs}


def test_as_one_document_it_has_every_job_of_the_tenant(entra_fleet, tenant):
    result = entra_fleet("inventory", "--output", "json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert {(job["service_principal_id"], job["job_id"]) for job in document["jobs"]} == truth(tenant)
    assert (document["tenant_id"], document["service_principals"]) == (TENANT, 200)
    assert (document["complete"], document["unreadable"]) == (True, [])
    assert document["requests"] == tenant.on_wire()
    quarantined = next(job for job in document["jobs"] if job["synchronization_template_id"] == "snowFlake")
    assert quarantined["state"] == "quarantined"
    assert quarantined["quarantine"]["since"] == quarantined["since"]
    assert [each["rule"] for each in quarantined["findings"]] == ["quarantine-21d"]
    assert {job["fleet"] for job in document["jobs"]} == {None}
    ends = [each["expires"] for each in document["certificates"]]
    assert len(ends) > 7
    assert sorted(filter(None, ends)) == ends[: len(ends) - ends.count(None)]
    assert tenant.requests(writes=True) == []


def test_the_formats_tell_of_the_same_jobs(entra_fleet, tenant, tmp_path):
    lines = entra_fleet("inventory", "--format", "jsonl").out.splitlines()
    ids = {json.loads(line)["job_id"] for line in lines}
    assert ids == {job for _, job in truth(tenant)}
    out = tmp_path / "jobs.csv"
    result = entra_fleet("inventory", "--format", "csv", "--out", out)
    assert (result.code, result.out) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert {row["job_id"] for row in rows} == ids
    assert next(row for row in rows if row["state"] == "quarantined")["findings"] == "quarantine-21d"
    table = entra_fleet("inventory").out
    assert table.count("quarantine-21d") == sum(row["findings"] == "quarantine-21d" for row in rows)


def test_names_from_outside_are_neither_markup_nor_formulas(entra_fleet, tenant):
    principal = next(iter(tenant.jobs()))
    tenant.emulator.controls.edit(principal, {"displayName": "=HYPERLINK() [red]x[/red] \x1b[2J"})
    assert "'=HYPERLINK() [red]x[/red]" in entra_fleet("inventory", "--format", "csv").out
    shown = entra_fleet("inventory", COLUMNS="300").out
    assert "=HYPERLINK() [red]x[/red]" in shown
    assert "\x1b[2J" not in shown


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("quarantine-21d", 1),
        # Of applications without a job.
        ("certificate-14d", 1),
        ("certificate-60d", 0),
        ("any", 1),
        ("double-target", 0),
        ("unreadable", 0),
    ],
)
@pytest.mark.usefixtures("tenant")
def test_a_pipeline_fails_on_the_rules_it_names(entra_fleet, rule, code):
    assert entra_fleet("inventory", "--fail-on", rule).code == code


def test_only_what_has_changed_and_what_is_gone(entra_fleet, tenant):
    entra_fleet("inventory")
    tenant.emulator.controls.advance(3600.0)
    gone = next(iter(tenant.jobs().values()))[0]["id"]
    tenant.emulator.controls.act_on_job(gone, "delete")
    since = "2000-01-01"
    document = json.loads(entra_fleet("inventory", "--changed-since", since, "--output", "json").out)
    assert [job["job_id"] for job in document["jobs"] if job["removed"]] == [gone]
    assert gone not in {job["job_id"] for job in json.loads(entra_fleet("inventory", "--output", "json").out)["jobs"]}


def test_an_unreadable_one_is_named(entra_fleet, tenant):
    from graph_emulator.faults.rules import FaultRule

    hidden = next(iter(tenant.jobs()))
    path = f"/servicePrincipals/{hidden}/synchronization/jobs"
    tenant.emulator.controls.add_faults(
        [FaultRule("status", operation="list_jobs", path=path, status=403, code="Authorization_RequestDenied")]
    )
    result = entra_fleet("inventory", "--output", "json", "--fail-on", "unreadable")
    (named,) = json.loads(result.out)["unreadable"]
    assert (named["service_principal_id"], named["error"]["code"]) == (hidden, "Authorization_RequestDenied")
    assert (result.code, named["display_name"] in result.err) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [("--format", "xml"), ("--format", "csv", "--output", "json"), ("--fail-on", "nothing"), ("--changed-since", "x")],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(entra_fleet, tenant, arguments):
    assert entra_fleet("inventory", *arguments).code == 2
    assert tenant.on_wire() == 0


def test_without_the_permission_it_says_what_to_grant(entra_fleet, tmp_path):
    with estate(tmp_path / "other", estate=20, roles=("Application.Read.All",)) as served:
        result = entra_fleet("inventory")
        assert served.on_wire() == 0
    assert (result.code, result.out) == (1, "")
    assert "Synchronization.Read.All" in result.err
    assert len(result.err.splitlines()) <= 3


@pytest.mark.usefixtures("without_prefect")
def test_monitor_all_shows_the_jobs_of_nobody_and_fails_where_one_needs_attention(entra_fleet, tenant):
    result = entra_fleet("monitor", "--all", "--output", "json")
    assert result.code == 1, result.err
    shown = json.loads(result.out)["instances"]
    assert {(each["service_principal_id"], each["job_id"]) for each in shown} == truth(tenant)
    assert {(each["fleet"], each["key"]) for each in shown} == {(None, None)}
    assert tenant.requests(writes=True) == []


@pytest.mark.parametrize("arguments", [(), ("fleet.yaml", "--all"), ("--all", "--until", "settled")])
def test_monitor_takes_a_fleet_or_all(entra_fleet, arguments):
    assert entra_fleet("monitor", *arguments).code == 2
