"""An embedded tenant in a process of its own, so that its work is not counted as the client's, and fleets for it."""

import json
import signal
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from benchmarks.emulator import send, sign_in
from flows.configuration.environment import Environment
from graph_client import GraphClient, MsalTokens
from graph_emulator import Emulator, EmulatorSettings

TEMPLATE = "Box"
QUICK = {"start_delay_seconds": 0.0, "initial_cycle_seconds": 0.05, "log_latency_seconds": 0.0, "cycle_seconds": 3600.0}
_SECRETS = [{"key": "SecretToken", "value": "a good token"}, {"key": "SyncAll", "value": "true"}]


def fleet_of(instances: int) -> dict[str, Any]:
    """A fleet of so many instances, their one secret in the environment variable TOKEN."""
    return {
        "fleet": "benchmark",
        "tenant_id": EmulatorSettings().tenant_id,
        "defaults": {"template": TEMPLATE, "scope": "all", "credentials": {"SecretToken": "${env:TOKEN}"}},
        "instances": [{"key": f"k{n:05}", "display_name": f"Application {n:05}"} for n in range(instances)],
    }


@contextmanager
def fleet_file(instances: int) -> Iterator[str]:
    """Yield the path of the file of such a fleet."""
    with tempfile.TemporaryDirectory(prefix="entra-fleet-benchmark-") as directory:
        path = Path(directory) / "fleet.json"
        path.write_text(json.dumps(fleet_of(instances)))
        yield str(path)


@dataclass(frozen=True)
class Requests:
    """What the tenant was asked: on the wire, with a batch's calls counted one by one, writes, and refusals.

    Args:
        seconds: From the first request to the last.
    """

    on_wire: int
    calls: int
    writes: int
    throttled: int
    seconds: float


@dataclass(frozen=True)
class Tenant:
    """A served tenant: the environment that leads to it, and its control interface."""

    environment: dict[str, str]
    control: httpx.Client

    def seen(self) -> int:
        """The number of the last request."""
        records = self._records(0)
        return int(records[-1]["sequence"]) if records else 0

    def requests(self, since: int = 0) -> Requests:
        """What Graph was asked after the request of this number, by the tenant's own count."""
        asked = [r for r in self._records(since) if r["path"].startswith(("/v1.0/", "/beta/"))]
        calls = [record for record in asked if record["operation"] != "batch"]
        moments = [record["at"] for record in asked]
        return Requests(
            on_wire=sum(record["batch"] is None for record in asked),
            calls=len(calls),
            writes=sum(record["method"] != "GET" and record["status"] < 400 for record in calls),
            throttled=sum(record["status"] == 429 for record in calls),
            seconds=max(moments) - min(moments) if moments else 0.0,
        )

    def writes(self) -> list[float]:
        """When each write was done."""
        asked = [record for record in self._records(0) if record["path"].startswith(("/v1.0/", "/beta/"))]
        calls = [record for record in asked if record["operation"] != "batch" and record["method"] != "GET"]
        return [record["at"] for record in calls if record["status"] < 400]

    def most_writes(self, seconds: float) -> int:
        """How many writes were done in that of all windows of so many seconds that had most."""
        moments = sorted(self.writes())
        return max((bisect_left(moments, moment + seconds) - place for place, moment in enumerate(moments)), default=0)

    def started_jobs(self) -> int:
        """How many starts of a job the tenant has taken."""
        return sum(record["operation"] == "start_job" and record["status"] < 400 for record in self._records(0))

    def marks(self) -> list[str]:
        """The marks that applications bear, one each."""
        found = self.control.get("state").json()["applications"]
        return [tag for each in found for tag in each["tags"] if tag.startswith("entra-fleet:")]

    def _records(self, since: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control.get("requests", params={"since": since}).json()["requests"]
        return found


@contextmanager
def tenant(instances: int = 0, **settings: Any) -> Iterator[Tenant]:
    """Serve a tenant, with a store beside it, until the end of the context.

    Args:
        instances: How many instances of the fleet of this size it holds already.
        settings: Of the emulator.
    """
    with tempfile.TemporaryDirectory(prefix="entra-fleet-benchmark-") as directory:
        command = [sys.executable, "-m", "benchmarks.tenant", directory, str(instances), json.dumps(QUICK | settings)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
        try:
            environment = json.loads(server.stdout.readline())
            store = {"ENTRA_FLEET_STORE": f"sqlite:///{directory}/store.db"}
            url = f"{environment['ENTRA_FLEET_GRAPH_URL']}/_emulator/"
            trust = environment["SSL_CERT_FILE"]
            with httpx.Client(base_url=url, verify=trust, timeout=120.0, trust_env=False) as control:
                yield Tenant(environment | store, control)
        finally:
            server.stdin.close()
            server.wait()
            server.stdout.close()


def client(variables: Mapping[str, str], **settings: Any) -> GraphClient:
    """A client signed in as these environment variables say, with some settings changed."""
    source = Environment(variables)
    graph = replace(source.graph_settings(), **settings)
    tenant_id = source.require("AZURE_TENANT_ID", "the tenant to measure")
    return GraphClient(graph, MsalTokens(graph, tenant_id, source.sign_in_method()))


def settle(emulator: Emulator, instances: int) -> None:
    """Have a tenant hold what `fleet_of` describes, by the writes that an apply sends.

    Args:
        emulator: The tenant.
        instances: How many instances the fleet has.
    """
    headers, fleet = sign_in(emulator), fleet_of(instances)
    listed = send(emulator, headers, "GET", "/v1.0/applicationTemplates", None)["value"]
    gallery = next(each["id"] for each in listed if each["displayName"] == TEMPLATE)
    for each in fleet["instances"]:
        path = f"/v1.0/applicationTemplates/{gallery}/instantiate"
        made = send(emulator, headers, "POST", path, {"displayName": each["display_name"]})
        tags = [f"entra-fleet:{fleet['fleet']}:{each['key']}"]
        send(emulator, headers, "PATCH", f"/v1.0/applications/{made['application']['id']}", {"tags": tags})
        below = f"/v1.0/servicePrincipals/{made['servicePrincipal']['id']}/synchronization"
        template = send(emulator, headers, "GET", f"{below}/templates", None)["value"][0]["id"]
        job = send(emulator, headers, "POST", f"{below}/jobs", {"templateId": template})["id"]
        send(emulator, headers, "PUT", f"{below}/secrets", {"value": _SECRETS})
        send(emulator, headers, "POST", f"{below}/jobs/{job}/start", None)


def serve(directory: Path, instances: int, settings: dict[str, Any]) -> None:
    """Serve until standard input ends, which it does with the benchmark, however that ends."""
    # Ctrl-C reaches every process of the terminal; this one ends with its standard input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    emulator = Emulator(EmulatorSettings(**settings))
    if instances:
        settle(emulator, instances)
    with emulator.serve(port=0, directory=directory) as served:
        print(json.dumps(served.environment), flush=True)  # noqa: T201 - the answer to the benchmark
        sys.stdin.read()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))
