"""Claims policies in the fleet file: one for all who name it, and never one of others."""

import copy
import json

import pytest

from flows import provision
from flows.fleet_file.loader import FleetFileError, fleet_from_object
from graph_emulator import EmulatorSettings
from graph_emulator.faults.rules import read_fault
from tests.estates import AWS, fleet, instance
from tests.proof.invariants import claims_policies
from tests.proof.stories import CLAIMS
from tests.proof.world import world as new_world

TAG = "entra-fleet:contoso:aws"
KIND = "claimsMappingPolicies"


@pytest.fixture
def tenant(world):
    world.reset()
    return world


def named(*keys, claims=CLAIMS, **others):
    sso = {"sso": {"claims": claims} if claims else {}}
    return fleet(*(instance(key, AWS, **sso) for key in keys), **others)


def changed(**policy):
    claims = copy.deepcopy(CLAIMS)
    claims["definition"]["ClaimsMappingPolicy"] |= policy
    return claims


def writes(tenant):
    return sorted(record.operation for record in tenant.requests(writes=True) if "claims" in record.operation)


def assigned(tenant, outcome):
    """The name of the policy that the application of an instance has."""
    found = tenant.emulator.tenant.policies[KIND].of(outcome.service_principal_id, 0, float("inf"))
    return [each["displayName"] for each in found]


def fields(planned):
    return [each.field for each in planned.changes if each.field.startswith("sso.claims")]


def test_instances_that_name_a_policy_share_one(tenant):
    planned = tenant.plan(named("a", "b", "c"))
    assert [fields(each) for each in planned.instances] == [["sso.claims.definition", "sso.claims"]] * 3
    outcomes = tenant.apply(named("a", "b", "c")).instances
    assert [each.outcome for each in outcomes] == ["created"] * 3, outcomes
    (policy,) = claims_policies(tenant)
    assert policy["displayName"] == TAG
    assert json.loads(policy["definition"][0]) == CLAIMS["definition"]
    assert [assigned(tenant, each) for each in outcomes] == [[TAG]] * 3
    assert writes(tenant) == ["assign_claims_mapping_policy"] * 3 + ["create_claims_mapping_policy"]
    tenant.forget()
    assert tenant.apply(named("a", "b", "c")).summary["unchanged"] == 3
    assert tenant.requests(writes=True) == []


def test_a_later_instance_is_given_the_policy_that_is_there(tenant):
    tenant.apply(named("a"))
    planned = tenant.plan(named("a", "b")).instances[1]
    assert fields(planned) == ["sso.claims"]
    tenant.apply(named("a", "b"))
    assert len(claims_policies(tenant)) == 1


def test_a_change_of_the_definition_is_one_write_and_said_of_all_who_share_it(tenant):
    tenant.apply(named("a", "b"))
    wanted = named("a", "b", claims=changed(IncludeBasicClaimSet="false"))
    planned = tenant.plan(wanted)
    assert [fields(each) for each in planned.instances] == [["sso.claims.definition"]] * 2
    assert all(any("2 instances" in text for text in each.warnings) for each in planned.instances)
    assert planned.writes == 1
    tenant.forget()
    tenant.apply(wanted)
    assert writes(tenant) == ["patch_claims_mapping_policy"]
    assert len(tenant.requests(writes=True)) == 1
    (policy,) = claims_policies(tenant)
    assert '"IncludeBasicClaimSet":"false"' in policy["definition"][0]


def test_a_policy_that_others_changed_is_set_back_and_one_written_otherwise_is_the_same(tenant):
    tenant.apply(named("a"))
    (policy,) = claims_policies(tenant)
    same = changed(IncludeBasicClaimSet=True)["definition"]
    policy["definition"] = [json.dumps(same, indent=2)]
    assert not tenant.plan(named("a")).has_changes
    policy["definition"] = ['{"ClaimsMappingPolicy":{"Version":1}}']
    assert fields(tenant.plan(named("a")).instances[0]) == ["sso.claims.definition"]
    tenant.apply(named("a"))
    assert not tenant.plan(named("a")).has_changes


def test_claims_that_the_file_no_longer_names_are_taken_off_and_the_policy_stays(tenant):
    tenant.apply(named("a", "b"))
    wanted = fleet(instance("a", AWS, sso={}), instance("b", AWS, sso={"claims": CLAIMS}))
    tenant.forget()
    planned = tenant.plan(wanted)
    assert fields(planned.instances[0]) == ["sso.claims"]
    assert planned.writes == 1
    first, second = tenant.apply(wanted).instances
    assert writes(tenant) == ["unassign_claims_mapping_policy"]
    assert (assigned(tenant, first), assigned(tenant, second)) == ([], [TAG])
    assert len(claims_policies(tenant)) == 1


@pytest.mark.parametrize("operation", ["create_claims_mapping_policy", "assign_claims_mapping_policy"])
@pytest.mark.parametrize("answer", ["reset", "503"])
def test_a_lost_answer_leaves_one_policy_assigned_once(tenant, operation, answer):
    tenant.emulator.controls.add_faults([read_fault(f"{operation}#1: commit, then {answer}")])
    outcomes = tenant.apply(named("a", "b")).instances
    assert [each.outcome for each in outcomes] == ["created"] * 2, outcomes
    assert len(claims_policies(tenant)) == 1
    assert [assigned(tenant, each) for each in outcomes] == [[TAG]] * 2


def test_shards_find_the_policy_that_they_share(tenant, monkeypatch):
    seen = []

    class Shards:
        lines = ()

        def needed(self, pending):
            return True

        async def apply(self, plans, run_id):
            seen.extend(each["displayName"] for each in claims_policies(tenant))
            return [each.outcome() for each in plans]

    async def choose(*_):
        return Shards()

    monkeypatch.setattr(provision, "choose_sharding", choose)
    tenant.apply(named("a", "b"))
    assert seen == [TAG]


def test_another_policy_of_the_fleet_takes_the_place_of_the_first(tenant):
    tenant.apply(named("a"))
    wanted = named("a", claims=CLAIMS | {"name": "other"})
    planned = tenant.plan(wanted)
    tenant.forget()
    (outcome,) = tenant.apply(wanted).instances
    assert len(tenant.requests(writes=True)) == planned.writes == 3
    assert assigned(tenant, outcome) == ["entra-fleet:contoso:other"]


def test_a_policy_of_others_is_a_conflict_that_names_it_and_stays(tenant):
    (made,) = tenant.apply(named("a", claims=None)).instances
    policies = tenant.emulator.tenant.policies[KIND]
    theirs = policies.create("entra-fleet:sales:aws", ['{"ClaimsMappingPolicy":{"Version":1}}'], False, 0.0)
    policies.assign(made.service_principal_id, theirs["id"], 0.0)
    assert not tenant.plan(named("a", claims=None)).has_changes
    planned = tenant.plan(named("a")).instances[0]
    assert planned.conflict.code == "ClaimsPolicyTaken"
    assert theirs["id"] in planned.conflict.message
    tenant.forget()
    assert tenant.apply(named("a")).instances[0].failure.code == "ClaimsPolicyTaken"
    assert tenant.requests(writes=True) == []


def test_a_policy_keeps_its_id_when_the_fleet_is_renamed(tenant):
    (made,) = tenant.apply(named("a")).instances
    (before,) = claims_policies(tenant)
    wanted = named("a") | {"fleet": "fabrikam", "renamed_from": "contoso"}
    assert fields(tenant.plan(wanted).instances[0]) == ["sso.claims.name"]
    tenant.apply(wanted)
    (after,) = claims_policies(tenant)
    assert (after["id"], after["displayName"]) == (before["id"], "entra-fleet:fabrikam:aws")
    del wanted["renamed_from"]
    assert not tenant.plan(wanted).has_changes
    assert assigned(tenant, made) == ["entra-fleet:fabrikam:aws"]


def test_without_the_permission_only_instances_with_claims_are_left_alone(tmp_path):
    roles = [each for each in EmulatorSettings().roles if not each.startswith("Policy.")]
    with new_world(tmp_path, roles=tuple(roles)) as tenant:
        refused = tenant.apply(named("a"))
        assert refused.lacking == ("Policy.ReadWrite.ApplicationConfiguration",)
        wanted = fleet(instance("a", AWS, sso={}), instance("b", AWS))
        assert tenant.apply(wanted).summary["created"] == 2
        assert not tenant.plan(wanted).has_changes
        mixed = fleet(instance("a", AWS, sso={"claims": CLAIMS}), instance("b", AWS, notes="second"))
        first, second = tenant.plan(mixed).instances
        assert first.conflict is not None
        assert fields(second) == []
        assert second.conflict is None


@pytest.mark.parametrize(
    ("claims", "where"),
    [
        ({"name": "aws"}, "definition"),
        (CLAIMS | {"name": "A name"}, "name"),
        (CLAIMS | {"definition": {"Other": {"Version": "1"}}}, "definition"),
        (CLAIMS | {"definition": {"ClaimsMappingPolicy": {"ClaimsSchema": "mail"}}}, "definition"),
        (changed(Version="one"), "definition"),
        (CLAIMS | {"for": "all"}, "for"),
        ("claims.yaml", "claims"),
    ],
)
def test_what_no_policy_can_be_is_refused_before_anything_is_sent(claims, where):
    with pytest.raises(FleetFileError) as refused:
        fleet_from_object(named("a", claims=claims))
    (problem,) = refused.value.problems
    assert where in problem.place.path


def test_two_policies_of_one_name_are_refused():
    wanted = fleet(instance("a", AWS, sso={"claims": CLAIMS}), instance("b", AWS, sso={"claims": changed(Version=2)}))
    with pytest.raises(FleetFileError) as refused:
        fleet_from_object(wanted)
    (problem,) = refused.value.problems
    assert problem.place.path == "instances[1].sso.claims"
