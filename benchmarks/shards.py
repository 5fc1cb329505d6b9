"""A fleet spread over workers, against a tenant that throttles: real processes, on a Prefect server of their own."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

from benchmarks.measure import Figure
from benchmarks.tenant import Tenant, fleet_of, tenant
from tests.e2e.processes import Processes, descendants, kill_all
from tests.e2e.runs import wait_until

INSTANCES, SHARD = 100, 20
# Graph's rate of 3,000 writes in 150 s, in a tenth of the time.
WRITES, SECONDS = 300, 15.0
PATIENCE_SECONDS = 280.0


def shards() -> list[Figure]:
    """The same fleet with one, two and four workers, and with two of which one is killed half-way."""
    return [*(_spread(workers) for workers in (1, 2, 4)), _spread(2, lose=True)]


def _spread(workers: int, *, lose: bool = False) -> Figure:
    with _site() as (site, served):
        # The apply itself takes a place too.
        site.start_worker(limit=1)
        run_id = site.run({"fleet": fleet_of(INSTANCES), "shard_size": SHARD, "shards_at_once": workers})
        wait_until(lambda: len(site.shards("benchmark")) == workers, "the shards are started")
        began = time.monotonic()
        started = [site.start_worker(limit=1) for _ in range(workers)]
        if lose:
            wait_until(lambda: len(served.writes()) > 3 * INSTANCES, "half of the writes are done", PATIENCE_SECONDS)
            _lose(site, started[-1])
        run = site.ended(run_id, PATIENCE_SECONDS)
        seconds = time.monotonic() - began
        moments, marks, throttled = served.writes(), served.marks(), served.requests().throttled
    most = max(sum(start <= moment < start + SECONDS for moment in moments) for start in moments)
    return Figure(
        f"{INSTANCES} new instances in shards of {SHARD}, workers: {workers}{', one killed half-way' * lose}",
        f"≤ {WRITES} writes in any {SECONDS:g} s, no 429, an application a key",
        f"{run['state']['message']} in {seconds:.0f} s; {len(moments)} writes, at most {most} in {SECONDS:g} s; "
        f"{throttled} answers 429; {len(marks)} applications of {len(set(marks))} keys",
    )


def _lose(site: Processes, worker: Popen[bytes]) -> None:
    """Kill a worker with the shard it has, have that count as crashed, and start another worker in its place."""

    def its_run() -> Any:
        below = {str(pid) for pid in descendants(worker.pid)}
        runs = [run for run in site.shards("benchmark") if run["state_type"] == "RUNNING"]
        return next((run for run in runs if (run["infrastructure_pid"] or "").rpartition(":")[2] in below), None)

    run = wait_until(its_run, "it has a shard")
    kill_all(worker)
    site.set_state(run["id"], "CRASHED")
    site.start_worker(limit=1)


@contextmanager
def _site() -> Iterator[tuple[Processes, Tenant]]:
    """A tenant, and a Prefect server with its deployments."""
    limits: dict[str, Any] = {"throttling": True, "writes_per_window": WRITES, "write_window_seconds": SECONDS}
    with tempfile.TemporaryDirectory(prefix="entra-fleet-benchmark-") as directory, tenant(**limits) as served:
        variables = served.environment | {"ENTRA_FLEET_WRITE_BUDGET": f"{WRITES}/{SECONDS}"}
        site = Processes(Path(directory), variables)
        try:
            site.start_server()
            site.deploy()
            yield site, served
        finally:
            site.stop()
