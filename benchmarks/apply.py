"""The product itself: `entra-fleet apply` with its Prefect server, and how fast its commands start."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.fleets import fleet_of
from benchmarks.tenant import tenant
from flows.configuration.environment import environment

ROUNDS = 3


def apply_a_hundred() -> list[Figure]:
    """A hundred new instances over TLS, ten at a time; 618 s with Terraform's azuread provider."""
    instances = 100
    with tenant(latency_seconds=0.05) as served, _fleet_file(instances) as path:
        _run(served.environment, "apply", path, "--yes", "--concurrency", "10", "--output", "json")
        asked = served.requests()
    return [
        Figure(
            "100 new instances, 50 ms latency, concurrency 10: each",
            "6 writes, ≤ 9 requests, ≤ 20 with a batch's parts",
            f"{asked.writes / instances:g}, {asked.on_wire / instances:.2f}, {asked.calls / instances:.2f}",
        ),
        Figure("all of them, from the first request to the last", "≤ 30 s", f"{asked.seconds:.1f} s"),
    ]


def starts() -> list[Figure]:
    """The quickest of some starts, beside an empty Python's."""
    with tenant() as served, _fleet_file(50) as path:
        bare = _quickest(served.environment, "-c", "pass")
        help_ = _quickest(served.environment, "-m", "flows.cli", "--help")
        plan = _quickest(served.environment, "-m", "flows.cli", "plan", path)
    return [
        Figure("entra-fleet --help", "< 0.5 s", f"{help_:.2f} s, {help_ / bare:.0f} times an empty Python"),
        Figure("entra-fleet plan of 50", "< 1.5 s + Graph", f"{plan:.2f} s, {plan / bare:.0f} times an empty Python"),
    ]


@contextmanager
def _fleet_file(instances: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="entra-fleet-benchmark-") as directory:
        path = Path(directory) / "fleet.json"
        path.write_text(json.dumps(fleet_of(instances)))
        yield str(path)


def _run(variables: Mapping[str, str], *arguments: str) -> None:
    _python(variables, "-m", "flows.cli", *arguments)


def _quickest(variables: Mapping[str, str], *arguments: str) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        _python(variables, *arguments)
        taken.append(time.perf_counter() - began)
    return min(taken)


def _python(variables: Mapping[str, str], *arguments: str) -> None:
    """Run this Python to its end; what it says is shown only if it fails."""
    own = {**environment().variables, **variables, "TOKEN": "a good token", "PREFECT_API_URL": ""}
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, *arguments], env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")
