"""Waiting for a new application, in virtual time, on replicas that learn of it one after the other."""

import asyncio
from collections import Counter

import pytest

from benchmarks.measure import run
from benchmarks.rollout import signed_in_to
from flows.fleet_file.loader import fleet_from_object
from flows.plan.diff import diff_fleet
from flows.plan.outcome import ApplicationIds
from flows.steps.readiness import ReadyApplication, wait_until_ready
from flows.tenant.observe import observe_fleet
from graph_client.errors import Unauthorized, WaitExpired
from graph_emulator import Clock, Emulator, EmulatorSettings, FaultRule
from graph_emulator.clock import FROZEN_START
from tests.estates import fleet, instance

BOX = "Box"
WANTED = fleet_from_object(fleet(instance("one", BOX)))


async def ready(emulator, count=1):
    """Make applications and wait for them all at once: the last one, and the seconds that it took."""
    loop = asyncio.get_running_loop()
    async with signed_in_to(emulator) as graph:
        (plan,) = diff_fleet(WANTED, await observe_fleet(graph, WANTED)).instances
        [template] = [found async for found in graph.application_templates.list(display_name=BOX)]
        made = [await graph.application_templates.instantiate(template.id, display_name=f"{n}") for n in range(count)]
        began = loop.time()
        placed = [ApplicationIds(each.application.id, each.service_principal.id) for each in made]
        found = await asyncio.gather(*(wait_until_ready(graph, plan, each) for each in placed))
        return found[-1], loop.time() - began


def wait(count=1, faults=(), **settings):
    """The tenant afterwards, the application and the seconds."""

    async def main():
        loop = asyncio.get_running_loop()
        clock = Clock(lambda: FROZEN_START + loop.time())
        emulator = Emulator(EmulatorSettings(latency_seconds=0.05, **settings), clock, faults)
        return emulator, *await ready(emulator, count)

    return run(main())


def reads(emulator, operation):
    return [record for record in emulator.requests if record.operation == operation]


def test_a_calm_tenant_takes_two_looks():
    emulator, application, seconds = wait()
    assert application.template_id == "BoxOutDelta"
    assert len(reads(emulator, "batch")) == 2
    assert seconds < 1.0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("not_replicated", [(404,), (403,), (409,), (404, 403, 409)])
def test_whatever_a_replica_says_of_what_it_does_not_know_is_not_yet(seed, not_replicated):
    lag = {"replication_lag_seconds": 4.0, "templates_lag_seconds": 6.0, "not_replicated": not_replicated}
    _, application, seconds = wait(seed=seed, **lag)
    assert application.template_id
    # No earlier than the first replica shows all, and soon after the last one does.
    assert 1.0 < seconds < 6.0 + 10.0


def test_a_flicker_costs_one_more_look_and_not_all():
    calm, _, _ = wait()
    flicker = FaultRule("status", status=404, operation="list_synchronization_templates", occurrence=2)
    emulator, _, _ = wait(faults=[flicker])
    looks = [len(reads(each, "list_synchronization_templates")) for each in (calm, emulator)]
    # One good, one bad, and one more good one for it.
    assert looks == [2, 4]


def test_many_that_wait_together_share_their_reads():
    emulator, _, seconds = wait(40, replication_lag_seconds=4.0, templates_lag_seconds=4.0)
    batches = Counter(record.batch for record in emulator.requests if record.batch is not None)
    assert max(batches.values()) == 20
    # Three reads a look, and a look of everybody in six requests.
    assert len(batches) <= 2 * sum(batches.values()) / 20
    assert seconds < 4.0 + 10.0


@pytest.mark.parametrize("shown", ["empty", "404"])
def test_what_never_shows_ends_after_ten_minutes_and_few_looks(shown):
    async def main():
        loop = asyncio.get_running_loop()
        settings = EmulatorSettings(templates_lag_seconds=86_400.0, templates_before_ready=shown)
        emulator = Emulator(settings, Clock(lambda: FROZEN_START + loop.time()))
        with pytest.raises(WaitExpired):
            await ready(emulator)
        return emulator, loop.time()

    emulator, seconds = run(main())
    assert 580.0 < seconds <= 600.0
    assert len(reads(emulator, "list_synchronization_templates")) < 80


def test_a_permission_that_is_missing_is_no_matter_of_waiting():
    with pytest.raises(Unauthorized):
        wait(roles=("Application.ReadWrite.All",))


def test_a_principal_that_the_synchronization_service_has_not_heard_of_is():
    denied = [FaultRule("status", status=401, operation="list_synchronization_templates", occurrence=n) for n in (1, 2)]
    _, application, seconds = wait(faults=denied)
    assert application.template_id
    assert seconds < 5.0


@pytest.mark.parametrize(("lag_seconds", "wait_seconds"), [(0.2, 1.0), (3.0, 3.0), (60.0, 15.0)])
def test_the_second_look_comes_as_long_after_the_tag_as_the_search_lagged(lag_seconds, wait_seconds):
    async def main():
        return ReadyApplication("BoxOutDelta", (), lag_seconds).schedule_second_look()

    assert run(main()) == wait_seconds
