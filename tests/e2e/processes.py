"""A Prefect server and workers as processes, to be killed and started again."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx

from flows.cli.processes import prefect_server, process_tree

ROOT = Path(__file__).parent.parent.parent
PATIENCE_SECONDS = 250.0


def wait_until(ready, what, seconds=PATIENCE_SECONDS):
    """What `ready` returns, once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        if found := ready():
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


class Processes:
    """A server with a home of its own, and the workers that were started against it.

    Args:
        directory: For homes and logs.
        variables: Of the workers: the tenant, the store, the secrets.
        server_variables: Of the server, in place of those of a SQLite server of its own.
    """

    def __init__(self, directory, variables):
        self._directory = directory
        self._variables = variables
        self._port = prefect_server._free_port()
        self._server = None
        self._started = 0
        self.workers = []
        self.api_url = f"http://127.0.0.1:{self._port}/api"
        prefect_server._start_from_template(directory / "prefect.db")

    def start_server(self):
        """Start the server, or start it again on the same port and database, and wait until it answers."""
        variables = {
            **prefect_server._VARIABLES,
            "PREFECT_HOME": str(self._directory / "server"),
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{self._directory / 'prefect.db'}",
            "PREFECT_API_URL": "",
            "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "1",
        }
        arguments = ("server", "start", "--host", "127.0.0.1", "--port", str(self._port))
        self._server = self._start("server", arguments, variables)
        wait_until(self._healthy, "the server answers")

    def kill_server(self):
        """Have the server gone without a word."""
        kill_all(self._server)

    def start_worker(self, limit=None, **variables):
        """Start a worker, and return it."""
        self._started += 1
        name = f"worker-{self._started}"
        arguments = ("worker", "start", "--pool", "entra-fleet", "--name", name)
        arguments += ("--limit", str(limit)) if limit else ()
        own = {
            "PREFECT_API_URL": self.api_url,
            "PREFECT_HOME": str(self._directory / name),
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "TOKEN": "good",
        }
        self.workers.append(self._start(name, arguments, own | self._variables | variables))
        return self.workers[-1]

    def prefect(self, *arguments):
        """Run the prefect command against the server."""
        environment = {**os.environ, "PREFECT_API_URL": self.api_url, "PREFECT_HOME": str(self._directory / "client")}
        ended = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def deploy(self):
        """Make the work pool, and the deployments that provisioning takes."""
        self.prefect("work-pool", "create", "entra-fleet", "--type", "process")
        self.prefect("--no-prompt", "deploy", "--name", "on-demand", "--name", "shard")

    def post(self, path, document):
        """What the API answers, as soon as SQLite is not busy with something else."""

        def answered():
            answer = httpx.post(f"{self.api_url}{path}", json=document, timeout=60)
            return answer if answer.status_code != 503 else None

        answer = wait_until(answered, path)
        assert answer.is_success, answer.text
        return answer.json()

    def run(self, parameters, deployment="on-demand"):
        """Create a run of a deployment, as anybody can over HTTP; its id."""
        (found,) = self.post("/deployments/filter", {"deployments": {"name": {"any_": [deployment]}}})
        return self.post(f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})["id"]

    def read(self, run_id):
        """A run as it is now; nothing while the server does not answer."""
        with suppress(httpx.TransportError):
            answer = httpx.get(f"{self.api_url}/flow_runs/{run_id}", timeout=60)
            return answer.json() if answer.is_success else None

    def ended(self, run_id, seconds=PATIENCE_SECONDS):
        """A run once it has ended."""

        def final():
            run = self.read(run_id)
            return run if run and run["state_type"] in {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"} else None

        return wait_until(final, f"the run {run_id} ends", seconds)

    def shards(self, fleet):
        """The runs of a fleet's shards, by name."""
        wanted = {"flows": {"name": {"any_": ["provision-shard"]}}, "flow_runs": {"name": {"like_": f"{fleet} "}}}
        return self.post("/flow_runs/filter", wanted | {"sort": "NAME_ASC"})

    def artifacts(self, run_id, key):
        """What a run published under a key."""
        wanted = {"key": {"any_": [key]}, "flow_run_id": {"any_": [run_id]}}
        return self.post("/artifacts/filter", {"artifacts": wanted})

    def set_state(self, run_id, state_type):
        """Set a run's state as the UI does: CANCELLING cancels it, SCHEDULED, as AwaitingRetry, retries it."""
        name = {"SCHEDULED": "AwaitingRetry"}.get(state_type, state_type.title())
        document = {"state": {"type": state_type, "name": name}, "force": state_type == "CRASHED"}
        return self.post(f"/flow_runs/{run_id}/set_state", document)

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
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.api_url}/health", timeout=2).is_success
        return False

    def _start(self, name, arguments, variables):
        with (self._directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
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
