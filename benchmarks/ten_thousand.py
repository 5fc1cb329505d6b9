"""Ten thousand instances as shards, on the processes of the compose file: PostgreSQL, Redis and two workers.

It runs for ten minutes, in which Graph's limits let a fifth of them through, and then ends its workers.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import redis
from sqlalchemy import create_engine, make_url, text

from benchmarks.apply import REALISTIC, recorded_starts
from benchmarks.measure import Figure, database
from benchmarks.tenant import Tenant, fleet_file, tenant
from graph_client import GraphSettings
from tests.e2e.processes import descendants, kill_all
from tests.e2e.redis_databases import DATABASES, is_ours
from tests.e2e.runs import wait_until
from tests.e2e.test_compose import Site

INSTANCES, WORKERS, CONCURRENCY = 10_000, 2, 10
SECONDS = float(os.environ.get("ENTRA_FLEET_BENCHMARK_SECONDS", "600"))
REDIS = os.environ.get("ENTRA_FLEET_TEST_REDIS", "redis://127.0.0.1:6379")
_START_SECONDS = 600.0
_LOOK_SECONDS = 5.0
# Its services record other things, of the same messages, before these.
_SETTLE_SECONDS = 300.0


def apply_ten_thousand() -> list[Figure]:
    """Ten minutes of an apply of ten thousand."""
    window = GraphSettings().write_window_seconds
    with (
        database() as url,
        _redis_urls() as urls,
        tenant(throttling=True, **REALISTIC) as served,
        fleet_file(INSTANCES) as path,
        tempfile.TemporaryDirectory(prefix="entra-fleet-benchmark-") as directory,
    ):
        if url is None:
            return [Figure("10,000 new instances in shards", "", "no PostgreSQL here")]
        site = Site(Path(directory), make_url(url), urls, {**served.environment, "TOKEN": "a good token"})
        try:
            megabytes = _run(site, path, served)
            started = served.started_jobs()
            with site.client(0) as api:
                recorded = recorded_starts(api, started, _SETTLE_SECONDS)
            rows, size = _rows(url)
        finally:
            site.stop()
        asked, most = served.requests(), served.most_writes(window)
    return [
        Figure(
            f"{INSTANCES:,} new instances in shards, {WORKERS} workers, PostgreSQL and Redis, {SECONDS:.0f} s: "
            f"writes in any {window:.0f} s; answers 429",
            f"≤ {GraphSettings().writes_per_window:,}; 0",
            f"{most:,} of {asked.writes:,} in {asked.seconds:.0f} s; {asked.throttled}",
        ),
        Figure(
            "started jobs of which the server has the task run",
            f"all but the {WORKERS * 5 * CONCURRENCY} that were at work when the workers were killed",
            f"{recorded:,} of {started:,}",
        ),
        Figure(
            "memory at most: " + ", ".join(megabytes), "flat", ", ".join(f"{m:.0f}" for m in megabytes.values()) + " MB"
        ),
        Figure("rows of Prefect's tables, and the database", "", f"{rows:,}; {size}"),
    ]


def _run(site: Site, path: str, served: Tenant) -> dict[str, float]:
    """Start everything and an apply, end the workers after the time; return the most memory of each kind of process."""
    site.once("migrate")
    parts = {"services": site.start("services"), "server": site.start("server")}
    site.wait_for("/api/ready")
    for name in ("store", "deploy"):
        site.once(name)
    workers = []
    for _ in range(WORKERS):
        workers.append(site.start("worker"))
        site.wait_for("/health")
    parts |= {f"worker {number} with its runs": worker for number, worker in enumerate(workers, 1)}
    with site.client(0) as api:
        (found,) = api.post("/deployments/filter", json={"deployments": {"name": {"any_": ["on-demand"]}}}).json()
        parameters = {"fleet": path, "concurrency": CONCURRENCY}
        api.post(f"/deployments/{found['id']}/create_flow_run", json={"parameters": parameters}).raise_for_status()
    wait_until(served.started_jobs, "the first job is started", _START_SECONDS)
    megabytes, ends = dict.fromkeys(parts, 0.0), time.monotonic() + SECONDS
    while time.monotonic() < ends:
        for name, process in parts.items():
            megabytes[name] = max(megabytes[name], _megabytes(process.pid))
        time.sleep(_LOOK_SECONDS)
    for worker in workers:
        kill_all(worker)
    return megabytes


def _megabytes(pid: int) -> float:
    """The memory of a process and what it has started; shared pages count once for each."""
    total = 0
    for each in (pid, *descendants(pid)):
        try:
            total += psutil.Process(each).memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def _rows(url: str) -> tuple[int, str]:
    """The rows of task runs, their states, events and what events are about, and the size of the whole database."""
    tables = ("task_run", "task_run_state", "events", "event_resources", "log")
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            counts: list[Any] = [
                connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608 - ours
                for table in tables
            ]
            size = connection.execute(text("SELECT pg_size_pretty(pg_database_size(current_database()))")).scalar_one()
    finally:
        engine.dispose()
    return sum(counts), str(size)


@contextmanager
def _redis_urls() -> Iterator[list[str]]:
    """Two empty databases of the Redis server, emptied again in the end."""
    free = (url for number in range(1, DATABASES) if is_ours(url := f"{REDIS}/{number}"))
    urls = [next(free), next(free)]
    try:
        yield urls
    finally:
        for url in urls:
            with redis.Redis.from_url(url) as client:
                client.flushdb()
