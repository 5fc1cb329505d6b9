"""Every event exactly once, by the tenant's own list: every fault, kills at seeded points, two harvesters at once."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from flows.monitoring.harvest import PARCEL, harvest
from flows.store import open_store
from flows.store.tables import PROVISIONING_EVENT
from graph_client import GraphClient, GraphSettings, StaticTokens
from graph_client.errors import GraphError
from graph_emulator import Clock, Emulator, EmulatorSettings, FaultRule
from graph_emulator.faults.profiles import PROFILES
from tests.monitoring.emulated import client_of, event_ids, start_box, token_of

QUARTER_OF_AN_HOUR = 900
LATEST_SECONDS = 7200.0
ROUNDS = 10
LONG_DAY = {
    "users": 120,
    "start_delay_seconds": 20.0,
    "initial_cycle_seconds": 600.0,
    "cycle_seconds": 400.0,
    "eventful_cycles": 60,
    "log_latency_seconds": 300.0,
    "late_event_share": 0.2,
    "late_event_seconds": LATEST_SECONDS,
    "token_lifetime_seconds": 864_000.0,
}
LOG = "/auditLogs/provisioning"
EVERY_FAULT = [
    rule
    for name in ("flaky", "throttled", "hostile")
    for rule in PROFILES[name].rules
    if rule.method != "write" and rule.occurrence is None
] + [
    FaultRule("status", path=LOG, status=410, probability=0.02),
    FaultRule("truncate", path=LOG, probability=0.03),
    FaultRule("hostile_next_link", path=LOG, probability=0.03),
    FaultRule("status", path=LOG, status=429, occurrence=90, retry_after="86400"),
]


class Killed(BaseException):
    pass


def killer(chance: random.Random):
    """Something to be told of each parcel that kills at one of them, or never."""
    parcels_left = chance.choice([1, 3, 10, 1000, 1000, 1000])

    def on_stored(_):
        nonlocal parcels_left
        parcels_left -= 1
        if not parcels_left:
            raise Killed

    return on_stored


async def harvest_once(emulator, token, url, chance, **given) -> bool:
    """One harvest in a client and a store of its own; whether it came to its end."""

    async def sleep(seconds):
        emulator.controls.advance(seconds)
        await asyncio.sleep(0)

    settings = GraphSettings.for_cloud("global", api_version=chance.choice(["v1.0", "beta"]), log_page_size=15)
    client = GraphClient(
        settings, StaticTokens(token), transport=emulator.transport(), sleep=sleep, clock=emulator.clock.now
    )
    with open_store(url) as store:
        before = store.harvests.watermark(emulator.settings.tenant_id)
        async with client as graph:
            try:
                await harvest(
                    graph,
                    store,
                    tenant_id=emulator.settings.tenant_id,
                    now=datetime.fromtimestamp(emulator.clock.now(), UTC),
                    overlap=timedelta(seconds=LATEST_SECONDS),
                    parcel=chance.choice([1, 40, PARCEL]),
                    **given,
                )
            except (GraphError, Killed):
                return False
            finally:
                after = store.harvests.watermark(emulator.settings.tenant_id)
                assert before is None or after >= before
    return True


def stored_ids(url):
    with open_store(url) as store, store._database.read() as connection:
        rows = connection.execute(select(PROVISIONING_EVENT.c.service_principal_id, PROVISIONING_EVENT.c.id))
        return sorted((principal, id_) for principal, id_ in rows)


@pytest.mark.parametrize(
    ("kind_of_store", "seed"),
    [
        ("sqlite", 1),
        pytest.param("postgresql", 2, marks=pytest.mark.long),
        pytest.param("sqlite", 2, marks=pytest.mark.proof),
        pytest.param("postgresql", 1, marks=pytest.mark.proof),
    ],
    indirect=["kind_of_store"],
)
async def test_after_every_fault_the_store_has_the_ids_that_the_tenant_has(store_url, seed):
    chance = random.Random(seed)
    emulator = Emulator(EmulatorSettings(seed=seed, **LONG_DAY), Clock.frozen())
    token = await token_of(emulator)
    async with await client_of(emulator) as graph:
        ours = [await start_box(graph, f"Box {number}") for number in range(2)]
        theirs = await start_box(graph, "Somebody else's")
    emulator.controls.add_faults(EVERY_FAULT)
    ended = 0
    for _ in range(ROUNDS):
        emulator.controls.advance(QUARTER_OF_AN_HOUR)
        at_once = (
            harvest_once(emulator, token, store_url, chance, service_principal_ids=ours, on_stored=killer(chance))
            for _ in range(2)
        )
        ended += sum(await asyncio.gather(*at_once))
    met = {record.fault for record in emulator.requests if record.fault}
    emulator.controls.clear_faults()
    happened = event_ids(emulator)
    emulator.controls.advance(LATEST_SECONDS)
    assert await harvest_once(emulator, token, store_url, chance, service_principal_ids=ours)
    known = {(principal, id_) for principal in ours for id_ in happened[principal]}
    stored = stored_ids(store_url)
    assert len(stored) == len(set(stored))
    assert known <= set(stored)
    everything = event_ids(emulator)
    assert set(stored) <= {(principal, id_) for principal in ours for id_ in everything[principal]}
    assert 0 < ended < 2 * ROUNDS
    assert len(known) > 300
    assert theirs in happened
    assert met >= {"status-503-before", "status-410-before", "html-before", "reset-before", "truncate"}
    with open_store(store_url) as store:
        assert store.harvests.gaps(emulator.settings.tenant_id) == []
