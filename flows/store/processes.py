"""Which process of which machine this is, and whether another process of this machine still runs."""

import os
import socket
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_STATE, _STARTED = 0, 19
"""Places in /proc/PID/stat, counted from the one behind the name."""


@dataclass(frozen=True)
class ProcessId:
    """A process among all of all machines, also after its number has been given to another one."""

    host: str
    machine: str
    """What has one table of processes: the host since its start, or one container on it."""
    pid: int
    started: str | None


def this_process() -> ProcessId:
    """Return which process this is."""
    pid = os.getpid()
    return ProcessId(socket.gethostname(), _machine(), pid, _started(pid))


def is_running(process: ProcessId) -> bool | None:
    """Return whether a process still runs; None if that cannot be seen from here."""
    if process.machine != _machine() or os.name == "nt":
        return None
    return _started(process.pid) == process.started


@cache
def _machine() -> str:
    host = socket.gethostname()
    try:
        # Containers of one host, and hosts after a restart, may share a name.
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{host} {boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return host


def _started(pid: int) -> str | None:
    """Return when a process was started, in the words of the system; None if it has ended."""
    if not (_PROC / "self/stat").exists():
        return _started_by_ps(pid)
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in brackets and may hold anything, brackets included.
    fields = stat.rpartition(")")[2].split()
    return None if fields[_STATE] == "Z" else fields[_STARTED]


def _started_by_ps(pid: int) -> str | None:
    listed = subprocess.run(  # noqa: S603  # a program of the system, and a number
        ["ps", "-p", str(pid), "-o", "stat=,lstart="],  # noqa: S607  # where it is differs between systems
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, started = listed.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()
