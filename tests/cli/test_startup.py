"""What a command does not need, it does not import."""

import os
import subprocess
import sys

import pytest

from flows.cli.main import app
from flows.configuration.environment import add_prefect_variables
from flows.store import open_store
from tests.estates import estate, fleet, instance

HEAVY = {"prefect", "sqlalchemy", "msal", "graph_client", "graph_emulator", "pydantic"}


def imported_by(code, **variables):
    """The heavy packages in memory after the code has run."""
    program = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint('modules:', *sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    return HEAVY & set(ended.stdout.rpartition("modules:")[2].split())


def test_help_imports_nothing_heavy():
    assert imported_by("import flows.cli.main; sys.argv = ['entra-fleet', '--help']; flows.cli.main.main()") == set()


@pytest.mark.parametrize("command", ["plan", "check"])
def test_a_look_needs_neither_prefect_nor_a_store(tmp_path, write_fleet, command):
    path = write_fleet(fleet(instance("one")))
    code = f"import flows.cli.main; sys.argv = ['entra-fleet', {command!r}, {str(path)!r}]; flows.cli.main.main()"
    with estate(tmp_path / "tenant"), add_prefect_variables({"TOKEN": "x"}):
        assert imported_by(code) == {"msal", "graph_client", "pydantic"}


@pytest.mark.parametrize("arguments", [["audit"], ["store", "prune", "--yes"], ["store", "upgrade"]], ids=" ".join)
def test_care_of_the_store_needs_neither_prefect_nor_graph(sqlite_url, arguments):
    open_store(sqlite_url).close()
    code = f"import flows.cli.main; sys.argv = ['entra-fleet', *{arguments!r}]; flows.cli.main.main()"
    assert imported_by(code, ENTRA_FLEET_STORE=sqlite_url) & {"prefect", "msal", "graph_emulator"} == set()


COMMANDS = sorted(each.name for each in (*app.registered_commands, *app.registered_groups))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(entra_fleet_here, command):
    result = entra_fleet_here(command, "--help")
    assert (result.code, result.err) == (0, "")
    assert f"entra-fleet {command}" in result.out or f"flows.cli {command}" in result.out
