"""Processes that a command starts: they end with it, and all that they have started."""

import os
import signal
import stat
import subprocess
import sys
import time

import psutil
import pytest

from flows.cli.errors import CommandFailed
from flows.cli.processes.child import Child
from flows.cli.processes.process_tree import descendants, end_all, is_running

STUBBORN = """
import os, signal, subprocess, sys, time
if sys.argv[1:] == ["below"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("below", os.getpid(), flush=True)
else:
    subprocess.Popen([sys.executable, "-m", "stubborn", "below"], start_new_session=True)
time.sleep(600)
"""
PATIENCE_SECONDS = 100


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Starts a module that is written here."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", os.getcwd())]))  # noqa: PTH109
    made = []

    def start(text, *arguments, **options):
        (tmp_path / "stubborn.py").write_text(text)
        made.append(Child("stubborn", arguments, tmp_path / "log", **options))
        return made[-1]

    yield start
    for each in made:
        each.stop(0.1)


def alive(pid):
    return psutil.pid_exists(pid) and is_running(psutil.Process(pid))


def logged(child, word):
    """The line of the log that begins with a word, as soon as it is there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for line in child.log_file.read_text().splitlines():
            if line.startswith(word):
                return line
        time.sleep(0.02)
    raise AssertionError(child.log_file.read_text())


def test_a_process_that_hides_in_a_session_of_its_own_and_ignores_all_requests_is_ended_too(child):
    running = child(STUBBORN)
    below = int(logged(running, "below").split()[1])
    assert below in {process.pid for process in descendants(running._process.pid)}
    running.stop(0.2)
    assert not alive(below)


def test_what_a_child_has_left_behind_when_it_was_killed_is_ended_too(child):
    running = child(STUBBORN)
    below = int(logged(running, "below").split()[1])
    running.require()
    running._process.kill()
    running._process.wait()
    with pytest.raises(CommandFailed):
        running.require()
    running.stop(0.2)
    assert not alive(below)


def test_what_a_child_started_is_asked_before_it_is_made_to(child):
    text = STUBBORN.replace("signal.SIG_IGN", "lambda *_: (print('asked', flush=True), os._exit(0))")
    running = child(text)
    logged(running, "below")
    running.end_children(PATIENCE_SECONDS)
    assert logged(running, "asked")
    assert not running.ended


def test_a_child_that_does_not_end_when_its_parent_has_ended_is_killed_with_its_own_children(tmp_path):
    (tmp_path / "stubborn.py").write_text(
        STUBBORN.replace("if sys", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nif sys")
    )
    program = "from flows.cli.processes import parent_watch as watch; watch.STOP_SECONDS = 0.1; watch.main()"
    path = os.pathsep.join([str(tmp_path), os.getcwd()])  # noqa: PTH109
    with subprocess.Popen(
        [sys.executable, "-c", program, "stubborn"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        text=True,
    ) as orphan:
        below = int(orphan.stdout.readline().split()[1])
        orphan.stdin.close()
        assert orphan.wait(PATIENCE_SECONDS) == -signal.SIGKILL
        assert not alive(below)


def test_a_process_of_the_same_number_that_began_later_is_left_alone(child):
    running = child("import time; time.sleep(600)")
    earlier = psutil.Process(running._process.pid)
    earlier._ident = (earlier.pid, 0.0)
    end_all(frozenset({earlier}), 0.1)
    assert not running.ended


def test_a_child_sees_what_it_is_given_and_not_what_is_taken_away(child, monkeypatch):
    monkeypatch.setenv("TAKEN", "1")
    running = child(
        "import os; print('seen', os.environ.get('GIVEN'), os.environ.get('TAKEN'))",
        variables={"GIVEN": "2", "TAKEN": None},
    )
    running.finish(PATIENCE_SECONDS)
    assert logged(running, "seen") == "seen 2 None"


def test_what_a_child_writes_is_its_owners_alone(child, tmp_path):
    before = os.umask(0o022)
    try:
        child(f"open({str(tmp_path / 'made')!r}, 'w').close()").finish(PATIENCE_SECONDS)
    finally:
        os.umask(before)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("made", "log")} == {0o600}


def test_a_child_that_fails_or_ends_is_named_with_its_last_words(child):
    with pytest.raises(CommandFailed, match=r"stubborn failed: no luck\nSee its log: "):
        child("import sys; sys.exit('no luck')").finish(PATIENCE_SECONDS)
    running = child("print('had enough')")
    running._process.wait(PATIENCE_SECONDS)
    with pytest.raises(CommandFailed, match="stubborn ended unexpectedly: had enough"):
        running.require()
    with pytest.raises(CommandFailed, match="stubborn took longer than 0 s"):
        child("import time; time.sleep(600)").finish(0.05)


def test_a_child_that_ends_by_itself_ends_well(child):
    # Its thread that watches the parent still reads then.
    child("print('done')").finish(PATIENCE_SECONDS)
