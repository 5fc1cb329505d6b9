"""Tenants in which a fleet has been provisioned already, and what commands cost that find nothing to do there."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.emulator import send, sign_in
from benchmarks.figures import Figure
from benchmarks.fleets import TEMPLATE, fleet_of
from benchmarks.tenant import Tenant, tenant
from flows.configuration.environment import environment
from graph_emulator import Emulator

SIZES = (100, 1000, 5000)
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "plan": ("plan", "FLEET"),
    "apply with nothing to do": ("apply", "FLEET", "--yes"),
    "monitor --once": ("monitor", "FLEET", "--once"),
}
_SECRETS = [{"key": "SecretToken", "value": "a good token"}, {"key": "SyncAll", "value": "true"}]


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


@dataclass(frozen=True)
class Cost:
    """What one command took: requests on the wire, writes among them, processor time, and its memory at most."""

    requests: int
    writes: int
    busy_seconds: float
    megabytes: float


def settled_fleets() -> list[Figure]:
    """What `plan`, `apply` and `monitor` cost with fleets of three sizes in which nothing is to be done."""
    costs: dict[str, list[Cost]] = {name: [] for name in COMMANDS}
    for size in SIZES:
        with tenant(instances=size) as served, tempfile.TemporaryDirectory(prefix="entra-fleet-benchmark-") as folder:
            path = Path(folder) / "fleet.json"
            path.write_text(json.dumps(fleet_of(size)))
            for name, arguments in COMMANDS.items():
                command = [str(path) if each == "FLEET" else each for each in arguments]
                costs[name].append(_run(served, command))
    return [figure for name, taken in costs.items() for figure in _figures(name, taken)]


def _figures(name: str, taken: list[Cost]) -> list[Figure]:
    sizes = ", ".join(f"{size:,}" for size in SIZES)
    requests = ", ".join(str(each.requests) for each in taken)
    seconds = ", ".join(f"{each.busy_seconds:.1f}" for each in taken)
    memory = ", ".join(f"{each.megabytes:.0f}" for each in taken)
    growth = [
        _steepening([each.requests for each in taken]),
        _steepening([each.busy_seconds for each in taken]),
        _steepening([each.megabytes for each in taken]),
    ]
    shown = ", ".join(f"{each:.2f}" for each in growth)
    return [
        Figure(
            f"{name}: what an instance more costs from {SIZES[1]:,} on, beside up to there: requests, time, memory",
            "≤ 1.2 each",
            shown,
        ),
        Figure(
            f"{name} at {sizes}",
            "0 writes",
            f"{requests} requests, {max(each.writes for each in taken)} writes; {seconds} s of processor time; "
            f"{memory} MB",
        ),
    ]


def _steepening(figures: list[float]) -> float:
    """How many times as much an instance costs between the upper two sizes as between the lower two; 1 is linear."""
    small, medium, large = figures
    lower = (medium - small) / (SIZES[1] - SIZES[0])
    upper = (large - medium) / (SIZES[2] - SIZES[1])
    return upper / lower


def _run(served: Tenant, command: list[str]) -> Cost:
    variables = {**environment().variables, **served.environment, "TOKEN": "a good token", "PREFECT_API_URL": ""}
    since = served.seen()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, "-m", "flows.cli", *command], env=variables, stdout=said, stderr=subprocess.STDOUT
        )
        # As `wait`, with what this one child used.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{said.read()}")
    asked = served.requests(since)
    # Linux counts in kilobytes.
    return Cost(asked.on_wire, asked.writes, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
