"""The installed program in a folder that has packages of the same names, behind a proxy that lets nothing through."""

import json
import re

import pytest
from ruamel.yaml import YAML

from tests.cli.conftest import finished
from tests.e2e.machine import Machine
from tests.e2e.proxy import LoggingProxy
from tests.e2e.wheel import installed_wheel, starter
from tests.estates import estate, fleet, instance

pytestmark = pytest.mark.long  # test_up.py has an `up` in a folder that is ours

THEIRS = "raise ImportError('of the folder, not of the program')\n"
COEXISTENCE = """
import os, sys
sys.path.insert(0, os.getcwd())
from prefect.plugins import load_prefect_collections
load_prefect_collections()
import flows.theirs
"""


@pytest.fixture(scope="module")
def proxy():
    proxy = LoggingProxy()
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A team's repository: a fleet file, and flows of their own."""
    folder = tmp_path_factory.mktemp("team")
    (folder / "flows").mkdir()
    (folder / "flows" / "__init__.py").touch()
    (folder / "flows" / "theirs.py").touch()
    for name in ("graph_client", "graph_emulator"):
        (folder / f"{name}.py").write_text(THEIRS)
    with (folder / "fleet.yaml").open("w") as file:
        YAML(typ="safe").dump(fleet(instance("one")), file)
    return folder


@pytest.fixture(scope="module")
def tenant(tmp_path_factory):
    with estate(tmp_path_factory.mktemp("tenant")) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def start(tmp_path_factory, folder):
    return starter(installed_wheel(tmp_path_factory.mktemp("wheel")), folder)


@pytest.fixture(scope="module")
def machine(tmp_path_factory, start, proxy, tenant):
    machine = Machine(
        tmp_path_factory.mktemp("up") / "home", "--port", "0", start=start, TOKEN="good", **proxy.variables
    )
    try:
        yield machine.wait_until_up()
    finally:
        if machine.process.poll() is None:
            machine.stop()
        machine.close()


@pytest.fixture(scope="module")
def run(machine, start, proxy):
    """Runs the installed command as env.sh of `up` has it."""
    exports = re.findall(r"export (\w+)='?([^'\n]*)", (machine.home / "env.sh").read_text())

    def run(*arguments, **variables):
        return finished(start(*arguments, **{**proxy.variables, "TOKEN": "good", **dict(exports), **variables}))

    return run


@pytest.fixture(scope="module")
def deployed_run(machine):
    """The run of a deployment that makes what is in the fleet file, once it has ended."""
    return machine.ended(machine.run("on-demand").json()["id"])


def test_a_deployed_run_takes_our_flow_and_the_fleet_of_the_folder(deployed_run, tenant):
    assert (deployed_run["state"]["name"], deployed_run["state"]["message"]) == ("Completed", "1 created")
    assert list(tenant.applications()) == ["entra-fleet:contoso:one"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "fleet.yaml"),
        ("apply", "fleet.yaml", "--yes"),
        # A flow on the server of `up`, as `apply` is.
        pytest.param(("monitor", "fleet.yaml"), marks=pytest.mark.proof),
        ("harvest",),
    ],
)
@pytest.mark.usefixtures("deployed_run")
def test_commands_work_with_the_server_of_up(run, tenant, arguments):
    result = run(*arguments)
    assert (result.code, "Traceback" in result.err) == (0, False), result.err
    assert len(tenant.applications()) == 1


def test_a_demo_where_answers_are_lost_reports_what_the_tenant_holds(start, proxy):
    arguments = ("--instances", "5", "--seed", "7", "--profile", "lossy", "--output", "json")
    result = finished(start("demo", *arguments, PREFECT_API_URL="", **proxy.variables))
    assert (result.code, "Traceback" in result.err) == (0, False), result.err
    said = json.loads(result.out)
    assert said["differences"] == []
    assert said["provisioned"]["summary"]["created"] == 5
    assert {job["state"] for job in said["jobs"]} <= {"steady", "degraded"}
    assert said["role_importers"] == ["aws-1", "aws-2"]
    assert set(said["events"]["by_key"]) == {"box-1", "databricks-1", "scim-1"}
    assert sum(said["events"]["total"].values()) == 180
    assert set(said["targets"]) == {"databricks-1", "scim-1"}
    assert all(said["targets"].values())


def test_their_packages_stay_theirs_where_prefect_loads_all_that_is_installed(start):
    result = finished(start("-c", COEXISTENCE, program="python"))
    assert (result.code, result.err) == (0, "")


def test_nothing_asked_the_proxy_for_anything(machine, proxy):
    # Last: what all of the above did, in this process, the server, the worker and its runs.
    assert machine.stop() == ([], 0)
    assert proxy.asked == []
