"""Harvesters as processes that are killed without warning, against a served tenant, two at once."""

import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from flows.store import open_store
from flows.store.tables import PROVISIONING_EVENT
from graph_emulator import FaultRule
from tests.estates import TENANT, estate
from tests.monitoring.emulated import client_of, event_ids, start_box

EVENTS = 2000
FAULTS = [
    FaultRule("status", operation="list_provisioning_events", status=503, probability=0.03, retry_after="0.01"),
    FaultRule("truncate", operation="list_provisioning_events", probability=0.03),
    FaultRule("reset", operation="list_provisioning_events", probability=0.03),
    FaultRule("expired_token", operation="list_provisioning_events", probability=0.03),
]


def started(url, *principals):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.monitoring.harvester", *principals],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "ENTRA_FLEET_STORE": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_after(process, tenant, requests):
    """Kill a harvester once the tenant has been asked so many times, or let it end if that is sooner."""
    wanted = tenant.emulator.controls.requests_seen + requests
    deadline = time.monotonic() + 200
    while process.poll() is None and tenant.emulator.controls.requests_seen < wanted and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    process.communicate()


def state(url):
    with open_store(url) as store, store._database.read() as connection:
        return connection.scalars(select(PROVISIONING_EVENT.c.id)).all(), store.harvests.watermark(TENANT)


@pytest.mark.parametrize(
    "kind_of_store", ["sqlite", pytest.param("postgresql", marks=pytest.mark.proof)], indirect=True
)
@pytest.mark.long  # test_harvest_proof.py kills one at seeded points
async def test_whenever_harvesters_are_killed_each_event_is_stored_once(tmp_path, store_url):
    chance = random.Random(4)
    with estate(tmp_path / "tenant", eventful_cycles=0, users=3, groups=0) as tenant:
        async with await client_of(tenant.emulator) as graph:
            principal, other = [await start_box(graph, f"Box {number}") for number in range(2)]
        for each in (principal, other):
            tenant.emulator.controls.preload_events(each, EVENTS // 2)
        tenant.emulator.controls.add_faults(FAULTS)
        watermark = None
        for _ in range(2):
            pair = [started(store_url, principal, other) for _ in range(2)]
            for process in pair:
                killed_after(process, tenant, chance.randint(5, 50))
            stored, now_at = state(store_url)
            assert len(stored) == len(set(stored))
            assert watermark is None or now_at >= watermark
            watermark = now_at
        last = started(store_url, principal, other)
        _, err = last.communicate(timeout=280)
        assert (last.returncode, err) == (0, "")
        happened = [id_ for ids in event_ids(tenant.emulator).values() for id_ in ids]
        stored, now_at = state(store_url)
    assert sorted(stored) == sorted(happened)
    assert now_at > datetime.now(UTC) - timedelta(minutes=5)
