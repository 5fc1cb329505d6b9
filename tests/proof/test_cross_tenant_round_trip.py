"""What an apply set up across tenants, a retirement takes back, and neither touches the settings of others."""

import copy

import pytest

from flows.retire import retire_instances
from graph_emulator.faults.rules import read_fault
from tests.estates import TENANT
from tests.proof.cross_tenant import FOREIGN, cloud_world, fleet_of, is_open, name_target, one, policies_of


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with cloud_world(tmp_path_factory.mktemp("cloud"), 3, entry_failure_share=0.0) as made:
        yield made


@pytest.fixture
def world(cloud):
    cloud.reset()
    return cloud


def guests(world, number):
    return world.cloud[name_target(number)].controls.guests(TENANT)


def retire(world, fleet, *keys, **parameters):
    return world.run(world.doing(retire_instances, fleet, list(keys), **parameters))


def subsidiaries(world):
    users = [id_ for id_, user in world.emulator.tenant.people.users.items() if user["accountEnabled"]]
    assignments = [{"user": each} for each in users[:4]]
    return fleet_of(*(one(number, assignments=assignments) for number in range(3)))


def test_what_an_apply_set_up_a_retirement_takes_back(world):
    fleet = subsidiaries(world)
    assert world.apply(fleet).summary["created"] == 3
    world.emulator.controls.advance(600)
    assert [len(guests(world, number)) for number in range(3)] == [4, 4, 4]
    outcome = retire(world, fleet, "target-0", "target-2", policies=True)
    assert outcome.summary["retired"] == 2
    assert [len(guests(world, number)) for number in range(3)] == [0, 4, 0]
    assert [is_open(world, number) for number in range(3)] == [False, True, False]
    policies = policies_of(world)
    assert policies[TENANT][0].keys() == {name_target(1)}
    assert [policies[name_target(number)] == ({}, {}) for number in range(3)] == [True, False, True]
    # A subsidiary may come back.
    world.emulator.controls.advance(600)
    assert world.apply(fleet).summary["created"] == 2
    world.emulator.controls.advance(600)
    assert [len(guests(world, number)) for number in range(3)] == [4, 4, 4]


def test_the_settings_of_others_are_the_same_after_the_whole_way(world):
    fleet = subsidiaries(world)
    world.emulator.controls.seed_partner(name_target(0), FOREIGN)
    world.cloud[name_target(0)].controls.seed_partner(TENANT, FOREIGN)
    before = copy.deepcopy(policies_of(world))
    world.apply(fleet, only=["target-0"])
    world.emulator.controls.advance(600)
    assert retire(world, fleet, "target-0", policies=True).summary["retired"] == 1
    after = policies_of(world)
    for tenant_id, partner_id in ((TENANT, name_target(0)), (name_target(0), TENANT)):
        then, now = before[tenant_id][0][partner_id], after[tenant_id][0][partner_id]
        consent = now["automaticUserConsentSettings"]
        assert not any(consent.values())
        assert now == then | {"automaticUserConsentSettings": consent}
        assert after[tenant_id][1] == before[tenant_id][1]


def test_a_target_that_is_closed_or_down_stops_no_other(world):
    fleet = subsidiaries(world)
    world.apply(fleet)
    world.emulator.controls.advance(600)
    world.cloud[name_target(0)].controls.set_identity_synchronization(TENANT, None)
    # The policies of this one cannot be withdrawn, but its guests can leave.
    world.cloud[name_target(1)].controls.add_faults([read_fault("*: 503")])
    outcome = retire(world, fleet, "target-0", "target-1", "target-2", policies=True)
    failures = {each.key: each.failure.step for each in outcome.instances if each.failure}
    assert failures == {"target-0": "deprovision", "target-1": "withdraw-access"}
    assert [len(guests(world, number)) for number in range(3)] == [4, 0, 0]
    world.cloud[name_target(1)].controls.clear_faults()
    outcome = retire(world, fleet, "target-0", "target-1", "target-2", policies=True, force=True)
    assert [each.key for each in outcome.instances if each.failure] == []
    assert [len(each.accounts_left) for each in outcome.instances] == [4, 0, 0]
    assert policies_of(world) == {tenant_id: ({}, {}) for tenant_id in policies_of(world)}
