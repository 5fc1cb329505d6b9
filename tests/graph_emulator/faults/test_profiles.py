import asyncio
import dataclasses
import statistics
from collections import Counter

import httpx
import pytest

from graph_emulator import PROFILES, Emulator, EmulatorError, EmulatorSettings
from graph_emulator.faults.effects import choose_latency
from graph_emulator.faults.profiles import apply_profile
from tests.graph_emulator.driver import AWS


async def seen(wire, times, method="GET", path="/organization", body=None):
    found = Counter()
    for _ in range(times):
        try:
            answer = await wire.send(method, path, body)
        except httpx.ReadError:
            found["reset"] += 1
            continue
        if answer.headers.get("content-type", "").startswith("application/json"):
            try:
                answer.json()
            except ValueError:
                found["truncated"] += 1
                continue
        found[answer.status_code] += 1
        if answer.status_code == 401:
            await wire.sign_in()
    return found


@pytest.mark.parametrize("profile", PROFILES)
async def test_every_profile_opens(open_tenant, profile):
    wire = await open_tenant(profile=profile, latency="even", latency_seconds=0.0001)
    assert (await seen(wire, 20))[200] > 0


def test_what_is_set_by_hand_beats_the_profile():
    settings = apply_profile(EmulatorSettings(profile="laggy", replication_lag_seconds=1.0))
    assert (settings.replication_lag_seconds, settings.templates_lag_seconds) == (1.0, 6.0)


def test_what_is_set_by_hand_to_the_default_stays_too():
    settings = apply_profile(
        EmulatorSettings(profile="laggy", replication_lag_seconds=0.0).with_changes(index_lag_seconds=0.0)
    )
    assert (settings.replication_lag_seconds, settings.index_lag_seconds) == (0.0, 0.0)
    assert settings.templates_lag_seconds == 6.0


def test_a_copy_by_the_standard_library_keeps_what_differs():
    settings = apply_profile(dataclasses.replace(EmulatorSettings(index_lag_seconds=9.0), profile="laggy"))
    assert (settings.index_lag_seconds, settings.templates_lag_seconds) == (9.0, 6.0)


async def test_profiles_add_up(open_tenant):
    wire = await open_tenant(profile="laggy+lossy")
    assert wire.emulator.settings.replication_lag_seconds == 4.0
    path, body = f"/applicationTemplates/{AWS}/instantiate", {"displayName": "x"}
    assert await seen(wire, 1, "POST", path, body) == {"reset": 1}


def test_an_unknown_profile_among_others_is_named():
    with pytest.raises(EmulatorError, match="unknown profile 'lagy'; known: calm"):
        Emulator(EmulatorSettings(profile="lossy+lagy"))


async def test_realistic_latencies_differ_by_operation_and_follow_the_seed():
    settings = apply_profile(EmulatorSettings(profile="realistic"))
    slow = [choose_latency(settings, "instantiate", n) for n in range(500)]
    fast = [choose_latency(settings, "get_application", n) for n in range(500)]
    assert statistics.median(slow) == pytest.approx(1.4, rel=0.1)
    assert statistics.median(fast) == pytest.approx(0.09, rel=0.1)
    assert 0 < min(fast) < max(slow) < 6
    assert slow == [choose_latency(settings, "instantiate", n) for n in range(500)]
    assert slow[0] != choose_latency(settings.with_changes(seed=2), "instantiate", 0)


async def test_latencies_pass_side_by_side(open_tenant):
    wire = await open_tenant(latency="realistic", latency_scale=0.5)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(wire.send("GET", "/organization") for _ in range(40)))
    passed = asyncio.get_running_loop().time() - began
    alone = sum(choose_latency(wire.emulator.settings, "list_organization", n) for n in range(1, 41))
    assert alone > 1.5 > passed


async def test_calm_has_no_faults(open_tenant):
    wire = await open_tenant(profile="calm")
    assert await seen(wire, 100) == {200: 100}


async def test_flaky_fails_before_anything_was_done(open_tenant):
    wire = await open_tenant(profile="flaky")
    found = await seen(wire, 200, "POST", f"/applicationTemplates/{AWS}/instantiate", {"displayName": "x"})
    assert {201, 503, 500, 502, 504, "reset"} <= found.keys()
    assert len(wire.emulator.controls.state()["applications"]) == found[201]


async def test_lossy_loses_answers_after_the_write_and_the_first_instantiate_surely(open_tenant):
    wire = await open_tenant(profile="lossy")
    path, body = f"/applicationTemplates/{AWS}/instantiate", {"displayName": "x"}
    assert await seen(wire, 1, "POST", path, body) == {"reset": 1}
    found = await seen(wire, 99, "POST", path, body)
    assert {201, 503, 404, "reset"} <= found.keys()
    assert len(wire.emulator.controls.state()["applications"]) == 100


async def test_lossy_loses_no_reads(open_tenant):
    wire = await open_tenant(profile="lossy")
    assert await seen(wire, 100) == {200: 100}


async def test_hostile_breaks_answers(open_tenant):
    wire = await open_tenant(profile="hostile")
    found = await seen(wire, 200, path="/servicePrincipals")
    assert {200, 502, 429, "truncated"} <= found.keys()


async def test_expiring_refuses_tokens_early(open_tenant):
    wire = await open_tenant(profile="expiring")
    wire.emulator.controls.advance(3)
    assert (await seen(wire, 1)) == {401: 1}


async def test_throttled_holds_the_documented_budgets(open_tenant):
    wire = await open_tenant(profile="throttled")
    found = await seen(wire, 30, path="/auditLogs/provisioning?$top=1")
    assert found[200] <= 5 < found[429]
