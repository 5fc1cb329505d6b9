"""The descendants of a process, whatever session they are in."""

import os
import signal
import subprocess
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_POLL_SECONDS = 0.05
_DYING_SECONDS = 2.0
_STATE, _PARENT, _STARTED = 0, 1, 19
"""Places in /proc/PID/stat, counted from the one behind the name."""


@dataclass(frozen=True)
class Process:
    """A process; `started` distinguishes it from a later one with the same pid."""

    pid: int
    parent: int
    started: str


def descendants(pid: int, known: frozenset[Process] = frozenset()) -> frozenset[Process]:
    """Return the descendants of a process.

    Args:
        pid: The process.
        known: Its descendants so far: once it has ended, they have another parent.
    """
    running = _processes()
    children: dict[int, list[Process]] = defaultdict(list)
    for process in running:
        children[process.parent].append(process)
    before = {(process.pid, process.started) for process in known}
    found = {process for process in running if (process.pid, process.started) in before}
    parents = [pid, *(process.pid for process in found)]
    while parents:
        below = [child for child in children[parents.pop()] if child not in found]
        found.update(below)
        parents += [child.pid for child in below]
    return frozenset(found)


def running_pids() -> frozenset[int]:
    """Return the pids visible to this process."""
    return frozenset(process.pid for process in _processes())


def end_all(family: frozenset[Process], patience_seconds: float) -> None:
    """Terminate the processes that are still running, and kill them after a wait."""
    for number, seconds in ((signal.SIGTERM, patience_seconds), (signal.SIGKILL, _DYING_SECONDS)):
        for process in _alive(family):
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
        deadline = time.monotonic() + seconds
        while _alive(family) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def _alive(family: frozenset[Process]) -> frozenset[Process]:
    running = {(process.pid, process.started) for process in _processes()} if family else set()
    return frozenset(process for process in family if (process.pid, process.started) in running)


def _processes() -> list[Process]:
    return _of_proc() if (_PROC / "self" / "stat").exists() else _of_ps()


def _of_proc() -> list[Process]:
    found = []
    for directory in _PROC.iterdir():
        if directory.name.isdigit():
            with suppress(OSError):
                # The name is in parentheses and may itself contain parentheses.
                fields = (directory / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if fields[_STATE] != "Z":  # ended but not yet reaped
                    found.append(Process(int(directory.name), int(fields[_PARENT]), fields[_STARTED]))
    return found


def _of_ps() -> list[Process]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,lstart="],  # noqa: S607  # where it is differs between systems
        capture_output=True,
        text=True,
        check=True,
    )
    rows = (line.split(maxsplit=2) for line in listed.stdout.splitlines())
    return [Process(int(pid), int(parent), started) for pid, parent, started in rows]
