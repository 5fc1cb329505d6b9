"""A mapping is changed as docs/changing-a-mapping.md tells it: review, one application and one user first, and back."""

import json

import pytest

from graph_emulator import Clock
from tests.estates import estate, fleet, instance
from tests.tenant.crowds import settle

KEYS = ("sandbox", "prod-eu", "prod-us")
QUICKLY = ("--canary-limit", "interval_seconds=0.05", "--canary-limit", "log_minutes=0")
TITLE = "      title: {attribute: jobTitle}\n"
NEW_TITLE = "      title: {expression: 'Trim([jobTitle])'}\n"
SCOPE = "    scope: []\n"
NEW_SCOPE = "    scope:\n      - accountEnabled is true\n"


@pytest.fixture
def tenant(tmp_path):
    often = {"cycle_seconds": 0.4, "entry_failure_share": 0.0, "eventful_cycles": 0, "initial_cycle_seconds": 0.2}
    with estate(tmp_path / "tenant", clock=Clock(), **often) as served:
        for key in KEYS:
            settle(served.emulator, key, f"App {key}")
        yield served


@pytest.fixture
def run(entra_fleet, prefect_server):
    """Runs a command, and looks how it ends."""

    def run(*arguments, code=0):
        variables = {"TOKEN": "good", "COLUMNS": "200", "PREFECT_API_URL": prefect_server.api_url}
        result = entra_fleet(*arguments, **variables)
        assert (result.code, "Traceback" in result.err) == (code, False), result.out + result.err
        return result

    return run


def schemas_put(tenant):
    return sum(record.operation == "put_schema" for record in tenant.requests(writes=True))


def test_a_mapping_is_reviewed_tried_rolled_out_and_rolled_back(run, tenant, write_fleet, tmp_path):
    write_fleet(fleet(*(instance(key) for key in KEYS)))
    path, file, plan = tmp_path / "fleet.yaml", tmp_path / "mappings" / "box.yaml", tmp_path / "plan.json"
    file.parent.mkdir()
    run("schema", "export", path, "--only", "sandbox", "--out", file)
    write_fleet(fleet(*(instance(key, mappings="mappings/box.yaml") for key in KEYS)))
    run("plan", path, "--detailed-exitcode")

    text = file.read_text()
    file.write_text(text.replace(TITLE, NEW_TITLE).replace(SCOPE, NEW_SCOPE, 1))
    tenant.forget()
    refused = run("apply", path, "--yes", "--canary", "sandbox", code=1)
    assert "This changes which users are provisioned" in refused.err
    assert tenant.requests(writes=True) == []

    planned = run("plan", path, "--out", plan, "--markdown", tmp_path / "plan.md", "--detailed-exitcode", code=2)
    assert "starts an initial cycle" in planned.out
    assert "(dangerous)" in (tmp_path / "plan.md").read_text()

    who = next(each for each in tenant.emulator.tenant.people.users.values() if each["accountEnabled"])
    arguments = ("--canary", "sandbox", "--canary-user", who["userPrincipalName"], *QUICKLY)
    rolled = run("apply", path, "--plan-file", plan, *arguments, "--output", "json")
    document = json.loads(rolled.out)
    assert (document["summary"]["updated"], document["canary"]["held"], schemas_put(tenant)) == (3, False, 3)
    first, *_ = document["canary"]["waves"]
    assert (first["keys"], first["state"]) == (["sandbox"], "passed")
    (tried,) = first["verdicts"][0]["tried"]
    assert tried.startswith(who["displayName"])
    run("plan", path, "--detailed-exitcode")
    run("try", path, "--only", "prod-eu", "--user", who["userPrincipalName"], "--expect", "unchanged")

    for key in KEYS:
        run("schema", "restore", path, "--only", key, "--yes")
    drift = json.loads(run("plan", path, "--output", "json", "--detailed-exitcode", code=2).out)
    assert {change["origin"] for each in drift["instances"] for change in each["changes"]} == {"tenant"}
    file.write_text(text)
    run("plan", path, "--detailed-exitcode")
