"""prefect.yaml on a real server: as it is, and for fleets of a file."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from ruamel.yaml import YAML

from flows.cli.deploy import prefect_yaml as prefect_yaml_module
from flows.cli.deploy.deploy import POOL
from flows.cli.deploy.deploy import deploy as deploy_document
from flows.cli.deploy.prefect_yaml import prefect_yaml
from flows.cli.up.stack import Stack
from flows.configuration.environment import add_prefect_variables
from tests.e2e.runs import Runs
from tests.e2e.worker_here import worker_here
from tests.estates import fleet, instance
from tests.proof.prefect_aside import prefect_api_at

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = YAML(typ="safe").load(ROOT / "prefect.yaml")
DEPLOYMENTS = DOCUMENT["deployments"]
# A few of them, as each takes its time: tests/e2e/test_up.py has all.
SOME = ["on-demand", "sweep", "react", "watch-tenant"]


@pytest.fixture(scope="module")
def first(prefect_server):
    """What Prefect's own command makes of the file."""
    httpx.post(f"{prefect_server.api_url}/work_pools/", json={"name": POOL, "type": "process"})
    environment = {**os.environ, "PREFECT_API_URL": prefect_server.api_url}
    some = [f"--name={each}" for each in SOME]
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", *some]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return names(prefect_server.api_url)


@pytest.fixture(scope="module")
def deployed(first, prefect_server, tmp_path_factory):
    """A server on which ours has deployed three of it again: plain, with a schedule, with a trigger."""
    some = prefect_yaml()
    some["deployments"] = [each for each in some["deployments"] if each["name"] in {"on-demand", "sweep", "react"}]
    deploy_document(prefect_server.api, some, None, tmp_path_factory.mktemp("deploy") / "log", ROOT)
    return prefect_server.api_url


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_every_entrypoint_is_a_flow_that_takes_its_parameters(deployment):
    module, _, name = deployment["entrypoint"].rpartition(".")
    flow = getattr(importlib.import_module(module), name)
    known = set(flow.parameters.properties)
    assert set(deployment["parameters"]) <= known
    assert not known & {"secret", "password", "client_secret", "token"}


def test_deploying_again_changes_nothing(first, deployed):
    found = names(deployed)
    assert sorted(found) == sorted(SOME)
    assert {name: each["id"] for name, each in found.items()} == {name: each["id"] for name, each in first.items()}
    assert {name: len(each["schedules"]) for name, each in found.items()} == {
        "on-demand": 0,
        "sweep": 1,
        "react": 0,
        "watch-tenant": 1,
    }


def test_a_fleet_given_as_a_parameter_is_provisioned_beside_a_look_at_the_tenant(deployed, tenant):
    created = create_run(deployed, fleet=fleet(instance("one")))
    watched = create_run(deployed, "watch-tenant")
    assert (created.status_code, watched.status_code) == (201, 201)
    with add_prefect_variables({"TOKEN": "good"}), worker_here(deployed, POOL):
        runs = Runs(deployed, POOL)
        run, watch = (runs.ended(each.json()["id"]) for each in (created, watched))
    assert (run["state"]["name"], run["state"]["message"], run["name"]) == (
        "Completed",
        "1 created",
        "provision contoso",
    )
    assert list(tenant.applications()) == ["entra-fleet:contoso:one"]
    # The whole tenant was watched beside it: `monitor --all` as a deployment.
    assert (watch["state"]["name"], watch["name"]) == ("Completed", "watch")


def test_wrong_parameters_are_refused_by_the_server(deployed):
    answer = create_run(deployed, fleet="fleet.yaml", concurrency=999)
    assert answer.status_code == 409
    assert "999 is greater than the maximum of 64" in answer.text


def test_what_no_run_may_have_is_refused_before_it_is_kept(deployed):
    literal = fleet(instance("one", credentials={"SecretToken": "the-secret-itself"}))
    assert create_run(deployed, fleet=literal).status_code == 409
    assert create_run(deployed, fleet="fleet.yaml", onyl=["one"]).status_code == 409
    assert create_run(deployed, fleet=fleet(instance("one"))).status_code == 201
    kept = httpx.post(f"{deployed}/flow_runs/filter", json={}).text
    assert "the-secret-itself" not in kept


def create_run(api_url, deployment="on-demand", /, **parameters):
    """What the server answers to a request for a run of a deployment."""
    path = f"{api_url}/deployments/{names(api_url)[deployment]['id']}/create_flow_run"
    return httpx.post(path, json={"parameters": parameters})


@pytest.fixture
def only_the_sweep(monkeypatch, tmp_path):
    """Deployments of one kind, as `prefect deploy` takes its time for each."""
    kept = [each for each in DEPLOYMENTS if each["name"] == "sweep"]
    with (tmp_path / "prefect.yaml").open("w") as file:
        YAML(typ="safe").dump(DOCUMENT | {"deployments": kept}, file)
    monkeypatch.setattr(prefect_yaml_module, "find_packaged_file", tmp_path.joinpath)


@pytest.fixture
def deploy(deployed, only_the_sweep, entra_fleet, tmp_path):
    """Deploys what a file of fleets says."""

    def run(text, *arguments):
        (tmp_path / "fleets.toml").write_text(text)
        return entra_fleet("deploy", "--fleets", tmp_path / "fleets.toml", *arguments, PREFECT_API_URL=deployed)

    return run


def names(api_url):
    wanted = {"work_pools": {"name": {"any_": [POOL]}}}
    return {each["name"]: each for each in httpx.post(f"{api_url}/deployments/filter", json=wanted).json()}


def sweep(api_url, fleet):
    """Whether a fleet's schedule is active, and what it is."""
    (found,) = names(api_url)[f"sweep-{fleet}"]["schedules"]
    return found["active"], found["schedule"].get("interval") or found["schedule"]["cron"]


def test_what_the_file_says_holds_after_it_has_changed_and_a_fleet_that_is_taken_out_is_left_alone(deployed, deploy):
    result = deploy(fleets(contoso=300, fabrikam="false", adatum='"*/7 * * * *"', litware="false", proseware="false"))
    assert result.code == 0, result.err
    before = {"contoso": (True, 300), "fabrikam": (False, 600), "adatum": (True, "*/7 * * * *")}
    assert {name: sweep(deployed, name) for name in before} == before
    assert (sweep(deployed, "litware"), sweep(deployed, "proseware")) == ((False, 600), (False, 600))
    result = deploy(fleets(contoso="false", fabrikam='"*/7 * * * *"', adatum="true", litware="true"))
    assert result.code == 0, result.err
    command = "prefect deployment delete monitor-fleet/sweep-proseware"
    gone = "monitor-fleet/sweep-proseware is no longer configured and was left in place"
    assert f"{gone}. To remove it: {command}" in result.err
    after = {"contoso": (False, 600), "fabrikam": (False, "*/7 * * * *"), "adatum": (True, 600)}
    assert {name: sweep(deployed, name) for name in after} == after
    assert (sweep(deployed, "litware"), sweep(deployed, "proseware")) == ((True, 600), (False, 600))


def fleets(**sweeps):
    """A file of fleets with a schedule for the sweep of each."""
    return "".join(
        f'[fleets.{name}]\nfleet = "{name}.yaml"\n[fleets.{name}.schedules]\nsweep = {schedule}\n'
        for name, schedule in sweeps.items()
    )


def test_a_notification_block_that_does_not_exist_is_named_before_anything_changes(deployed, deploy):
    result = deploy(fleets(northwind=300), "--notify", "slack-webhook/nobody")
    assert result.code == 1
    assert "'slack-webhook/nobody'" in result.err
    assert "sweep-northwind" not in names(deployed)


def test_up_uses_a_server_that_is_there_and_leaves_it_running(deployed, only_the_sweep, tmp_path):
    (tmp_path / "fleets.toml").write_text(fleets(tailspin=300))
    with prefect_api_at(deployed), Stack(tmp_path / "home", port=0) as machine:
        machine.start_server(lambda _: None)
        machine.deploy(tmp_path / "fleets.toml", None)
    assert any(deployed in remark for remark in machine.remarks)
    assert sweep(deployed, "tailspin") == (True, 300)
    assert not (tmp_path / "home" / "prefect.db").exists()
    assert httpx.get(f"{deployed}/health").is_success
