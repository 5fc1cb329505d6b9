import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flows.cli.main import main
from flows.cli.prefect_server import PrefectServer
from tests.estates import estate
from tests.store.databases import postgres_database, postgres_url, sqlite_url, store_url  # noqa: F401  # fixtures

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str


def started(*arguments, program=("-m", "flows.cli"), stdin=subprocess.DEVNULL, **variables):
    """The command as a process; `program` is what Python runs in its place."""
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    out, err = process.communicate(timeout=110)
    return Finished(process.returncode, out, err)


@pytest.fixture
def entra_fleet():
    """Runs the command and waits for its end."""

    def run(*arguments, **variables):
        return finished(started(*arguments, **variables))

    return run


@pytest.fixture
def entra_fleet_here(monkeypatch, capsys):
    """Runs the command in this process: quicker than a child, and its parts can be given other limits."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["entra-fleet", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return Finished(ended.value.code, written.out, written.err)

    return run


@pytest.fixture
def at_a_terminal():
    """Runs the command with a person at its standard input, who types these answers."""

    def run(*arguments, answers, **variables):
        keyboard, terminal = os.openpty()
        try:
            process = started(*arguments, stdin=terminal, **variables)
            os.close(terminal)
            os.write(keyboard, "".join(f"{answer}\n" for answer in answers).encode())
            return finished(process)
        finally:
            os.close(keyboard)

    return run


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served:
        yield served


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory):
    """A Prefect server like the one that a command starts for itself."""
    server = PrefectServer(tmp_path_factory.mktemp("prefect"))
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture
def write_fleet(tmp_path):
    """Writes a fleet file and returns its path."""

    def write(document, name="fleet.yaml"):
        path = tmp_path / name
        if isinstance(document, str):
            path.write_text(document)
        else:
            with path.open("w") as file:
                YAML(typ="safe").dump(document, file)
        return path

    return write
