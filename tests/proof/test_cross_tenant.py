"""Cross-tenant synchronization: both sides are set up once, nothing of others is touched, nothing starts too early."""

import asyncio
import copy
import json
from functools import partial
from itertools import count

import httpx
import pytest

from flows.configuration.environment import add_prefect_variables
from flows.errors import StepFailed
from flows.fleet_file.loader import fleet_from_object
from flows.run.context import open_run_context
from flows.store import open_store
from flows.tasks.provision import plan_shard
from graph_client.errors import GraphError
from graph_emulator.faults.rules import read_fault
from tests.estates import TENANT
from tests.proof.cross_tenant import (
    FOREIGN,
    TEMPLATE,
    Fault,
    cloud_world,
    fleet_of,
    is_open,
    jobs_by_key,
    mark,
    name_target,
    one,
    policies_of,
    requests_of,
    writes_of,
)
from tests.proof.test_interrupted import Interruption, interruptible

CONSENT = "automaticUserConsentSettings"
TWO = fleet_of(one(0), one(1))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with cloud_world(tmp_path_factory.mktemp("cloud"), 3) as made:
        yield made


@pytest.fixture
def world(cloud):
    cloud.reset()
    return cloud


def outcomes(result):
    return {each.key: each.outcome for each in result.instances}


def failures(result):
    return {each.key: each.failure.code for each in result.instances if each.failure}


def target(world, number):
    return world.cloud[name_target(number)]


def given(world, number, *, closed=False):
    """What the store says that was given, as side and field, and whether it was confirmed."""
    with open_store(f"sqlite:///{world.store}") as store:
        rows = store.given_access.of(TENANT, "subsidiaries", f"target-{number}")
    return {(each.access.side, each.access.field): bool(each.confirmed_at) for each in rows if each.is_open or closed}


ALL_GIVEN = dict.fromkeys(
    [("target", "partner"), ("target", "users"), ("target", "redeem"), ("source", "partner"), ("source", "redeem")],
    True,
)


def test_both_sides_are_set_up_and_a_second_apply_writes_nothing(world):
    since = mark(world)
    result = world.apply(TWO)
    assert outcomes(result) == {"target-0": "created", "target-1": "created"}, failures(result)
    assert is_open(world, 0)
    assert is_open(world, 1)
    assert jobs_by_key(world) == {"target-0": "Active", "target-1": "Active"}
    writes = writes_of(world, since)
    policies = [each for each in writes if "partner" in each or "identity" in each]
    assert len(policies) == 5 * 2
    assert len(writes) - len(policies) <= 6 * 2
    assert given(world, 0) == given(world, 1) == ALL_GIVEN
    since = mark(world)
    assert outcomes(world.apply(TWO)) == {"target-0": "unchanged", "target-1": "unchanged"}
    assert writes_of(world, since) == []


def test_the_plan_names_every_field_of_both_sides_and_counts_the_writes(world):
    plan = world.plan(fleet_of(one(0)))
    (found,) = plan.instances
    policies = {each.field: (each.before, each.after) for each in found.changes if "." in each.field[:7]}
    assert policies == {
        "target.partner": (None, "created"),
        "target.users": ("false", "true"),
        "target.redeem": ("manual", "automatic"),
        "source.partner": (None, "created"),
        "source.redeem": ("manual", "automatic"),
    }
    since = mark(world)
    world.apply(fleet_of(one(0)))
    # The sleepless ones: a creation counts the tagging that it takes besides.
    assert len(writes_of(world, since)) == plan.writes


def test_settings_of_others_are_left_as_they_are_byte_by_byte(world):
    for number in (0, 1):
        target(world, number).controls.seed_partner(TENANT, FOREIGN | {CONSENT: {"outboundAllowed": True}})
        world.emulator.controls.seed_partner(name_target(number), FOREIGN | {CONSENT: {"inboundAllowed": False}})
    world.emulator.controls.seed_partner(name_target(2), FOREIGN)
    before = copy.deepcopy(policies_of(world))
    assert not failures(world.apply(TWO))
    after = policies_of(world)
    for tenant_id, (bodies, _) in after.items():
        assert bodies.keys() == before[tenant_id][0].keys()
        for partner_id, body in bodies.items():
            theirs = before[tenant_id][0][partner_id]
            assert json.dumps({**body, CONSENT: None}) == json.dumps({**theirs, CONSENT: None})
    assert after[name_target(0)][0][TENANT][CONSENT] == {"inboundAllowed": True, "outboundAllowed": True}
    assert after[TENANT][0][name_target(0)][CONSENT] == {"inboundAllowed": False, "outboundAllowed": True}
    # The partners were there before: only what was given is remembered.
    assert given(world, 0) == {each: True for each in ALL_GIVEN if each[1] != "partner"}


def test_what_the_file_does_not_name_is_neither_shown_nor_sent(world):
    wanted = fleet_of(one(0), defaults={"template": TEMPLATE, "scope": "assigned"})
    target(world, 0).controls.set_identity_synchronization(TENANT, allowed=True)
    world.emulator.controls.seed_partner(name_target(0), {CONSENT: {"outboundAllowed": True}})
    before = copy.deepcopy(policies_of(world))
    plan = world.plan(wanted)
    assert not any(each.field.startswith(("target.", "source.")) for each in plan.instances[0].changes)
    assert outcomes(world.apply(wanted)) == {"target-0": "created"}
    assert policies_of(world) == before
    assert given(world, 0) == {}


LOSSES = [503, 404, 429, httpx.ReadError]
FAULTS = [(effect, after) for after in (False, True) for effect in LOSSES] + [(403, False), (409, False), (400, False)]


@pytest.mark.parametrize("turn", range(len(FAULTS)))
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


def assert_all_is_well(world, told=""):
    assert is_open(world, 0), told
    assert is_open(world, 1), told
    assert jobs_by_key(world) == {"target-0": "Active", "target-1": "Active"}, told
    applications = [each["displayName"] for each in world.emulator.controls.state()["applications"]]
    assert sorted(each for each in applications if each.startswith("Target")) == ["Target 0", "Target 1"], told
    for number in (0, 1):
        assert list(target(world, number).tenant.partners.bodies) == [TENANT], told
        assert given(world, number).keys() <= ALL_GIVEN.keys()
    assert set(world.emulator.tenant.partners.bodies) == {name_target(0), name_target(1)}, told


def assert_in_order(tenant):
    """No job was started before the credentials were validated."""
    validated = False
    for record in tenant.requests:
        done = record.status < 400 or (record.fault or "").endswith("-after")
        validated = validated or (record.operation == "validate_credentials" and done)
        assert validated or record.operation != "start_job"


def test_nothing_starts_before_the_provisioning_service_knows_the_policies(tmp_path):
    with cloud_world(tmp_path, 1, policy_lag_seconds=20.0, target={"policy_lag_seconds": 20.0}) as world:
        result = world.apply(fleet_of(one(0)))
        assert outcomes(result) == {"target-0": "created"}, failures(result)
        validations = [each for each in world.emulator.requests if each.operation.startswith("validate")]
        assert len(validations) > 2
        assert [each.status < 400 for each in validations][-1:] == [True]
        assert_in_order(world.emulator)


def test_a_target_that_stays_closed_fails_its_instance_and_nothing_is_started(tmp_path):
    with cloud_world(tmp_path, 2, policy_lag_seconds=0.0, target={"policy_lag_seconds": 100_000.0}) as world:
        result = world.apply(fleet_of(one(0)))
        assert failures(result) == {"target-0": "TargetNotReady"}
        # Neither the tenant nor the reason is masked: this template has no secrets.
        assert name_target(0) in result.instances[0].failure.message
        assert "SyncPolicyCheck" in result.instances[0].failure.message
        assert jobs_by_key(world) == {}
        # The next one is patient again, and finishes what is there.
        world.emulator.controls.advance(100_000.0)
        assert outcomes(world.apply(fleet_of(one(0)))) == {"target-0": "updated"}
        assert jobs_by_key(world) == {"target-0": "Active"}


ALONE = fleet_of(one(0), one(1, cross_tenant={"sign_in": None}))


def test_without_a_sign_in_the_instance_waits_for_the_target_and_a_later_apply_finishes_it(world):
    plan = world.plan(ALONE)
    waiting = plan.instances[1]
    assert not any(each.field.startswith("target.") for each in waiting.changes)
    assert name_target(1) in waiting.pending[0]
    result = world.apply(ALONE)
    assert outcomes(result) == {"target-0": "created", "target-1": "pending"}
    assert (result.failed, result.summary["pending"]) == (0, 1)
    (sentence,) = result.instances[1].pending
    assert name_target(1) in sentence
    assert TENANT in sentence
    assert "SyncPolicyCheck" in sentence
    assert jobs_by_key(world) == {"target-0": "Active"}
    # Our half is done, and theirs untouched.
    consent = world.emulator.tenant.partners.bodies[name_target(1)][CONSENT]
    assert (consent["outboundAllowed"], target(world, 1).tenant.partners.bodies) == (True, {})
    assert outcomes(world.apply(ALONE))["target-1"] == "pending"
    target(world, 1).controls.set_identity_synchronization(TENANT, allowed=True)
    result = world.apply(ALONE)
    assert outcomes(result) == {"target-0": "unchanged", "target-1": "updated"}
    assert result.instances[1].pending == ()
    assert jobs_by_key(world) == {"target-0": "Active", "target-1": "Active"}
    since = mark(world)
    assert outcomes(world.apply(ALONE))["target-1"] == "unchanged"
    assert writes_of(world, since) == []


def test_a_sign_in_to_another_tenant_is_refused_before_any_call_there(world):
    since = mark(world)
    variables = {f"TARGET_0_AZURE_{name}": "" for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")}
    other = target(world, 2).settings
    variables |= {
        "TARGET_0_AZURE_TENANT_ID": other.domain,
        "TARGET_0_AZURE_CLIENT_ID": other.client_id,
        "TARGET_0_AZURE_CLIENT_SECRET": other.client_secret,
    }
    with add_prefect_variables(variables):
        result = world.apply(TWO)
    assert failures(result) == {"target-0": "WrongTargetTenant"}
    assert outcomes(result)["target-1"] == "created"
    assert requests_of(target(world, 0), since[1]) == requests_of(target(world, 2), since[3]) == []
    assert name_target(0) not in world.emulator.tenant.partners.bodies


@pytest.mark.parametrize("fault", ["token: 401", "*: 503", "*: reset", "*: 403"])
def test_a_target_that_is_down_fails_alone(world, fault):
    target(world, 0).controls.add_faults([read_fault(fault)])
    result = world.apply(TWO)
    assert outcomes(result) == {"target-0": "failed", "target-1": "created"}, failures(result)
    assert name_target(0) in result.instances[0].failure.message
    assert jobs_by_key(world) == {"target-1": "Active"}
    target(world, 0).controls.clear_faults()
    assert outcomes(world.apply(TWO)) == {"target-0": "created", "target-1": "unchanged"}


def test_a_target_that_refuses_the_write_fails_alone_and_is_named(world):
    target(world, 0).controls.add_faults([read_fault("create_partner: 403")])
    result = world.apply(TWO)
    assert outcomes(result) == {"target-0": "failed", "target-1": "created"}, failures(result)
    failure = result.instances[0].failure
    assert (failure.step, name_target(0) in failure.message) == ("configure-target", True)
    assert "Policy.ReadWrite.CrossTenantAccess" in failure.hint


def test_a_permission_that_a_target_lacks_is_said_before_anything_is_changed(tmp_path):
    with cloud_world(tmp_path, 1, target={"roles": ("Policy.Read.All",)}) as world:
        since = mark(world)
        # Enough to plan, which says it as well.
        (planned,) = world.plan(fleet_of(one(0))).instances
        assert (planned.conflict, len(planned.warnings)) == (None, 1)
        result = world.apply(fleet_of(one(0)))
        assert failures(result) == {"target-0": "TargetPermissionMissing"}
        assert name_target(0) in result.instances[0].failure.message
        assert writes_of(world, since) == []


def test_a_target_of_another_application_is_a_conflict_that_names_it(world):
    assert not failures(world.apply(fleet_of(one(0))))
    other = fleet_of(one(0) | {"key": "again", "display_name": "Again"}, fleet="others")
    found = world.plan(other).instances[0].conflict
    assert found.code == "TargetTaken"
    assert "Target 0" in found.message
    # A key that left the file without its application is another one, too.
    renamed = world.plan(fleet_of(one(0) | {"key": "again", "display_name": "Again"})).instances[0]
    assert renamed.conflict.code == "TargetTaken"
    kept = one(0) | {"key": "again", "renamed_from": "target-0"}
    assert world.plan(fleet_of(kept)).instances[0].conflict is None


def test_the_target_of_an_instance_cannot_be_changed(world):
    assert not failures(world.apply(fleet_of(one(0))))
    moved = one(0, cross_tenant={"tenant_id": name_target(2), "sign_in": "env:TARGET_2"})
    assert world.plan(fleet_of(moved)).instances[0].conflict.code == "TargetChanged"


def test_what_takes_users_away_is_dangerous_and_manual_redemption_is_not(world):
    assert not failures(world.apply(fleet_of(one(0))))
    closed = fleet_of(one(0, cross_tenant={"users": False, "redeem": "manual"}))
    changes = {each.field: each for each in world.plan(closed).instances[0].changes}
    assert changes.keys() == {"target.users", "target.redeem", "source.redeem"}
    assert [name for name, each in changes.items() if each.dangerous] == ["target.users"]
    refused = world.apply(closed)
    assert type(refused).__name__ == "PlanRefused"
    assert is_open(world, 0)
    assert outcomes(world.apply(closed, force=True)) == {"target-0": "updated"}
    assert not is_open(world, 0)
    # What was taken away again is no longer ours to withdraw.
    assert given(world, 0) == {("target", "partner"): True, ("source", "partner"): True}


def test_tenants_of_one_organization_are_named_in_a_warning(world):
    target(world, 0).controls.seed_partner(TENANT, {"isInMultiTenantOrganization": True})
    plan = world.plan(TWO)
    assert [bool(each.warnings) for each in plan.instances] == [True, False]


class Meanwhile:
    """Has others do something right before the first request of a kind; replicas would not show it either."""

    def __init__(self, method, path, act):
        self._wanted = (method, path)
        self._act = act

    async def __call__(self, request, graph):
        method, path = self._wanted
        if self._act and request.method == method and request.url.path.endswith(path):
            act, self._act = self._act, None
            act()
        return await graph.handle_async_request(request)


def test_a_policy_that_others_gave_meanwhile_is_not_remembered_as_ours(world):
    controls = target(world, 0).controls
    act = partial(controls.set_identity_synchronization, TENANT, allowed=True)
    world.on_request = Meanwhile("PUT", "/identitySynchronization", act)
    assert not failures(world.apply(fleet_of(one(0))))
    assert is_open(world, 0)
    assert given(world, 0, closed=True) == {each: True for each in ALL_GIVEN if each != ("target", "users")}


def test_a_policy_that_others_forbade_meanwhile_is_changed_and_remembered(world):
    controls = target(world, 0).controls
    act = partial(controls.set_identity_synchronization, TENANT, allowed=False)
    world.on_request = Meanwhile("PUT", "/identitySynchronization", act)
    assert not failures(world.apply(fleet_of(one(0))))
    assert is_open(world, 0)
    assert given(world, 0) == ALL_GIVEN


def test_a_partner_that_others_created_meanwhile_is_not_remembered_as_ours(world):
    act = partial(target(world, 0).controls.seed_partner, TENANT, FOREIGN)
    world.on_request = Meanwhile("POST", "/partners", act)
    assert not failures(world.apply(fleet_of(one(0))))
    assert is_open(world, 0)
    assert target(world, 0).tenant.partners.bodies[TENANT]["inboundTrust"] == FOREIGN["inboundTrust"]
    assert given(world, 0, closed=True) == {each: True for each in ALL_GIVEN if each != ("target", "partner")}


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


def test_groups_are_allowed_in_beta(world):
    wanted = fleet_of(one(0, cross_tenant={"groups": True}))
    assert not failures(world.apply(wanted))
    found = target(world, 0).tenant.partners.synchronizations[TENANT]
    assert found["groupSyncInbound"] == found["userSyncInbound"] == {"isSyncAllowed": True}
    since = mark(world)
    world.apply(wanted)
    assert writes_of(world, since) == []


def test_users_are_in_the_target_after_a_cycle(world):
    users = [each["id"] for each in world.emulator.controls.state()["users"]][:3]
    assignments = [{"user": each} for each in users]
    result = world.apply(fleet_of(one(0, assignments=assignments)))
    assert not failures(result)
    world.emulator.controls.advance(10.0)
    guests = target(world, 0).controls.guests(TENANT)
    assert [each["externalUserState"] for each in guests] == ["Accepted"] * 3


def test_with_lagging_replicas_a_second_apply_still_writes_nothing(tmp_path):
    lags = {"change_lag_seconds": 3.0}
    with cloud_world(tmp_path, 2, target=lags, **lags) as world:
        assert not failures(world.apply(TWO))
        assert is_open(world, 0)
        world.emulator.controls.advance(60)
        since = mark(world)
        world.apply(TWO)
        assert writes_of(world, since) == []


def test_only_the_named_instances_sign_in_to_their_targets(world):
    since = mark(world)
    assert outcomes(world.apply(TWO, only=["target-1"])) == {"target-1": "created"}
    assert requests_of(target(world, 0), since[1]) == []


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


def test_a_policy_that_is_there_is_changed_and_not_put_again(world):
    target(world, 0).controls.set_identity_synchronization(TENANT, allowed=False)
    since = mark(world)
    assert not failures(world.apply(fleet_of(one(0))))
    written = [each for each in writes_of(world, since) if "identity" in each]
    assert written == ["patch_identity_synchronization"]


def test_a_first_start_waits_for_a_policy_that_was_given_in_the_same_run(tmp_path):
    with cloud_world(tmp_path, 1, policy_lag_seconds=20.0, target={"policy_lag_seconds": 20.0}) as world:
        assert not failures(world.apply(fleet_of(one(0, job="paused"))))
        target(world, 0).controls.set_identity_synchronization(TENANT, allowed=False)
        world.emulator.controls.advance(60.0)
        # The credentials are saved, so that only the start would try them.
        result = world.apply(fleet_of(one(0)))
        assert not failures(result)
        assert jobs_by_key(world) == {"target-0": "Active"}


def test_a_shard_reads_its_own_targets_and_takes_its_siblings_for_no_rivals(world):
    assert not failures(world.apply(TWO))
    part = fleet_from_object(fleet_of(one(1), one(2)))
    since = mark(world)

    async def plan():
        async with open_run_context(None, TENANT):
            return await plan_shard.fn(part, save_all=False, force=False)

    with add_prefect_variables({"ENTRA_FLEET_STORE": f"sqlite:///{world.store}"}):
        found = world.run(plan())
    assert {each.key: str(each.action) for each in found.instances} == {"target-1": "none", "target-2": "create"}
    assert requests_of(target(world, 0), since[1]) == []
