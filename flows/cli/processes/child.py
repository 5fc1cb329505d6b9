"""A process that a command starts and stops."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from flows.cli.errors import CommandFailed
from flows.cli.processes.isolation import isolated
from flows.cli.processes.process_tree import descendants, end_all
from flows.configuration.environment import environment

_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05
_PRIVATE = 0o077
# Our own package, even if the working directory or the path has another one named flows.
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
        variables: Environment variables on top of those of this process; None removes one.
        directory: Working directory; None for the current one.
        name: Name in messages; None for the module's name.
        keeps_log: Whether the log outlives the command. If not, a copy is kept when something fails.
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
        self._family: frozenset[psutil.Process] = frozenset()
        seen = {**isolated(environment().variables), **(variables or {})}
        # Readable only by its owner, whatever the umask.
        log_file.touch(mode=0o600)
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # this interpreter, running a module of ours
                [sys.executable, "-P", "-c", _PROGRAM, module, *arguments],
                # Never written to: it closes when this process ends, however it ends, and ends the child (see
                # parent_watch).
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
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait_until(self, ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until `ready` returns true.

        Raises:
            CommandFailed: The process ended, or the timeout expired.
        """
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if self.ended:
                raise self._failure(f"did not start: {self._last_line()}")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready within {timeout_seconds:.0f} s.")
            time.sleep(_POLL_SECONDS)

    def finish(self, timeout_seconds: float) -> None:
        """Wait until it completes.

        Raises:
            CommandFailed: It failed, or the timeout expired.
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
        """Check that it is running, and note the processes it has started.

        Raises:
            CommandFailed: It ended unexpectedly.
        """
        # Noted while it lives: once it has ended, its children have another parent and cannot be found.
        self._family = descendants(self._process.pid, self._family)
        if self.ended:
            raise self._failure(f"ended unexpectedly: {self._last_line()}")

    def end_children(self, patience_seconds: float) -> None:
        """Terminate the processes it has started, and wait for them."""
        end_all(descendants(self._process.pid, self._family), patience_seconds)

    def stop(self, timeout_seconds: float = _STOP_SECONDS) -> None:
        """Stop the process, gracefully first, then the processes it left behind."""
        family = descendants(self._process.pid, self._family)
        if not self.ended:
            self._process.terminate()
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            # Again: it may have started more while it was shutting down.
            family = descendants(self._process.pid, family)
            self._process.kill()
            self._process.wait()
        end_all(family, timeout_seconds)
        if self._process.stdin:
            self._process.stdin.close()

    def _failure(self, what: str) -> CommandFailed:
        # Cause: A process that the command started (a Prefect server, a worker, prefect deploy) did not start, failed
        # or ended. The log of a server for a single command is copied to the folder for temporary files.
        return CommandFailed(f"{self.name} {what}", f"See its log: {self._kept_log()}")

    def _kept_log(self) -> Path:
        if self._keeps_log:
            return self.log_file
        # The directory of the log is about to be removed.
        descriptor, path = tempfile.mkstemp(prefix=f"{self.name}-", suffix=".log")
        with os.fdopen(descriptor, "wb") as kept, self.log_file.open("rb") as log:
            shutil.copyfileobj(log, kept)
        return Path(path)

    def _last_line(self) -> str:
        lines = self.log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no output"
