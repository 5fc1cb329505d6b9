"""Steps on objects that were created moments ago, on the whole way of an instance, in virtual time."""

import asyncio
from dataclasses import replace

import pytest

from benchmarks.measure import run
from benchmarks.rollout import provision, signed_in_to
from benchmarks.tenant import fleet_of
from flows.fleet_file.loader import fleet_from_object
from flows.plan.diff import diff_fleet
from flows.steps import application, readiness
from flows.steps.assignments import add_owners, assign_principals
from flows.tenant.assignments import list_assigned, list_owners
from flows.tenant.observe import observe_fleet
from graph_client.errors import GraphStatusError
from graph_emulator import Clock, Emulator, EmulatorSettings, FaultRule
from graph_emulator.clock import FROZEN_START

STEPS = (
    "list_synchronization_templates",
    "validate_credentials",
    "list_jobs",
    "create_job",
    "get_secrets",
    "put_secrets",
    "start_job",
)


def in_tenant(main, faults=(), **settings):
    """Run `main(emulator, graph)` against a tenant of this time."""

    async def connected():
        loop = asyncio.get_running_loop()
        emulator = Emulator(EmulatorSettings(**settings), Clock(lambda: FROZEN_START + loop.time()), faults)
        async with signed_in_to(emulator) as graph:
            return emulator, await main(emulator, graph)

    return run(connected())


def apply(count=1, faults=(), **settings):
    """The tenant after a first apply of a new fleet, and the seconds that it took."""

    async def main(emulator, graph):
        fleet = fleet_from_object(fleet_of(count))
        plans = diff_fleet(fleet, await observe_fleet(graph, fleet)).instances
        async with asyncio.TaskGroup() as tasks:
            for plan in plans:
                tasks.create_task(provision(graph, plan))
        return asyncio.get_running_loop().time()

    return in_tenant(main, faults, **settings)


def assert_all_running(emulator, count):
    state = emulator.controls.state()
    assert len(state["applications"]) == count
    assert [len(jobs) for jobs in state["jobs"].values()] == [1] * count
    assert {jobs[0]["schedule"]["state"] for jobs in state["jobs"].values()} == {"Active"}


def requests(emulator, operation):
    return [record for record in emulator.requests if record.operation == operation]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.proof) for seed in (2, 3))])
@pytest.mark.parametrize("profile", ["laggy", "lossy", "laggy+lossy", "laggy+flaky"])
def test_a_first_apply_creates_everything_once(profile, seed):
    emulator, _ = apply(12, profile=profile, seed=seed)
    assert_all_running(emulator, 12)


@pytest.mark.parametrize(
    "not_replicated", [pytest.param((404,), marks=pytest.mark.long), (403,), (409,), (404, 403, 409)]
)
def test_a_tenant_that_lags_for_a_second_and_a_half(not_replicated):
    emulator, seconds = apply(60, replication_lag_seconds=1.5, latency_seconds=0.05, not_replicated=not_replicated)
    assert_all_running(emulator, 60)
    assert seconds < 60.0


@pytest.mark.parametrize("status", [401, 403, 404, 409])
@pytest.mark.parametrize("operation", STEPS)
def test_any_call_may_say_not_yet_for_a_while(operation, status):
    faults = [FaultRule("status", status=status, operation=operation, occurrence=n) for n in (1, 2, 3)]
    emulator, seconds = apply(faults=faults)
    assert_all_running(emulator, 1)
    struck = sum(bool(record.fault) for record in requests(emulator, operation))
    # A principal without jobs was seen to answer 404: there is nothing to wait for.
    assert struck == (1 if (operation, status) == ("list_jobs", 404) else 3)
    assert seconds < 120.0


@pytest.mark.parametrize("operation", ["validate_credentials", "put_secrets", "start_job"])
def test_what_is_never_there_is_waited_for_no_longer_than_the_grace(operation):
    fault = FaultRule("status", status=404, operation=operation)
    ends = []

    async def main(emulator, graph):
        fleet = fleet_from_object(fleet_of(1))
        (plan,) = diff_fleet(fleet, await observe_fleet(graph, fleet)).instances
        with pytest.raises(GraphStatusError):
            await provision(graph, plan)
        ends.append(asyncio.get_running_loop().time())

    emulator, _ = in_tenant(main, [fault])
    assert 560.0 < ends[0] < 640.0
    assert len(requests(emulator, operation)) < 90


def test_a_start_is_repeated_no_earlier_than_graph_asked():
    fault = FaultRule("status", status=503, operation="start_job", occurrence=1, retry_after="20")
    emulator, _ = apply(faults=[fault])
    assert_all_running(emulator, 1)
    first, second = requests(emulator, "start_job")
    (looked,) = [record for record in requests(emulator, "get_job") if record.sequence > first.sequence]
    assert looked.at - first.at >= 20.0
    assert second.at >= looked.at


def test_a_look_of_several_reads_ends_as_one_and_keeps_to_what_each_was_told():
    """One read is refused at once while another is told to wait: nobody asks that again before its time."""
    faults = [
        FaultRule("status", status=404, operation="list_synchronization_templates", occurrence=1),
        FaultRule("status", status=503, operation="get_application", occurrence=1, retry_after="30"),
    ]
    emulator, _ = apply(faults=faults)
    assert_all_running(emulator, 1)
    (refused, *later) = requests(emulator, "get_application")
    assert refused.fault
    assert later
    assert all(record.at - refused.at >= 30.0 for record in later)


def test_a_start_that_is_to_wait_for_a_day_is_not_repeated():
    fault = FaultRule("status", status=429, operation="start_job", occurrence=1, retry_after="86400")
    with pytest.raises(ExceptionGroup) as failed:
        apply(faults=[fault])
    (error,) = failed.value.exceptions
    assert error.wait_is_too_long


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("status", [404, 503])
def test_a_person_is_assigned_and_made_an_owner_whatever_the_answer(status, after_commit):
    operations = ("assign", "add_application_owner")
    faults = [
        FaultRule("status", status=status, operation=each, occurrence=1, after_commit=after_commit)
        for each in operations
    ]

    async def main(emulator, graph):
        user = emulator.controls.state()["users"][0]["id"]
        fleet = fleet_from_object(fleet_of(1))
        (plan,) = diff_fleet(fleet, await observe_fleet(graph, fleet)).instances
        placed = await application.create_application(graph, plan)
        await readiness.wait_until_ready(graph, plan, placed)
        people = [{"user": user}]
        wanted = fleet_of(1)
        wanted["instances"][0] |= {"assignments": people, "owners": [user]}
        plan = replace(plan, instance=fleet_from_object(wanted).instances[0])
        await assign_principals(graph, plan, placed.service_principal_id)
        await add_owners(graph, plan, placed.application_id)
        found = await list_assigned(graph, placed.service_principal_id)
        return [each.principal_id for each in found], await list_owners(graph, placed.application_id), user

    emulator, (principals, owned_by, user) = in_tenant(main, faults)
    assert principals == [user]
    assert user in owned_by
    assert [bool(record.fault) for each in operations for record in requests(emulator, each)].count(True) == 2
