import os
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import typer.main
from ruamel.yaml import YAML

from flows.cli.main import main
from tests.estates import estate
from tests.prepared import Prepared
from tests.proof.prefect_aside import prefect_api_at
from tests.store.databases import (  # noqa: F401  # fixtures
    database_url,
    kind_of_store,
    postgres_database,
    postgres_store,
    postgres_url,
    sqlite_url,
    store_url,
)

ROOT = Path(__file__).parent.parent.parent

_commands = cache(typer.main.get_command)


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str


def started(*arguments, program=None, **variables):
    """The command as a process; `program` is what a new Python runs in its place."""
    environment = {**os.environ, **variables}
    if program is None:
        return Prepared(arguments, environment)
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    out, err = process.communicate(timeout=280)
    return Finished(process.returncode, out, err)


@pytest.fixture
def entra_fleet(monkeypatch, capsys):
    """Runs the command in this process, with an environment of its own: a child takes seconds to begin."""
    # All commands and options are made from the functions' signatures: once, not for each run.
    monkeypatch.setattr(typer.main, "get_command", _commands)

    def run(*arguments, **variables):
        monkeypatch.setattr(sys, "argv", ["entra-fleet", *map(str, arguments)])
        capsys.readouterr()
        with environment_of_a_child(variables), pytest.raises(SystemExit) as ended:
            # What a command notes about itself, as the name of its fleet file, is gone with its process.
            copy_context().run(main)
        written = capsys.readouterr()
        return Finished(ended.value.code or 0, written.out, written.err)

    return run


@pytest.fixture
def entra_fleet_here(entra_fleet):
    """The same; its parts can be given other limits."""
    return entra_fleet


@contextmanager
def environment_of_a_child(variables):
    """Have this process's environment, and Prefect's settings that come from it, be a child's for a while."""
    before = dict(os.environ)
    os.environ.update(variables)
    named = "PREFECT_API_URL" in variables
    try:
        with prefect_api_at(variables["PREFECT_API_URL"] or None) if named else nullcontext():
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def at_a_terminal(entra_fleet, monkeypatch):
    """Runs the command with a person at its standard input, who types these answers."""

    def run(*arguments, answers, **variables):
        keyboard, terminal = os.openpty()
        try:
            os.write(keyboard, "".join(f"{answer}\n" for answer in answers).encode())
            with os.fdopen(terminal) as typed, monkeypatch.context() as patched:
                patched.setattr(sys, "stdin", typed)
                return entra_fleet(*arguments, **variables)
        finally:
            os.close(keyboard)

    return run


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served:
        yield served


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
