"""The harvest against the embedded tenant, judged by the tenant's own count."""

from datetime import UTC, datetime

import pytest

from flows.monitoring.harvest import harvest
from flows.store import EventFilter
from graph_emulator import Clock, Emulator, EmulatorSettings
from tests.monitoring.emulated import client_of, start_box

QUARTER_OF_AN_HOUR = 900
SLOW_TENANT = {
    "start_delay_seconds": 20.0,
    "initial_cycle_seconds": 600.0,
    "cycle_seconds": 400.0,
    "log_latency_seconds": 300.0,
    "late_event_share": 0.2,
    "late_event_seconds": 1500.0,
}


def counted(store, tenant_id) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in store.events.counts(EventFilter(tenant_id)):
        found.setdefault(row.service_principal_id, {})[row.status] = row.count
    return found


@pytest.mark.parametrize("profile", ["calm", "flaky", "throttled"])
@pytest.mark.parametrize("api_version", ["v1.0", "beta"])
async def test_after_three_hours_the_store_has_what_the_tenant_counts(store, profile, api_version):
    emulator = Emulator(
        EmulatorSettings(seed=7, profile=profile, token_lifetime_seconds=86_400.0, **SLOW_TENANT), Clock.frozen()
    )
    tenant_id = emulator.settings.tenant_id
    async with await client_of(emulator, api_version) as graph:
        ours = [await start_box(graph, f"Box {number}") for number in range(2)]
        theirs = await start_box(graph, "Somebody else's")
        new, read = 0, 0
        for _ in range(12):
            emulator.controls.advance(QUARTER_OF_AN_HOUR)
            now = datetime.fromtimestamp(emulator.clock.now(), UTC)
            result = await harvest(graph, store, tenant_id=tenant_id, service_principal_ids=ours, now=now)
            new, read = new + result.new, read + result.read
    expected = {principal: emulator.controls.state()["events"][principal] for principal in ours}
    assert theirs in emulator.controls.state()["events"]
    assert counted(store, tenant_id) == expected
    assert new == sum(sum(statuses.values()) for statuses in expected.values())
    assert read > new
