"""What a killed command leaves in the temporary directory goes with the next one."""

import signal
import subprocess
import sys
import tempfile

import pytest

from flows.cli.processes.temporary_directory import temporary_directory

HOLDING = """
from flows.cli.processes.temporary_directory import temporary_directory
with temporary_directory("demo") as directory:
    (directory / "prefect.db").write_text("4 MB")
    print(directory, flush=True)
    input()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The temporary directory of this test and its children."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(temporary):
    """Another command, at work."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().strip().startswith(str(temporary / "entra-fleet-demo-"))
        yield process
        process.kill()


def test_what_a_killed_command_left_is_removed_and_what_is_in_use_is_not(temporary, other):
    kept = temporary / "entra-fleet-demo-kept"
    kept.mkdir()
    (theirs,) = (each for each in temporary.iterdir() if each != kept)
    with temporary_directory() as mine:
        assert theirs.exists()
        with temporary_directory():
            assert mine.exists()
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert theirs.exists()
        with temporary_directory():
            assert not theirs.exists()
    assert list(temporary.iterdir()) == [kept]
