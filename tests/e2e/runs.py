"""Runs on a Prefect server, as anybody can ask for them over HTTP."""

import time
from contextlib import suppress

import httpx

PATIENCE_SECONDS = 250.0


def wait_until(ready, what, seconds=PATIENCE_SECONDS):
    """What `ready` returns, once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        if found := ready():
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.25)


class Runs:
    """Asks a server for runs, and what became of them.

    Args:
        api_url: The server's API.
        pool: The work pool whose deployments are meant.
    """

    def __init__(self, api_url, pool):
        self.api_url = api_url
        self.pool = pool
        # One client for all: each new one prepares TLS, at a tenth of a second.
        self._client = httpx.Client(base_url=api_url, timeout=60, trust_env=False)

    def answers(self):
        """Whether the server is there."""
        with suppress(httpx.TransportError):
            return self._client.get("/health").is_success
        return False

    def post(self, path, document):
        """What the API answers, as soon as SQLite is not busy with something else."""

        def answered():
            answer = self._client.post(path, json=document)
            return answer if answer.status_code != 503 else None

        answer = wait_until(answered, path)
        assert answer.is_success, answer.text
        return answer.json()

    def run(self, parameters, deployment="on-demand"):
        """Create a run of a deployment of the pool, and return its id."""
        (found,) = self.post("/deployments/filter", {"deployments": {"name": {"any_": [f"{deployment}-{self.pool}"]}}})
        return self.post(f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})["id"]

    def read(self, run_id):
        """A run as it is now; nothing while the server does not answer."""
        with suppress(httpx.TransportError):
            answer = self._client.get(f"/flow_runs/{run_id}")
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
