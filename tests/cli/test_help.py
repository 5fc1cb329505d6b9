"""What every tool has: versions, help, suggestions, a default fleet, completion."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest
import typer.cli
from typer.testing import CliRunner

from flows.cli.options import complete_tenants
from flows.configuration.blocks import EntraTenant
from flows.store import SCHEMA_VERSION
from tests.docs.pages import DOCS
from tests.estates import fleet, instance
from tests.proof.prefect_aside import prefect_api_at


def test_the_version_and_in_json_what_it_runs_on(entra_fleet):
    assert entra_fleet("--version").out == f"entra-fleet {version('entra-fleet')}\n"
    found = json.loads(entra_fleet("--version", "--output", "json").out)
    assert found == {
        "entra_fleet": version("entra-fleet"),
        "python": ".".join(map(str, sys.version_info[:3])),
        "prefect": version("prefect"),
        "store": SCHEMA_VERSION,
    }


def test_help_of_a_command_is_that_of_its_option(entra_fleet):
    for words in ([], ["plan"], ["jobs", "pause"]):
        assert entra_fleet("help", *words).out.strip() == entra_fleet(*words, "--help").out.strip()
    unknown = entra_fleet("help", "jobs", "pasue")
    assert (unknown.code, "pause" in unknown.err) == (2, True)


def test_a_mistyped_command_is_suggested(entra_fleet):
    result = entra_fleet("mointor")
    assert (result.code, "monitor" in result.err) == (2, True)


def test_without_a_file_it_is_the_one_in_this_folder(entra_fleet, tenant, write_fleet, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    missing = entra_fleet("plan")
    assert (missing.code, "entra-fleet init" in " ".join(missing.err.split())) == (2, True)
    write_fleet(fleet(instance("one")))
    assert "create one" in entra_fleet("plan").out


def test_a_hint_quotes_the_file_for_a_shell(entra_fleet, tenant, write_fleet, prefect_server):
    path = write_fleet(fleet(instance("one"), instance("gone")), name="my fleet's.yaml")
    assert entra_fleet("apply", path, "--yes", TOKEN="good", PREFECT_API_URL=prefect_server.api_url).code == 0
    write_fleet(fleet(instance("one")), name=path.name)
    (hint,) = [line for line in entra_fleet("plan", path).out.splitlines() if "orphan" in line]
    command = hint.partition("entra-fleet ")[2]
    words = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True)
    assert words.stdout.splitlines() == ["retire", str(path), "--only", "gone"]


@pytest.fixture
def complete(entra_fleet):
    """What a shell offers for the last word of a command line."""

    def offered(*words):
        line, count = " ".join(map(str, words)), len(words) - 1
        variables = {"_ENTRA_FLEET_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(count)}
        return entra_fleet(PREFECT_API_URL="", **variables).out.split()

    return offered


def test_a_shell_completes_commands_options_and_keys(complete, write_fleet, tmp_path):
    path = write_fleet(fleet(instance("eu-1"), instance("eu-2"), instance("us")))
    assert complete("entra-fleet", "pl") == ["plan"]
    assert "--detailed-exitcode" in complete("entra-fleet", "plan", "--d")
    assert complete("entra-fleet", "plan", path, "--only", "eu") == ["eu-1", "eu-2"]
    assert complete("entra-fleet", "rotate", path, "--only", "u") == ["us"]
    assert complete("entra-fleet", "jobs", "restart", "--reset", "W") == ["Watermark"]
    assert complete("entra-fleet", "plan", tmp_path / "none.yaml", "--only", "e") == []
    assert complete("entra-fleet", "plan", "--tenant", "a") == []


def test_a_block_is_completed_from_the_server(complete, entra_fleet, monkeypatch, prefect_server):

    with prefect_api_at(prefect_server.api_url):
        EntraTenant(tenant_id="7928d5b5-7442-4a97-a02d-66f9a9972ec0", client_id="app").save("partner", _sync=True)
        assert complete_tenants("par") == ["partner"]
        assert complete_tenants("x") == []


def test_the_page_of_all_commands_is_what_the_help_says(tmp_path):
    """After a change of a command: make docs."""
    page = tmp_path / "reference.md"
    arguments = ["flows.cli.main", "utils", "docs", "--name", "entra-fleet", "--output", str(page)]
    assert CliRunner().invoke(typer.cli.app, arguments).exit_code == 0
    assert page.read_text().strip() == (DOCS / "reference.md").read_text().strip()
