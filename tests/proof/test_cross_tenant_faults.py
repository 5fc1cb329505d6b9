"""Cross-tenant synchronization under faults and interruptions: repeated in peace, all is as if nothing had happened."""

import asyncio
from itertools import count

import httpx
import pytest

from flows.errors import StepFailed
from graph_client.errors import GraphError
from graph_emulator.faults.rules import read_fault
from tests.estates import TENANT
from tests.proof.cross_tenant import (
    ALL_GIVEN,
    FOREIGN,
    TWO,
    Fault,
    assert_all_is_well,
    assert_in_order,
    cloud_world,
    failures,
    fleet_of,
    given,
    is_open,
    jobs_by_key,
    mark,
    name_target,
    one,
    outcomes,
    target,
    writes_of,
)
from tests.proof.test_interrupted import Interruption, interruptible


@pytest.fixture
def world(cloud):
    cloud.reset()
    return cloud


LOSSES = [503, 404, 429, httpx.ReadError]
FAULTS = [(effect, after) for after in (False, True) for effect in LOSSES] + [(403, False), (409, False), (400, False)]


# Between them they strike every request.
IN_EVERY_RUN = {1, 4, 7, 8, 10}


@pytest.mark.parametrize(
    "turn", [pytest.param(each, marks=[] if each in IN_EVERY_RUN else pytest.mark.long) for each in range(len(FAULTS))]
)
def test_a_fault_at_some_requests(world, turn):
    effect, after_commit = FAULTS[turn]
    occurrence = 1 + turn % 5
    while survived(world, occurrence, effect, after_commit=after_commit):
        occurrence += 5


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("effect", "after_commit"), FAULTS)
def test_every_fault_at_every_request(world, effect, after_commit):
    occurrence = 1
    while survived(world, occurrence, effect, after_commit=after_commit):
        occurrence += 1


def survived(world, occurrence, effect, *, after_commit):
    """Whether the run had so many requests; then a fault struck that one, and both sides got over it."""
    world.reset()
    world.on_request = fault = Fault(occurrence, effect, after_commit=after_commit)
    try:
        ended = failures(world.apply(TWO))
    except (GraphError, StepFailed) as error:
        ended = str(error)
    world.on_request = None
    if fault.struck is None:
        return False
    for tenant in world.tenants:
        assert_in_order(tenant)
    result = world.apply(TWO)
    told = f"{effect} at {occurrence}: {fault.struck}: {ended}; then {failures(result)}"
    assert not failures(result), told
    assert_all_is_well(world, told)
    since = mark(world)
    world.apply(TWO)
    assert writes_of(world, since) == [], told
    return True


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
def test_interrupted_at_some_requests(world, after_commit):
    interrupt(world, count(2 + after_commit, 7), after_commit=after_commit)


@pytest.mark.proof
@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
def test_interrupted_at_every_request(world, after_commit):
    interrupt(world, count(1), after_commit=after_commit)


def interrupt(world, occurrences, *, after_commit):
    for occurrence in occurrences:
        world.reset()
        world.on_request = Interruption(occurrence, after_commit=after_commit)
        try:
            world.run(interruptible(world.on_request, world.applying(TWO)))
        except asyncio.CancelledError:
            pass
        else:
            assert occurrence > 30
            return
        world.on_request = None
        assert not failures(world.apply(TWO))
        assert_all_is_well(world, f"interrupted at {occurrence}")
        since = mark(world)
        world.apply(TWO)
        assert writes_of(world, since) == []


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
def test_what_was_about_to_be_given_is_remembered_when_the_run_is_cut_off(world, after_commit):
    writes = InterruptedWrite("PUT", after_commit=after_commit)
    world.on_request = writes
    with pytest.raises(asyncio.CancelledError):
        world.run(interruptible(writes, world.applying(fleet_of(one(0)))))
    assert given(world, 0) == {("target", "partner"): True, ("target", "users"): False}
    world.on_request = None
    assert not failures(world.apply(fleet_of(one(0))))
    # Given before the end: the answer was lost, and nothing is sent only to have one.
    assert given(world, 0) == ALL_GIVEN | {("target", "users"): not after_commit}


class InterruptedWrite(Interruption):
    """Cancels the run at its first request with a method."""

    def __init__(self, method, *, after_commit):
        super().__init__(1, after_commit=after_commit)
        self._method = method

    async def __call__(self, request, graph):
        if request.method != self._method:
            return await graph.handle_async_request(request)
        return await super().__call__(request, graph)


@pytest.mark.parametrize("fault", ["token: 401", "*: 503", "*: reset", "*: 403"])
def test_a_target_that_is_down_fails_alone(world, fault):
    target(world, 0).controls.add_faults([read_fault(fault)])
    result = world.apply(TWO)
    assert outcomes(result) == {"target-0": "failed", "target-1": "created"}, failures(result)
    assert name_target(0) in result.instances[0].failure.message
    assert jobs_by_key(world) == {"target-1": "Active"}
    target(world, 0).controls.clear_faults()
    assert outcomes(world.apply(TWO)) == {"target-0": "created", "target-1": "unchanged"}


@pytest.mark.parametrize("fault", ["token#1: 503", "token#1: reset", "token#1: 429"])
def test_a_sign_in_to_a_target_that_fails_once_is_repeated(world, fault):
    target(world, 0).controls.add_faults([read_fault(fault)])
    assert not failures(world.apply(TWO))
    assert is_open(world, 0)


def test_fifty_targets_are_set_up_and_a_second_apply_writes_nothing_in_fifty_one_tenants(tmp_path):
    number = 50
    wanted = fleet_of(*map(one, range(number)))
    with cloud_world(tmp_path, number) as world:
        since = mark(world)
        target(world, 7).controls.add_faults([read_fault("*: 503")])
        result = world.apply(wanted)
        assert failures(result).keys() == {"target-7"}
        target(world, 7).controls.clear_faults()
        assert not failures(world.apply(wanted))
        writes = writes_of(world, since)
        policies = [each for each in writes if "partner" in each or "identity" in each]
        assert len(policies) == 5 * number
        assert len(writes) - len(policies) <= 6 * number
        since = mark(world)
        assert set(outcomes(world.apply(wanted)).values()) == {"unchanged"}
        assert writes_of(world, since) == []


class EachOnce:
    """Strikes every request once: the first with its method, its path and its body, in whichever tenant."""

    def __init__(self, *, after_commit):
        self._after_commit = after_commit
        self._seen = set()
        self.struck = 0

    async def __call__(self, request, graph):
        tenant = request.headers.get("authorization")
        # A batch that is sent again may have other parts, and would never get through.
        body = b"" if request.url.path.endswith("$batch") else await request.aread()
        one_request = (tenant, request.method, request.url, body)
        if one_request in self._seen or "/oauth2/" in request.url.path:
            return await graph.handle_async_request(request)
        self._seen.add(one_request)
        self.struck += 1
        if self._after_commit:
            await graph.handle_async_request(request)
        raise httpx.ReadError("a fault", request=request)


@pytest.mark.long  # a few targets have it above, and fifty without faults
@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
def test_fifty_targets_with_a_fault_at_every_call_are_set_up_once(tmp_path, after_commit):
    number = 50
    wanted = fleet_of(*map(one, range(number)))
    with cloud_world(tmp_path, number) as world:
        for each in range(1, number, 2):
            target(world, each).controls.seed_partner(TENANT, FOREIGN)
        world.on_request = fault = EachOnce(after_commit=after_commit)
        failed = failures(world.apply(wanted))
        world.on_request = None
        assert fault.struck > 10 * number
        for tenant in world.tenants:
            assert_in_order(tenant)
        assert not failures(world.apply(wanted)), failed
        assert len(world.emulator.controls.state()["applications"]) == number
        assert jobs_by_key(world) == {f"target-{each}": "Active" for each in range(number)}
        for each in range(number):
            assert is_open(world, each)
            bodies = target(world, each).tenant.partners.bodies
            assert {name: bodies[TENANT][name] for name in FOREIGN} == (FOREIGN if each % 2 else dict.fromkeys(FOREIGN))
        since = mark(world)
        assert set(outcomes(world.apply(wanted)).values()) == {"unchanged"}
        assert writes_of(world, since) == []
