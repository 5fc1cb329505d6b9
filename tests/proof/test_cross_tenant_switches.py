"""What Microsoft does not say about cross-tenant access, both ways: apply, apply again, retire and withdraw."""

import pytest

from flows.retire import retire_instances
from graph_emulator import SWITCHES
from graph_emulator.faults.rules import read_fault
from tests.estates import TENANT
from tests.proof.cross_tenant import (
    FOREIGN,
    cloud_world,
    fleet_of,
    is_open,
    jobs_by_key,
    mark,
    name_target,
    one,
    writes_of,
)

CONSENT = "automaticUserConsentSettings"
NAMES = (
    "partner_delete",
    "partner_form",
    "policy_check",
    "policy_failure_code",
    "policy_lag_seconds",
    "second_configuration",
    "validate_failure_form",
    "validate_failure_status",
)
WAYS = [{name: value} for name in NAMES for value in SWITCHES[name]]
WANTED = fleet_of(one(0))


@pytest.mark.parametrize("switched", WAYS, ids=str)
def test_the_client_works_with_either_answer(tmp_path, switched):
    with cloud_world(tmp_path, 1, target=switched, **switched) as world:
        world.emulator.controls.add_faults([read_fault("patch_partner#1: commit, then 503 retry after 1")])
        set_up_and_again(world)
        assert withdraw(world) == []
        for tenant in world.tenants:
            assert tenant.tenant.partners.bodies == tenant.tenant.partners.synchronizations == {}


@pytest.mark.parametrize("mode", SWITCHES["consent_patch"])
def test_what_others_have_set_up_for_the_other_direction_stays(tmp_path, mode):
    with cloud_world(tmp_path, 1, target={"consent_patch": mode}, consent_patch=mode) as world:
        sides = [
            (world.emulator, name_target(0), {"inboundAllowed": True, "outboundAllowed": None}),
            (world.cloud[name_target(0)], TENANT, {"inboundAllowed": None, "outboundAllowed": True}),
        ]
        before = []
        for tenant, partner, consent in sides:
            tenant.controls.seed_partner(partner, {**FOREIGN, CONSENT: consent})
            before.append(tenant.tenant.partners.bodies[partner])
        set_up_and_again(world)
        for tenant, partner, _ in sides:
            assert set(tenant.tenant.partners.bodies[partner][CONSENT].values()) == {True}
        assert withdraw(world) == []
        for (tenant, partner, consent), was in zip(sides, before, strict=True):
            left = tenant.tenant.partners.bodies[partner]
            # What was not set before may read false now.
            assert {name: bool(value) for name, value in left[CONSENT].items()} == {
                name: bool(value) for name, value in consent.items()
            }
            assert {**left, CONSENT: None} == {**was, CONSENT: None}


def set_up_and_again(world):
    outcome = world.apply(WANTED)
    assert [str(each.failure) for each in outcome.instances if each.failure] == []
    assert (outcome.summary["created"], is_open(world, 0)) == (1, True)
    assert jobs_by_key(world) == {"target-0": "Active"}
    since = mark(world)
    assert (world.apply(WANTED).summary["unchanged"], writes_of(world, since)) == (1, [])


def withdraw(world):
    """Retire the instance with all that was given for it; return the failures."""
    result = world.run(world.doing(retire_instances, WANTED, only=["target-0"], force=True, policies=True))
    return [str(each.failure) for each in result.instances if each.failure]
