"""prefect.yaml on a real server and a real worker."""

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from ruamel.yaml import YAML

from flows.configuration.environment import add_prefect_variables
from tests.cli.conftest import finished, started
from tests.estates import fleet, instance

ROOT = Path(__file__).parent.parent.parent
DEPLOYMENTS = YAML(typ="safe").load(ROOT / "prefect.yaml")["deployments"]


def prefect(*arguments, api_url):
    """The prefect command against a server; its output if it fails."""
    ended = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        cwd=ROOT,
        env={**os.environ, "PREFECT_API_URL": api_url},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def deployed(prefect_server):
    prefect("work-pool", "create", "entra-fleet", "--type", "process", api_url=prefect_server.api_url)
    prefect("--no-prompt", "deploy", "--all", api_url=prefect_server.api_url)
    return prefect_server.api_url


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_every_entrypoint_is_a_flow_that_takes_its_parameters(deployment):
    module, _, name = deployment["entrypoint"].rpartition(".")
    flow = getattr(importlib.import_module(module), name)
    known = set(flow.parameters.properties)
    assert set(deployment["parameters"]) <= known
    assert not known & {"secret", "password", "client_secret", "token"}


def test_deploying_again_changes_nothing(deployed):
    prefect("--no-prompt", "deploy", "--all", api_url=deployed)
    found = httpx.post(f"{deployed}/deployments/filter", json={}).json()
    assert sorted(each["name"] for each in found) == sorted(each["name"] for each in DEPLOYMENTS)
    assert {each["name"]: len(each["schedules"]) for each in found if each["schedules"]} == {
        "drift-check": 1,
        "sweep": 1,
        "harvest": 1,
        "late-arrivals": 1,
        "audits": 1,
        "watch-tenant": 1,
    }


def test_a_worker_provisions_a_fleet_given_as_a_parameter(deployed, tenant):
    parameters = {"fleet": fleet(instance("one"))}
    with add_prefect_variables({"TOKEN": "good"}):
        prefect(
            "deployment",
            "run",
            "provision-fleet/on-demand",
            "--params",
            json.dumps(parameters),
            api_url=deployed,
        )
        prefect("worker", "start", "--pool", "entra-fleet", "--run-once", "--name", "test", api_url=deployed)
    (run,) = httpx.post(f"{deployed}/flow_runs/filter", json={"deployments": {"name": {"any_": ["on-demand"]}}}).json()
    assert (run["state"]["name"], run["state"]["message"], run["name"]) == (
        "Completed",
        "1 created",
        "provision contoso",
    )
    assert list(tenant.applications()) == ["entra-fleet:contoso:one"]


def test_wrong_parameters_are_refused_by_the_server(deployed):
    (deployment,) = [
        each for each in httpx.post(f"{deployed}/deployments/filter", json={}).json() if each["name"] == "on-demand"
    ]
    answer = httpx.post(
        f"{deployed}/deployments/{deployment['id']}/create_flow_run",
        json={"parameters": {"fleet": "fleet.yaml", "concurrency": 999}},
    )
    assert answer.status_code == 409
    assert "999 is greater than the maximum of 64" in answer.text


def test_what_no_run_may_have_is_refused_before_it_is_kept(deployed, entra_fleet):
    assert entra_fleet("deploy", PREFECT_API_URL=deployed).code == 0
    path = f"{deployed}/deployments/{names(deployed)['on-demand']['id']}/create_flow_run"

    def answer(**parameters):
        return httpx.post(path, json={"parameters": parameters}).status_code

    literal = fleet(instance("one", credentials={"SecretToken": "the-secret-itself"}))
    assert [answer(fleet=literal), answer(fleet="fleet.yaml", onyl=["one"]), answer(fleet=fleet(instance("one")))] == [
        409,
        409,
        201,
    ]
    kept = httpx.post(f"{deployed}/flow_runs/filter", json={}).text
    assert "the-secret-itself" not in kept


FLEETS = """
[fleets.contoso]
fleet = "contoso.yaml"
[fleets.contoso.schedules]
sweep = 300
"""


@pytest.fixture
def deploy(deployed, entra_fleet, tmp_path):
    """Deploys what a file of fleets says."""

    def run(text, *arguments):
        (tmp_path / "fleets.toml").write_text(text)
        return entra_fleet("deploy", "--fleets", tmp_path / "fleets.toml", *arguments, PREFECT_API_URL=deployed)

    return run


def names(api_url):
    return {each["name"]: each for each in httpx.post(f"{api_url}/deployments/filter", json={}).json()}


def test_what_the_file_says_holds_after_it_has_changed_and_a_fleet_that_is_taken_out_is_left_alone(deployed, deploy):
    result = deploy(FLEETS)
    assert result.code == 0, result.err
    assert names(deployed)["sweep-contoso"]["schedules"][0]["schedule"]["interval"] == 300
    deploy(FLEETS.replace("300", "false"))
    (off,) = names(deployed)["sweep-contoso"]["schedules"]
    assert (off["active"], off["schedule"]["interval"]) == (False, 600)
    deploy(FLEETS.replace("300", '"*/7 * * * *"'))
    (changed,) = names(deployed)["sweep-contoso"]["schedules"]
    assert (changed["active"], changed["schedule"]["cron"]) == (False, "*/7 * * * *")
    deploy(FLEETS.replace("300", "true"))
    (on,) = names(deployed)["sweep-contoso"]["schedules"]
    assert (on["active"], on["schedule"]["interval"]) == (True, 600)
    result = deploy(FLEETS.replace("contoso", "fabrikam").replace("300", "60"))
    assert result.code == 0, result.err
    command = "prefect deployment delete monitor-fleet/sweep-contoso"
    gone = "monitor-fleet/sweep-contoso is no longer configured and was left in place"
    assert f"{gone}. To remove it: {command}" in result.err
    found = names(deployed)
    assert found["sweep-contoso"]["schedules"][0]["schedule"]["interval"] == 600
    assert found["sweep-fabrikam"]["schedules"][0]["schedule"]["interval"] == 60


def test_a_notification_block_that_does_not_exist_is_named(deploy):
    result = deploy(FLEETS, "--notify", "slack-webhook/nobody")
    assert result.code == 1
    assert result.err.splitlines()[-2] == ("The Prefect server has no notification block 'slack-webhook/nobody'.")


def test_up_uses_a_server_that_is_there_and_leaves_it_running(deployed, tmp_path):
    (tmp_path / "fleets.toml").write_text(FLEETS)
    options = ("--fleets", tmp_path / "fleets.toml", "--no-worker", "--dir", tmp_path / "home")
    process = started("up", *options, PREFECT_API_URL=deployed)
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    result = finished(process)
    assert first.startswith("entra-fleet is up; without a worker here"), result.err
    assert result.code == 0
    assert f"Using the Prefect server at PREFECT_API_URL, {deployed}." in result.err
    assert not (tmp_path / "home" / "prefect.db").exists()
    assert httpx.get(f"{deployed}/health").is_success
