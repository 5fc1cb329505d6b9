"""What benchmarks share: figures and their table, a loop in virtual time, and a PostgreSQL database of their own."""

import asyncio
import os
import resource
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

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


T = TypeVar("T")


class _Jump(selectors.DefaultSelector):  # type: ignore[misc, valid-type]  # its class depends on the system
    """Waiting for a time moves the clock there."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `time()` begins at zero."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        """Seconds that have passed."""
        return self._jump.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


SERVER = "ENTRA_FLEET_TEST_POSTGRES"
"""URL of a user who may create databases; without it the usual one of this machine is tried."""
_USUAL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


@contextmanager
def database() -> Iterator[str | None]:
    """Yield the URL of a new database, or None where there is no server; it is dropped in the end."""
    server, name = make_url(os.environ.get(SERVER, _USUAL)), f"entra_fleet_benchmark_{uuid4().hex[:12]}"
    try:
        _run(server, f"CREATE DATABASE {name}")
    except OperationalError:
        yield None
        return
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _run(server, f"DROP DATABASE {name} WITH (FORCE)")


def _run(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
