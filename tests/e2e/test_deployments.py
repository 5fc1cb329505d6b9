"""prefect.yaml on a real server and a real worker."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from ruamel.yaml import YAML

from flows.environment import with_variables
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
        timeout=100,
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
    }


def test_a_worker_provisions_a_fleet_given_as_a_parameter(deployed, tenant):
    parameters = {"fleet": fleet(instance("one"))}
    with with_variables({"TOKEN": "good"}):
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
