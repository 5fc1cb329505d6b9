"""How long `why` and `report` take on a million events."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.crowded_store import fill, guid
from benchmarks.figures import Figure
from flows.store import open_store

EVENTS, USERS, APPLICATIONS = 1_000_000, 50_000, 1000
SOUGHT = (guid("user", 7), "person000007@contoso.example", "Person 000007", "000007@CON", "nobody")
FILLED = "ENTRA_FLEET_BENCHMARK_STORE"
"""URL of a store that an earlier run has filled, or that is to be filled and kept; it takes some ten minutes."""


def answers() -> list[Figure]:
    """Ask a crowded store, each time in a process of its own as a person does."""
    with tempfile.TemporaryDirectory() as directory:
        url = os.environ.get(FILLED) or f"sqlite:///{directory}/store.db"
        with open_store(url) as store:
            if not store.coverage():
                fill(store, EVENTS, USERS, APPLICATIONS)
        page = Path(directory) / "report.html"
        slowest = max(_seconds("why", who, "--store", url) for who in SOUGHT)
        whole = _seconds("report", "--out", str(page), "--store", url)
        kilobytes = page.stat().st_size / 1000
    what = f"{EVENTS:,} events of {APPLICATIONS:,} applications"
    return [
        Figure(f"`why` on {what}, start included", "≤ 1 s", _shown(slowest)),
        Figure(f"`report` on {what}", "≤ 10 s", _shown(whole)),
        Figure("size of that page", "< 1 MB", f"{kilobytes:.0f} KB"),
    ]


def _shown(times: tuple[float, float]) -> str:
    return f"{times[0]:.1f} s of processor time, {times[1]:.1f} s by the clock"


def _seconds(*arguments: str) -> tuple[float, float]:
    """Return the processor time and the time that a command takes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "flows.cli", *arguments]
    subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own command
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took
