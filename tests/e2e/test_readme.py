"""The README followed line by line in a fresh clone: every block of shell that is not marked as one that cannot be."""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"( *<!-- not executed: [^>]+ -->\n)?^( *)```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SECONDS = 500

pytestmark = pytest.mark.timeout(SECONDS + 100)  # a demo on a busy machine


def blocks(text):
    """The blocks of shell of a page that can be executed."""
    found = (
        (marked, re.sub(rf"^{indent}", "", lines, flags=re.MULTILINE)) for marked, indent, lines in BLOCK.findall(text)
    )
    return [lines for marked, lines in found if not marked]


DEMO, ACTIVATED, EMULATE, REHEARSE, REAL = blocks(README.read_text())


def test_what_is_not_executed_says_why():
    assert len(BLOCK.findall(README.read_text())) > len(blocks(README.read_text()))
    assert all("entra-fleet" in lines or "make" in lines for lines in blocks(README.read_text()))


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone of what is committed and changed here, whose environment is installed already: there is no index here."""
    path = tmp_path_factory.mktemp("clone") / "entra-fleet"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, path], check=True)
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, path / name)
    binaries = path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    # Scripts of our own that have this interpreter run the clone.
    script = f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} -m flows.cli "$@"\n'
    (binaries / "entra-fleet").write_text(script)
    (binaries / "entra-fleet").chmod(0o755)
    (binaries / "python").symlink_to(sys.executable)
    (binaries / "activate").write_text(f"PATH={binaries}:$PATH\n")
    (path / ".venv" / "core").touch()  # make takes it for installed
    return path


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The variables of a person who has set nothing up."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "ENTRA_", "PREFECT_"))}
    return kept | {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "PYTHONUNBUFFERED": "1"}


def follow(lines, clone, environment, answers=""):
    """Run lines in a shell with somebody at its terminal, and return what they printed."""
    keyboard, terminal = os.openpty()
    try:
        os.write(keyboard, answers.encode())
        return subprocess.run(
            ["bash", "-euc", lines],
            cwd=clone,
            env=environment,
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        ).stdout
    except subprocess.CalledProcessError as error:
        raise AssertionError(f"{lines}\n{error.stdout}\n{error.stderr}") from None
    finally:
        os.close(keyboard)
        os.close(terminal)


@contextmanager
def running(lines, clone, environment, ready):
    """Run lines in a shell of their own until the context ends, from when a file is there."""
    process = subprocess.Popen(
        ["bash", "-euc", lines], cwd=clone, env=environment, start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            assert process.poll() is None, lines
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


# test_surroundings.py has the second one too, with fewer instances; test_up.py follows a page, with the example fleet.
@pytest.mark.long
@pytest.mark.parametrize("lines", [DEMO, pytest.param(ACTIVATED, marks=pytest.mark.proof)], ids=["make", "activated"])
def test_the_demo_runs_as_written(clone, environment, lines):
    assert "matches on every application, job state and event" in follow(lines, clone, environment)


@pytest.mark.long
def test_the_rehearsal_works_as_written(clone, environment):
    # Another test may have the default port.
    emulate = f". .venv/bin/activate\nexec {EMULATE.strip().replace('emulate', 'emulate --port 0', 1)}"
    with running(emulate, clone, environment, clone / "rehearsal" / "env.sh"):
        printed = follow(REHEARSE, clone, environment, answers="y\n")
        assert "to create" in printed
        assert " created; " in printed
        again = f". .venv/bin/activate; . rehearsal/env.sh; export EXAMPLE_SECRET_TOKEN=anything\n{REAL}"
        assert "No changes." in follow(again, clone, environment)
