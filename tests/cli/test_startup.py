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


COMMAND = """
import sys
import flows.cli.main
for arguments in {commands!r}:
    sys.argv = ["entra-fleet", *arguments]
    try:
        flows.cli.main.main()
    except SystemExit as ended:
        assert not ended.code, ended
print("modules:", *sys.modules)
"""


def imported_by(*commands, **variables):
    """The heavy packages in memory after one process has run the commands."""
    program = COMMAND.format(commands=commands)
    ended = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    return HEAVY & set(ended.stdout.rpartition("modules:")[2].split())


def test_help_imports_nothing_heavy():
    assert imported_by(["--help"]) == set()


def test_a_look_needs_neither_prefect_nor_a_store(tmp_path, write_fleet):
    path = str(write_fleet(fleet(instance("one"))))
    none = {"ENTRA_FLEET_STORE": f"sqlite:///{tmp_path}/none.db"}
    with estate(tmp_path / "tenant"), add_prefect_variables({"TOKEN": "x", **none}):
        assert imported_by(["plan", path], ["check", path]) == {"msal", "graph_client", "pydantic"}


def test_reading_the_store_and_care_of_it_need_neither_prefect_nor_graph(sqlite_url):
    open_store(sqlite_url).close()
    commands = ["audit"], ["events"], ["store", "prune", "--yes"], ["store", "upgrade"]
    imported = imported_by(*commands, ENTRA_FLEET_STORE=sqlite_url)
    assert imported & {"prefect", "msal", "graph_emulator"} == set()


COMMANDS = sorted(each.name for each in (*app.registered_commands, *app.registered_groups))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(entra_fleet_here, command):
    result = entra_fleet_here(command, "--help")
    assert (result.code, result.err) == (0, "")
    assert f"entra-fleet {command}" in result.out or f"flows.cli {command}" in result.out
