"""The product itself: `entra-fleet apply` beside a script without it, and what its commands take to start."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.fleets import fleet_of
from benchmarks.tenant import tenant
from flows.configuration.environment import environment

ROUNDS = 3


@dataclass(frozen=True)
class Cost:
    """What a process and its children took, by the clock and on the processors."""

    seconds: float
    busy_seconds: float

    def more_than(self, other: "Cost") -> str:
        """Return what it took beyond another."""
        seconds, busy_seconds = self.seconds - other.seconds, self.busy_seconds - other.busy_seconds
        return f"{seconds:.1f} s, {busy_seconds:.1f} s of processor time"


def apply_a_hundred() -> list[Figure]:
    """A hundred new instances over TLS, ten at a time; 618 s with Terraform's azuread provider."""
    instances = 100
    with tenant(latency_seconds=0.05) as served:
        bare = _python(served.environment, "-m", "benchmarks.bare", str(instances), "10")
        least = served.requests()
    with tenant(latency_seconds=0.05) as served, _fleet_file(instances) as path:
        command = _run(served.environment, "apply", path, "--yes", "--concurrency", "10", "--output", "json")
        asked = served.requests()
    return [
        Figure(
            "the same, beside a bare script of asyncio and httpx",
            "≤ 2 times its seconds",
            f"{asked.seconds / least.seconds:.1f} times its {least.seconds:.1f} s; the commands in all "
            f"{command.seconds:.1f} and {bare.seconds:.1f} s, {command.busy_seconds:.1f} and {bare.busy_seconds:.1f} s "
            "of processor time",
        ),
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
        _run(served.environment, "apply", path, "--yes")
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
def _fleet_file(instances: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="entra-fleet-benchmark-") as directory:
        path = Path(directory) / "fleet.json"
        path.write_text(json.dumps(fleet_of(instances)))
        yield str(path)


def _run(variables: Mapping[str, str], *arguments: str) -> Cost:
    return _python(variables, "-m", "flows.cli", *arguments)


def _quickest(variables: Mapping[str, str], *arguments: str) -> Cost:
    taken = [_python(variables, *arguments) for _ in range(ROUNDS)]
    return Cost(min(each.seconds for each in taken), min(each.busy_seconds for each in taken))


def _python(variables: Mapping[str, str], *arguments: str) -> Cost:
    """Run this Python to its end and return what it took; what it says is shown only if it fails."""
    began, busy = time.perf_counter(), _children_seconds()
    own = {**environment().variables, **variables, "TOKEN": "a good token", "PREFECT_API_URL": ""}
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, *arguments], env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")
    return Cost(time.perf_counter() - began, _children_seconds() - busy)


def _children_seconds() -> float:
    """The processor time of every child that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
