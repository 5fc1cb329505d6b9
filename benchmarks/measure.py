"""What a command costs, and what a benchmark found beside what it should find."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.configuration.environment import environment


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    target: str
    measured: str

    def __str__(self) -> str:
        return f"| {self.name} | {self.target} | {self.measured} |"


@dataclass(frozen=True)
class Cost:
    """What a process and its children took: by the clock, on the processors, and in memory at most."""

    seconds: float
    busy_seconds: float
    megabytes: float

    def more_than(self, other: "Cost") -> str:
        """Return what it took beyond another."""
        seconds, busy_seconds = self.seconds - other.seconds, self.busy_seconds - other.busy_seconds
        return f"{seconds:.1f} s, {busy_seconds:.1f} s of processor time"


def run_command(variables: Mapping[str, str | None], *arguments: str) -> Cost:
    """Run a command of entra-fleet to its end, and return what it took.

    Args:
        variables: The environment beside this process's own; None unsets one.
        arguments: Of the command.

    Raises:
        RuntimeError: It failed; the text is what it said.
    """
    return run_python(variables, "-m", "flows.cli", *arguments)


def run_python(variables: Mapping[str, str | None], *arguments: str) -> Cost:
    """Run this Python to its end, and return what it took; see `run_command`."""
    given = {**environment().variables, "TOKEN": "a good token", "PREFECT_API_URL": "", **variables}
    own = {name: value for name, value in given.items() if value is not None}
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, *arguments], env=own, stdout=said, stderr=subprocess.STDOUT
        )
        # As `wait`, with what this one child used.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}:\n{said.read()}")
    # Linux counts memory in kilobytes.
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def peak_megabytes(process: int | str = "self") -> float:
    """The most memory that a process has had, by its id; what `getrusage` tells begins with its parent's."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
