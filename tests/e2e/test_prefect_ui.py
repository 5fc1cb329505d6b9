"""What a person sees of it in Prefect's own UI, in a real browser."""

import json

import httpx
import pytest

from flows.cli.processes.run_flow import run_flow_against
from flows.configuration.blocks import AppCredentials, EntraTenant
from flows.configuration.environment import add_prefect_variables
from flows.monitor import monitor_fleet
from flows.provision import provision_fleet
from tests.e2e.runs import wait_until
from tests.e2e.worker_here import deploy_here
from tests.estates import estate, fleet, instance
from tests.report.browser import browser

POOL = "seen"
FLEET = fleet(
    instance("good"), instance("fine"), instance("bad", credentials={"SecretToken": "${env:BAD}"}), fleet="seen"
)


@pytest.fixture(scope="module")
def server(prefect_server):
    """A server with our block types and a deployment."""
    with prefect_server.api.used():
        for block in (EntraTenant, AppCredentials):
            block.register_type_and_schema()
    deploy_here(prefect_server.api_url, POOL)
    return prefect_server


@pytest.fixture(scope="module")
def run(server, tmp_path_factory):
    """The run of an apply of which one instance failed."""
    directory = tmp_path_factory.mktemp("tenant")
    with estate(directory), add_prefect_variables({"TOKEN": "good", "BAD": "wrong"}):
        run_flow_against(server.api, provision_fleet, {"fleet": FLEET})
        run_flow_against(server.api, monitor_fleet, {"fleet": FLEET})
    asked = {"flow_runs": {"name": {"any_": ["provision seen"]}}}
    (found,) = httpx.post(f"{server.api_url}/flow_runs/filter", json=asked).json()
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("chromium")) as opened:
        opened.resize(1400, 1000)
        yield opened


def shown(page, url, *texts):
    """Open a page and wait until it shows these texts."""
    page.open(url)
    for text in texts:
        page.wait_for(f"document.body.innerText.includes({json.dumps(text)})")


def test_the_form_of_a_tenant_hides_its_secrets(server, page, tmp_path):
    shown(
        page, f"{server.url}/v2/blocks/catalog/entra-tenant/create", "Directory (tenant) id", "Client secret (Optional)"
    )
    page.picture(tmp_path / "block.png")
    assert page.value("document.querySelectorAll('input[type=password]').length") >= 2


def test_the_form_of_a_run_says_what_each_parameter_is(server, page, tmp_path):
    deployments = httpx.post(f"{server.api_url}/deployments/filter", json={}).json()
    (deployment,) = [each for each in deployments if each["name"] == f"on-demand-{POOL}"]
    shown(
        page,
        f"{server.url}/v2/deployments/deployment/{deployment['id']}/run",
        "Path or content of the fleet file.",
        "Instances processed in parallel.",
        "Only plan, change nothing.",
    )
    page.picture(tmp_path / "form.png")


def test_the_page_of_a_run_shows_how_it_ended_and_each_step(server, run, page, tmp_path):
    shown(page, f"{server.url}/v2/runs/flow-run/{run['id']}", "provision seen", "PartiallyCompleted", "Task Runs")
    page.wait_for("document.querySelector('canvas')")
    page.picture(tmp_path / "run.png")
    shown(page, f"{server.url}/v2/runs/flow-run/{run['id']}?tab=TaskRuns", "validate-credentials · bad")
    page.picture(tmp_path / "tasks.png")


def test_what_was_done_before_a_failure_is_not_called_rolled_back(server, run):
    asked = {"task_runs": {"name": {"like_": "· bad"}}, "flow_runs": {"id": {"any_": [run["id"]]}}}

    def recorded():
        found = httpx.post(f"{server.api_url}/task_runs/filter", json=asked).json()
        ended = len(found) == 5 and all(each["state_type"] in {"COMPLETED", "FAILED"} for each in found)
        return ended and {each["name"].partition(" ")[0]: each["state_name"] for each in found}

    states = wait_until(recorded, "the task runs are recorded")
    assert states.pop("validate-credentials") == "Failed"
    assert set(states) == {"check-references", "create-application", "wait-until-ready", "mark-application"}
    assert set(states.values()) == {"Completed"}


@pytest.mark.long  # tests/artifacts has what is in them
def test_the_artifacts_show_failures_first_and_what_to_do(server, run, page, tmp_path):
    shown(page, f"{server.url}/v2/artifacts/key/seen-outcome", "2 created, 1 failed")
    asked = {"artifacts": {"key": {"any_": ["seen-outcome"]}}}
    (artifact,) = httpx.post(f"{server.api_url}/artifacts/filter", json=asked).json()
    shown(page, f"{server.url}/v2/artifacts/artifact/{artifact['id']}", "Unauthorized (401)", "Correct the credentials")
    page.picture(tmp_path / "outcome.png")
    rows = page.value("[...document.querySelectorAll('tbody tr')].map(row => row.innerText.split(/\\s/)[0])")
    assert rows[0] == "bad"
    asked = {"artifacts": {"key": {"any_": ["seen-health"]}}}
    (artifact,) = httpx.post(f"{server.api_url}/artifacts/filter", json=asked).json()
    shown(page, f"{server.url}/v2/artifacts/artifact/{artifact['id']}", "Needs attention: bad")
