"""A Prefect server and workers as processes, to be killed and started again."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from flows.cli.deploy.deploy import POOL
from flows.cli.processes import prefect_server, process_tree
from tests.e2e.runs import Runs, wait_until
from tests.e2e.worker_here import deploy_here

ROOT = Path(__file__).parent.parent.parent


class Processes(Runs):
    """A server with a home of its own, and the workers that were started against it.

    Args:
        directory: For homes and logs.
        variables: Of the workers: the tenant, the store, the secrets.
    """

    def __init__(self, directory, variables):
        self._directory = directory
        self._variables = variables
        self._port = prefect_server._free_port()
        super().__init__(f"http://127.0.0.1:{self._port}/api", POOL)
        self._server = None
        self._started = 0
        self.workers = []
        self._migrated = prefect_server._start_from_template(directory / "prefect.db")

    def start_server(self):
        """Start the server, or start it again on the same port and database, and wait until it answers."""
        variables = {
            **prefect_server._VARIABLES,
            "PREFECT_HOME": str(self._directory / "server"),
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{self._directory / 'prefect.db'}",
            "PREFECT_API_URL": "",
            "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": str(not self._migrated),
            "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "1",
        }
        program = ("flows.cli.processes.server_process", "127.0.0.1", str(self._port))
        self._server = self._start("server", program, variables)
        wait_until(self._healthy, "the server answers")

    def kill_server(self):
        """Have the server gone without a word."""
        kill_all(self._server)

    def start_worker(self, limit=None, **variables):
        """Start a worker, and return it."""
        self._started += 1
        name = f"worker-{self._started}"
        program = ("prefect", "worker", "start", "--pool", self.pool, "--name", name)
        program += ("--limit", str(limit)) if limit else ()
        own = {
            "PREFECT_API_URL": self.api_url,
            "PREFECT_HOME": str(self._directory / name),
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "TOKEN": "good",
        }
        self.workers.append(self._start(name, program, own | self._variables | variables))
        return self.workers[-1]

    def deploy(self):
        """Make the work pool, and the deployments that provisioning takes."""
        deploy_here(self.api_url, self.pool)

    def kill_workers(self):
        """Have no worker left, nor anything that one has started."""
        while self.workers:
            kill_all(self.workers.pop())

    def stop(self):
        """End everything that was started."""
        self.kill_workers()
        if self._server:
            kill_all(self._server)

    def log(self):
        """What everything has said."""
        return "\n".join(path.read_text() for path in sorted(self._directory.glob("*.log")))

    def _healthy(self):
        assert self._server.poll() is None, self.log()
        return self.answers()

    def _start(self, name, program, variables):
        with (self._directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *program],
                cwd=ROOT,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its runs are in its group: they die with it.
                start_new_session=True,
            )


def kill_all(process):
    """SIGKILL a process and everything it started."""
    for pid in [process.pid, *descendants(process.pid)]:
        kill(pid)
    process.wait()


def kill(pid):
    """SIGKILL a process, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def descendants(pid):
    """The ids of all processes below one."""
    return [each.pid for each in process_tree.descendants(pid)]
