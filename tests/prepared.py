"""Commands as processes that begin with everything imported: that is most of what a command computes.

A Python that has imported it forks for each command, by `multiprocessing`. From then on that is a process as any other,
with its own id, memory, environment, streams and signals, and its own end. Tests of installed programs, and of what
happens before a command is imported, start a new Python.
"""

import atexit
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from threading import Lock

from prefect.context import refresh_global_settings_context
from prefect.logging.configuration import setup_logging

from flows.cli.main import main
from flows.cli.processes.isolation import isolate_process

ROOT = Path(__file__).parent.parent
# This module, and what commands import only when they need it.
_MODULES = [
    __name__,
    "anyio._backends._asyncio",
    "fastapi",
    "flows.cli.output.changes",
    "flows.cli.processes.local_api",
    "flows.cli.processes.run_flow",
    "flows.provision",
    "flows.rotate",
    "msal",
    "prefect.flow_engine",
    "prefect.utilities.visualization",
]


@cache
def forking_context():
    """The processes of `multiprocessing` that begin so; a Python that runs tests has one to fork them."""
    context = get_context("forkserver")
    context.set_forkserver_preload(_MODULES)
    return context


class Prepared:
    """A command, with what tests use of `subprocess.Popen`."""

    def __init__(self, arguments, environment):
        pipes = [forking_context().Pipe(duplex=False) for _ in range(2)]
        into = [end for _, end in pipes]
        given = (list(map(str, arguments)), environment, *into)
        self._process = forking_context().Process(target=_run, args=given, daemon=True)
        self._waiting = Lock()
        self._process.start()
        self.pid = self._process.pid
        for end in into:
            end.close()
        self.stdout, self.stderr = (os.fdopen(os.dup(out.fileno())) for out, _ in pipes)

    @property
    def returncode(self):
        return self._process.exitcode

    def wait(self, timeout=None):
        """Its exit code, as soon as it has ended."""
        # What kills it in another thread waits too, and its exit code can be read but once.
        with self._waiting:
            self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("entra-fleet", timeout)
        return self.returncode

    def poll(self):
        return self.returncode

    def send_signal(self, number):
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self):
        self._process.kill()

    def communicate(self, timeout=None):
        """What it writes, once it has ended."""
        with ThreadPoolExecutor(2) as readers:
            written = list(readers.map(_read, (self.stdout, self.stderr)))
        self.wait(timeout)
        return tuple(written)


def _read(stream):
    with stream:
        return stream.read()


def _run(arguments, environment, out, err):
    """Become what a new Python would have made of it, and run the command."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = ["entra-fleet", *arguments]
    for stream, given in ((1, out), (2, err)):
        os.dup2(given.fileno(), stream)
        given.close()
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    # Two commands must not wait for the same time by chance.
    random.seed()
    # Before Prefect reads the environment, as in a new Python.
    isolate_process()
    refresh_global_settings_context()
    setup_logging(incremental=False)
    try:
        main()
    finally:
        # A forked process ends without them.
        atexit._run_exitfuncs()
