"""Reading the provisioning log into SQLite and PostgreSQL: events a second, and peak memory.

The harvest runs in a process of its own, so that its time and memory are measured alone.
"""

import asyncio
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks.measure import Figure, database, peak_megabytes
from benchmarks.tenant import Tenant, client, tenant
from flows.configuration.environment import environment
from flows.monitoring.harvest import harvest
from flows.store import open_store

EVENTS, FEW, MANY = 100_000, 20_000, 1_000_000
BOX = "Box"


def harvest_events() -> list[Figure]:
    """A hundred thousand events, beside a fifth of them for the memory."""
    few, measured = measure(FEW), measure(EVENTS)
    with database() as url:
        shared = _pace(measure(EVENTS, url)) if url else "no PostgreSQL here"
    return [
        Figure("harvest of 100,000 events into SQLite", "≥ 10,000/s", _pace(measured)),
        Figure("into PostgreSQL on this machine", "≥ 5,000/s", shared),
        Figure("peak memory of the former", "< 250 MB", f"{measured['megabytes']:.0f} MB"),
        Figure("the same with 20,000 events", "flat", f"{few['megabytes']:.0f} MB"),
    ]


def harvest_a_million() -> list[Figure]:
    """A million events: some minutes."""
    measured = measure(MANY)
    return [Figure("harvest of 1,000,000 events", "< 250 MB", f"{_pace(measured)}, {measured['megabytes']:.0f} MB")]


def _pace(measured: dict[str, Any]) -> str:
    return f"{measured['per_second']:,.0f}/s by the clock, {measured['per_cpu_second']:,.0f}/s of processor time"


def measure(events: int, store_url: str | None = None) -> dict[str, Any]:
    """Harvest so many events from a new tenant into a new store: a file, or that of the URL."""
    with tenant() as served:
        principal = _principal(served)
        asked = {"service_principal_id": principal, "count": events}
        served.control.post("events", json=asked).raise_for_status()
        variables = environment().variables | served.environment
        if store_url:
            variables["ENTRA_FLEET_STORE"] = store_url
        command = [sys.executable, "-m", "benchmarks.harvest", principal]
        done = subprocess.run(  # noqa: S603 - ours
            command, env=variables, stdout=subprocess.PIPE, text=True, check=True
        )
    measured: dict[str, Any] = json.loads(done.stdout)
    if measured["new"] != events:
        raise RuntimeError(f"{measured['new']} events of {events} were stored")
    return measured


def _principal(served: Tenant) -> str:
    async def instantiate() -> str:
        async with client(served.environment) as graph:
            [template] = [found async for found in graph.application_templates.list(display_name=BOX)]
            made = await graph.application_templates.instantiate(template.id, display_name=BOX)
            return made.service_principal.id

    return asyncio.run(instantiate())


async def read_log(principal: str) -> dict[str, Any]:
    """Harvest as the environment says; what it took this process."""
    source = environment()
    with open_store(source.store_url) as store:
        # Without the pacing of reports, which would be all that is measured.
        async with client(source.variables, reports_per_window=1_000_000) as graph:
            busy, began = time.process_time(), time.perf_counter()
            result = await harvest(
                graph,
                store,
                tenant_id=source.tenant or "",
                service_principal_ids=[principal],
                now=datetime.now(UTC),
            )
            busy, passed = time.process_time() - busy, time.perf_counter() - began
    return {
        "new": result.new,
        "per_cpu_second": result.new / busy,
        "per_second": result.new / passed,
        "megabytes": peak_megabytes(),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(read_log(sys.argv[1]))))  # noqa: T201 - the answer to the benchmark
