"""A process that a command starts for itself and ends."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flows.cli.errors import CommandFailed
from flows.cli.processes.isolation import isolated
from flows.cli.processes.process_tree import Process, descendants, end_all
from flows.configuration.environment import environment

_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05
_PRIVATE = 0o077
# Ours, whatever else is named flows in the folder it runs in or on the path.
_PROGRAM = (
    "from entra_fleet import claim_packages; claim_packages(); "
    "from flows.cli.processes.parent_watch import main; main()"
)


class Child:
    """A Python module running as a process, its output in a log file.

    Args:
        module: The module to run.
        arguments: Its command line.
        log_file: Where its output goes.
        variables: Environment variables beside those of this process; None takes one away.
        directory: Where it runs; None for here.
        name: What a person knows it by; None for the module's name.
        keeps_log: Whether the log outlives the command. If not, a copy of it does when something fails.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        log_file: Path,
        variables: Mapping[str, str | None] | None = None,
        directory: Path | None = None,
        name: str | None = None,
        keeps_log: bool = True,
    ) -> None:
        self.name = name or module
        self.log_file = log_file
        self._keeps_log = keeps_log
        self._family: frozenset[Process] = frozenset()
        seen = {**isolated(environment().variables), **(variables or {})}
        # Readable for its owner only, whatever the umask of this process.
        log_file.touch(mode=0o600)
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # this interpreter, running a module of ours
                [sys.executable, "-P", "-c", _PROGRAM, module, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={name: value for name, value in seen.items() if value is not None},
                cwd=directory,
                umask=_PRIVATE,
                # Ctrl-C reaches a terminal's whole group; the flow must stop before what it depends on.
                start_new_session=True,
            )

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def wait_until(self, ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until `ready` says so.

        Raises:
            CommandFailed: The process ended, or the time ran out.
        """
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if self.ended:
                raise self._failure(f"did not start: {self._last_line()}")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready within {timeout_seconds:.0f} s.")
            time.sleep(_POLL_SECONDS)

    def finish(self, timeout_seconds: float) -> None:
        """Wait until it has done its work.

        Raises:
            CommandFailed: It failed, or the time ran out.
        """
        try:
            code = self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise self._failure(f"took longer than {timeout_seconds:.0f} s.") from None
        finally:
            self.stop()
        if code:
            raise self._failure(f"failed: {self._last_line()}")

    def require(self) -> None:
        """Make sure that it runs, and remember what it has started by now.

        Raises:
            CommandFailed: It has ended by itself.
        """
        self._family = descendants(self._process.pid, self._family)
        if self.ended:
            raise self._failure(f"has ended: {self._last_line()}")

    def end_children(self, patience_seconds: float) -> None:
        """Ask what it has started to end, and wait until it has."""
        end_all(descendants(self._process.pid, self._family), patience_seconds)

    def stop(self, timeout_seconds: float = _STOP_SECONDS) -> None:
        """End the process, politely first, and then whatever it has started and left behind."""
        family = descendants(self._process.pid, self._family)
        if not self.ended:
            self._process.terminate()
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            family = descendants(self._process.pid, family)
            self._process.kill()
            self._process.wait()
        end_all(family, timeout_seconds)
        if self._process.stdin:
            self._process.stdin.close()

    def _failure(self, what: str) -> CommandFailed:
        return CommandFailed(f"{self.name} {what}\nIts log is {self._kept_log()}.")

    def _kept_log(self) -> Path:
        if self._keeps_log:
            return self.log_file
        descriptor, path = tempfile.mkstemp(prefix=f"{self.name}-", suffix=".log")
        with os.fdopen(descriptor, "wb") as kept, self.log_file.open("rb") as log:
            shutil.copyfileobj(log, kept)
        return Path(path)

    def _last_line(self) -> str:
        lines = self.log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
