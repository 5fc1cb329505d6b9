"""Every job of a tenant: requests, processor time and memory of a first look, and of a second one."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.measure import Figure
from benchmarks.tenant import tenant
from flows.configuration.environment import environment

SIZES = {100: 6 + 1, 1_000: 52 + 3, 10_000: 511 + 25}
"""Requests that a first look at so many service principals may take, at most; those of certificates are added."""


@dataclass(frozen=True)
class _Measured:
    jobs: int
    requests: int
    processor_seconds: float
    megabytes: float


def inventories() -> list[Figure]:
    """The command `inventory` on tenants of three sizes, twice each."""
    figures = []
    for size, most in SIZES.items():
        with tenant(estate=size) as served:
            first, second = _look(served.environment), _look(served.environment)
        goal = f"≤ {most} and what changed"
        requests = f"{first.requests} for {first.jobs} jobs, then {second.requests}"
        cost = (
            f"{first.processor_seconds:.1f} and {second.processor_seconds:.1f} s of processor time, the start included"
        )
        figures.append(
            Figure(f"`inventory` of {size:,}, requests", goal, f"{requests}; {cost}; {first.megabytes:.0f} MB")
        )
    return figures


def _look(variables: dict[str, str]) -> _Measured:
    command = [sys.executable, "-m", "flows.cli", "inventory", "--output", "json"]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, env=environment().variables | variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    document = json.loads(process.stdout.read() if process.stdout else "{}")
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = used.ru_utime + used.ru_stime
    return _Measured(len(document["jobs"]), document["requests"], seconds, used.ru_maxrss / 1024)
