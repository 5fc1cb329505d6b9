"""A process that a command starts for itself and ends."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flows.cli.errors import CommandFailed
from flows.environment import environment

_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05


class Child:
    """A Python module running as a process, its output in a log file.

    Args:
        module: The module to run.
        arguments: Its command line.
        log_file: Where its output goes.
        variables: Environment variables beside those of this process.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        log_file: Path,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.module = module
        self.log_file = log_file
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # this interpreter, running a module of ours
                [sys.executable, "-m", "flows.cli.tether", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**environment().variables, **(variables or {})},
                # Ctrl-C reaches a terminal's whole group; the flow must stop before what it depends on.
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until `ready` says so.

        Raises:
            CommandFailed: The process ended, or the time ran out.
        """
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if self._process.poll() is not None:
                raise CommandFailed(f"{self.module} did not start: {self._last_line()}\nIts log is {self.log_file}.")
            if time.monotonic() > deadline:
                raise CommandFailed(
                    f"{self.module} was not ready within {timeout_seconds:.0f} s.\nIts log is {self.log_file}."
                )
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End the process, politely first."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def _last_line(self) -> str:
        lines = self.log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
