"""docs/prefect.md followed line by line: every block of shell that is not marked as one that cannot be."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli.deploy.prefect_yaml import prefect_yaml, read_fleets_file
from tests.e2e.machine import Machine, until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "prefect.md").read_text()
pytestmark = pytest.mark.timeout(600)  # an `up` and a run on a busy machine

BLOCK = re.compile(r"(<!-- not executed: [^>]+ -->\n)?^```(sh|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(kind):
    """The blocks of a language that can be executed."""
    return [lines for marked, language, lines in BLOCK.findall(PAGE) if language == kind and not marked]


UP, QUARANTINE, RUN, OVER_HTTP = blocks("sh")
(FLEETS,) = blocks("toml")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The home of a person who has set nothing up."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def machine(home):
    """The `up` of the page, in the folder that it names."""
    program, command, *options = UP.split()
    assert (program, command) == ("entra-fleet", "up")
    # Another test may have the default port.
    machine = Machine(home / ".local/share/entra-fleet/embedded", *options, "--port", "0", HOME=str(home))
    try:
        yield machine.wait_until_up()
    finally:
        if machine.process.poll() is None:
            machine.stop()
        machine.close()


def follow(lines, home):
    """Run lines in a shell, and return what they printed."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "XDG_"))}
    path = f"{Path(sys.executable).parent}:{variables['PATH']}"
    shell = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        cwd=home,
        env={**variables, "HOME": str(home), "PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert shell.returncode == 0, shell.stderr
    return shell.stdout


def of_the_example(lines):
    """Lines with the folder, the deployment and an instance of the example fleet, as the page says they are named."""
    names = {"entra-fleet/prefect/": "entra-fleet/embedded/", "fleet/on-demand": "fleet/on-demand-demo"}
    names["prod-eu"] = "aws-1"
    for name, own in names.items():
        assert name in lines
        lines = lines.replace(name, own)
    return lines


def test_a_job_is_put_into_quarantine_as_written(machine, home):
    read = 'curl -fsS --cacert tenant/ca.pem "$ENTRA_FLEET_GRAPH_URL/_emulator/state"'
    jobs = f"cd {machine.home}; . tenant/env.sh; {read} | jq '[.jobs[][]]'"
    (run,) = until(lambda: machine.runs("on-demand-demo"), what="the run that provisions the example")
    assert machine.ended(run["id"])["state_type"] == "COMPLETED"
    follow(QUARANTINE, home)
    assert "EncounteredQuarantineException" in follow(jobs, home)


@pytest.mark.parametrize("lines", [RUN, OVER_HTTP], ids=["with Prefect's command", "over HTTP"])
def test_a_run_is_started_as_written(machine, home, lines):
    before = {run["id"] for run in machine.runs("on-demand-demo")}
    follow(of_the_example(lines), home)
    (run,) = [run for run in machine.runs("on-demand-demo") if run["id"] not in before]
    assert run["parameters"]["only"] == ["aws-1"]


def test_the_fleets_file_makes_the_deployments_that_the_page_names(tmp_path):
    (tmp_path / "fleets.toml").write_text(FLEETS)
    document = prefect_yaml(read_fleets_file(tmp_path / "fleets.toml"), None)
    named = {"on-demand-contoso-scim", "sweep-contoso-scim", "harvest-contoso-reader"}
    assert named <= {each["name"] for each in document["deployments"]}
    assert all(f"`{name}`" in PAGE for name in named)
