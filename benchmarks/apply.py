"""The product itself: `entra-fleet apply` beside a script without it, and what its commands take to start."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

import httpx

from benchmarks.measure import Cost, Figure, peak_megabytes, run_command, run_python
from benchmarks.tenant import Requests, Tenant, fleet_file, tenant
from flows.cli.processes.prefect_server import PrefectServer
from graph_client import GraphSettings

ROUNDS = 3
REALISTIC: dict[str, Any] = {"latency": "realistic", "replication_lag_seconds": 8.0, "templates_lag_seconds": 12.0}
"""As the tenant's profile of that name."""


def apply_a_hundred() -> list[Figure]:
    """A hundred new instances over TLS, ten at a time; 618 s with Terraform's azuread provider."""
    instances = 100
    with tenant(latency_seconds=0.05) as served:
        bare = run_python(served.environment, "-m", "benchmarks.bare", str(instances), "10")
        least = served.requests()
    with tenant(latency_seconds=0.05) as served, fleet_file(instances) as path:
        command, asked = _apply({}, served, path)
    with _prefect_server() as server, tenant(latency_seconds=0.05) as served, fleet_file(instances) as path:
        watched, asked_watched = _apply(server.api.variables, served, path)
    return [
        Figure(
            "100 new instances, 50 ms latency, ten at once, beside a bare script of asyncio and httpx in the same run",
            "≤ 2 times its seconds",
            f"{asked.seconds / least.seconds:.1f} times its {least.seconds:.1f} s; the commands in all "
            f"{command.seconds:.1f} and {bare.seconds:.1f} s, {command.busy_seconds:.1f} and {bare.busy_seconds:.1f} s "
            "of processor time",
        ),
        Figure(
            "the same with a Prefect server, each step a task run there",
            "≤ 2 times its seconds",
            f"{asked_watched.seconds / least.seconds:.1f} times; {watched.busy_seconds:.1f} s of processor time, "
            "without the server's",
        ),
        Figure(
            "each of them",
            "6 writes, ≤ 9 requests, ≤ 20 with a batch's parts",
            f"{asked.writes / instances:g}, {asked.on_wire / instances:.2f}, {asked.calls / instances:.2f}",
        ),
        Figure("all of them, from the first request to the last", "≤ 30 s", f"{asked.seconds:.1f} s"),
    ]


def _apply(
    variables: Mapping[str, str | None], served: Tenant, path: str, concurrency: int = 10
) -> tuple[Cost, Requests]:
    arguments = ("apply", path, "--yes", "--output", "json", "--concurrency", str(concurrency))
    command = run_command({**served.environment, **variables}, *arguments)
    return command, served.requests()


def apply_a_thousand() -> list[Figure]:
    """A thousand new instances with a Prefect server, by the clock: five to six minutes."""
    instances = 1000
    with (
        _prefect_server() as server,
        tenant(throttling=True, **REALISTIC) as served,
        fleet_file(instances) as path,
    ):
        # Ten at once wait for Graph's latency, and do not come near the budget.
        command, asked = _apply(server.api.variables, served, path, concurrency=40)
        with httpx.Client(base_url=server.api_url, timeout=60) as api:
            recorded = recorded_starts(api, instances)
        megabytes = peak_megabytes(server.child.pid)
        most = served.most_writes(GraphSettings().write_window_seconds)
    even = asked.writes * GraphSettings().write_window_seconds / GraphSettings().writes_per_window
    return [
        Figure(
            f"{instances:,} new instances with realistic latency and a Prefect server, 40 at once, by the clock",
            "≤ 1.15 of what the write budget allows",
            f"{asked.seconds / even:.2f} of {even:.0f} s; {command.busy_seconds:.0f} s of processor time",
        ),
        Figure("writes in any 150 s, and answers 429", "≤ 3,000; none", f"{most:,}; {asked.throttled}"),
        Figure(
            "memory of client and server at most",
            "< 2 GB together",
            f"{command.megabytes:.0f} and {megabytes:.0f} MB",
        ),
        Figure("started jobs that the server has recorded as task runs", f"{instances:,}", f"{recorded:,}"),
    ]


def starts() -> list[Figure]:
    """The quickest of some starts, beside an empty Python's."""
    # Without people there is no event: a harvest that reads some waits for the budget of five reports in ten seconds.
    with tenant(users=0) as served, fleet_file(50) as path:
        bare = _quickest(served.environment, "-c", "pass")
        help_ = _quickest(served.environment, "-m", "flows.cli", "--help")
        run_command(served.environment, "apply", path, "--yes")
        flows = {
            "apply with nothing to do": _quickest(served.environment, "-m", "flows.cli", "apply", path, "--yes"),
            "monitor --once": _quickest(served.environment, "-m", "flows.cli", "monitor", path, "--once"),
            "harvest of nothing": _quickest(served.environment, "-m", "flows.cli", "harvest"),
        }
        # Of the same fleet once it is there: before, a plan has less to read.
        plan = _quickest(served.environment, "-m", "flows.cli", "plan", path)
    return [
        Figure("entra-fleet --help", "< 0.5 s", _beside(help_, bare)),
        Figure("entra-fleet plan of 50", "< 1.5 s + Graph", _beside(plan, bare)),
        *(
            Figure(f"{name}, more than plan", "≤ 2.5 s, ≤ 3 s of processor time", took.more_than(plan))
            for name, took in flows.items()
        ),
    ]


def _beside(took: Cost, bare: Cost) -> str:
    return (
        f"{took.seconds:.2f} s, {took.busy_seconds:.2f} s of processor time: "
        f"{took.busy_seconds / bare.busy_seconds:.0f} times an empty Python's"
    )


@contextmanager
def _prefect_server() -> Iterator[PrefectServer]:
    """A server of its own, as `up` starts one."""
    with tempfile.TemporaryDirectory(prefix="entra-fleet-benchmark-") as directory:
        server = PrefectServer(Path(directory))
        try:
            server.wait()
            yield server
        finally:
            server.stop()


def recorded_starts(api: httpx.Client, wanted: int, settle_seconds: float = 60.0) -> int:
    """How many steps that start a job a server has recorded as completed, once it has all or takes in no more.

    Args:
        api: Of the server.
        wanted: How many there are.
        settle_seconds: How long it may take in nothing before it is asked no more.
    """
    filters = {"task_runs": {"name": {"like_": "start-job"}, "state": {"type": {"any_": ["COMPLETED"]}}}}
    recorded, changed_at = 0, time.monotonic()
    while recorded < wanted and time.monotonic() < changed_at + settle_seconds:
        time.sleep(1)
        found = api.post("/task_runs/count", json=filters)
        if found.is_success and (now := int(found.json())) != recorded:
            recorded, changed_at = now, time.monotonic()
    return recorded


def _quickest(variables: Mapping[str, str], *arguments: str) -> Cost:
    taken = [run_python(variables, *arguments) for _ in range(ROUNDS)]
    return Cost(*(min(each) for each in zip(*map(astuple, taken), strict=True)))
