"""Cross-tenant synchronization: both sides are set up once, nothing of others is touched, nothing starts too early."""

import copy
import json
from functools import partial

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.fleet_file.loader import fleet_from_object
from flows.run.context import open_run_context
from flows.tasks.provision import plan_shard
from graph_emulator.faults.rules import read_fault
from graph_emulator.settings import SWITCHES
from tests.estates import TENANT
from tests.proof.cross_tenant import (
    ALL_GIVEN,
    FOREIGN,
    TEMPLATE,
    TWO,
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
    policies_of,
    requests_of,
    target,
    writes_of,
)

CONSENT = "automaticUserConsentSettings"


@pytest.fixture
def world(cloud):
    cloud.reset()
    return cloud


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


OPEN_QUESTIONS = [
    (name, value)
    for name in (
        "partner_form",
        "policy_check",
        "policy_failure_code",
        "second_configuration",
        "gallery_ids",
        "validate_failure_status",
    )
    for value in SWITCHES[name]
]


@pytest.mark.parametrize(("name", "value"), OPEN_QUESTIONS)
def test_whatever_graph_does_where_it_is_not_documented(tmp_path, name, value):
    lags = {"policy_lag_seconds": 5.0, name: value}
    with cloud_world(tmp_path, 2, target=lags, **lags) as world:
        result = world.apply(ALONE)
        assert outcomes(result) == {"target-0": "created", "target-1": "pending"}, failures(result)
        target(world, 1).controls.set_identity_synchronization(TENANT, allowed=True)
        world.emulator.controls.advance(5.0)
        assert outcomes(world.apply(ALONE)) == {"target-0": "unchanged", "target-1": "updated"}
        assert_in_order(world.emulator)
        since = mark(world)
        world.apply(ALONE)
        assert writes_of(world, since) == []
