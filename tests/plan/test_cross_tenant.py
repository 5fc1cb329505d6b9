"""The differences between `cross_tenant` and the policies of both tenants, and what cannot be set up."""

import pytest

from flows.errors import StepFailed
from flows.fleet_file.loader import fleet_from_object
from flows.plan.cross_tenant import (
    ask_administrators,
    diff_cross_tenant,
    find_organization_warnings,
    find_partnership_conflict,
    find_permission_warnings,
)
from flows.plan.plan import Action, FieldChange, InstancePlan, Plan
from flows.plan.preflight import PermissionsMissing, missing_permissions
from flows.tenant.cross_tenant import Partnership, PolicySide
from graph_client import TokenClaims
from graph_client.models import CrossTenantPartner, IdentitySynchronization

SOURCE, TARGET = "7928d5b5-7442-4a97-a02d-66f9a9972ec0", "3f2c0000-0000-4000-8000-000000000001"


def instance(**cross_tenant):
    own = {"tenant_id": TARGET, "sign_in": "fabrikam"} | cross_tenant
    one = {"key": "fabrikam", "display_name": "Fabrikam", "template": "Cross-tenant synchronization"}
    fleet = {
        "fleet": "subsidiaries",
        "tenant_id": SOURCE,
        "instances": [one | {"scope": "assigned", "cross_tenant": own}],
    }
    return fleet_from_object(fleet).instances[0]


def partner(**consent):
    return CrossTenantPartner.parse({"tenantId": TARGET, "automaticUserConsentSettings": consent})


def allowed(users=None, groups=None):
    named = {"userSyncInbound": users, "groupSyncInbound": groups}
    body = {name: {"isSyncAllowed": each} for name, each in named.items() if each is not None}
    return IdentitySynchronization.parse({"tenantId": SOURCE, **body})


def diff(wanted, source=PolicySide(), target=PolicySide()):  # noqa: B008  # frozen
    return [
        (each.field, each.before, each.after)
        for each in diff_cross_tenant(wanted.cross_tenant, Partnership(SOURCE, source, target))
    ]


NEW = [
    ("target.partner", None, "created"),
    ("target.users", "false", "true"),
    ("target.redeem", "manual", "automatic"),
    ("source.partner", None, "created"),
    ("source.redeem", "manual", "automatic"),
]


def test_of_two_tenants_without_policies_all_is_to_be_given():
    assert diff(instance(users=True, redeem="automatic")) == NEW


@pytest.mark.parametrize(
    ("source", "target", "gone"),
    [
        (PolicySide(partner()), PolicySide(partner()), {"target.partner", "source.partner"}),
        (PolicySide(partner(outboundAllowed=True)), PolicySide(), {"source.partner", "source.redeem"}),
        # The other direction is another matter.
        (PolicySide(partner(inboundAllowed=True)), PolicySide(), {"source.partner"}),
        (PolicySide(), PolicySide(partner(inboundAllowed=True)), {"target.partner", "target.redeem"}),
        (PolicySide(), PolicySide(partner(), allowed(users=True)), {"target.partner", "target.users"}),
        (PolicySide(), PolicySide(partner(), allowed(users=False)), {"target.partner"}),
        (PolicySide(), None, {"target.partner", "target.users", "target.redeem"}),
    ],
)
def test_what_is_there_already_is_not_given_again(source, target, gone):
    found = diff(instance(users=True, redeem="automatic"), source, target)
    assert found == [each for each in NEW if each[0] not in gone]


def test_what_the_file_does_not_name_does_not_appear():
    assert diff(instance()) == []
    assert diff(instance(users=False, groups=False, redeem="manual")) == []
    assert [each[0] for each in diff(instance(users=True))] == ["target.partner", "target.users"]
    everything = PolicySide(partner(inboundAllowed=True, outboundAllowed=True), allowed(users=True, groups=True))
    assert diff(instance(), everything, everything) == []


def test_only_what_takes_users_or_groups_away_is_dangerous():
    there = PolicySide(partner(inboundAllowed=True, outboundAllowed=True), allowed(users=True, groups=True))
    wanted = instance(users=False, groups=False, redeem="manual").cross_tenant
    changes = diff_cross_tenant(wanted, Partnership(SOURCE, there, there))
    assert {each.field: each.dangerous for each in changes} == {
        "target.users": True,
        "target.groups": True,
        "target.redeem": False,
        "source.redeem": False,
    }
    assert all(each.danger for each in changes if each.dangerous)


def test_users_and_groups_are_one_write_and_all_else_is_one_each():
    fields = [each[0] for each in NEW] + ["target.groups"]
    changes = tuple(FieldChange(field, None, "true") for field in fields)
    plan = InstancePlan("subsidiaries", instance(), Action.UPDATE, changes=changes)
    assert plan.writes == 5


FAILED = StepFailed("AADSTS7000215", "sign-in failed", "check the secret")


@pytest.mark.parametrize(
    ("found", "saved", "code"),
    [
        (Partnership(SOURCE), {"CompanyId": TARGET.upper()}, None),
        (Partnership(SOURCE), {"CompanyId": SOURCE}, "TargetChanged"),
        (Partnership(SOURCE, taken_by=("Other (1)",)), None, "TargetTaken"),
        (Partnership(SOURCE, PolicySide(failure=FAILED)), None, "AADSTS7000215"),
        (Partnership(SOURCE, target=PolicySide(failure=FAILED)), None, "AADSTS7000215"),
        (Partnership(SOURCE, target=PolicySide(lacking=("Policy.X",))), None, None),
        (None, None, None),
    ],
)
def test_what_cannot_be_set_up_is_a_conflict_of_its_instance(found, saved, code):
    conflict = find_partnership_conflict(instance(users=True), found, saved)
    assert (conflict.code if conflict else None) == code
    if code and found.target:
        assert TARGET in conflict.message


def test_a_missing_permission_of_the_source_refuses_the_plan():
    changes = (FieldChange("source.redeem", "manual", "automatic"),)
    plan = InstancePlan("subsidiaries", instance(), Action.UPDATE, changes=changes)
    whole = Plan("subsidiaries", SOURCE, (plan,), ())
    refused = missing_permissions(whole, TokenClaims(app_id="app", roles=("Policy.Read.All",)))
    assert isinstance(refused, PermissionsMissing)
    assert refused.lacking == ("Policy.ReadWrite.CrossTenantAccess",)
    may = TokenClaims(app_id="app", roles=("Policy.ReadWrite.CrossTenantAccess",))
    assert missing_permissions(whole, may) is None


def test_a_permission_that_only_an_apply_would_need_is_a_warning():
    lacking = PolicySide(lacking=("Policy.X",))
    (warning,) = find_permission_warnings(instance(users=True), Partnership(SOURCE, target=lacking))
    assert TARGET in warning
    assert "Policy.X" in warning
    done = PolicySide(partner(), allowed(users=True), lacking=("Policy.X",))
    assert find_permission_warnings(instance(users=True), Partnership(SOURCE, target=done)) == ()
    assert find_permission_warnings(instance(users=True), Partnership(SOURCE)) == ()
    (warning,) = find_permission_warnings(instance(redeem="automatic"), Partnership(SOURCE, lacking))
    assert SOURCE in warning


def test_tenants_of_one_organization_are_a_warning():
    body = {"tenantId": TARGET, "isInMultiTenantOrganization": True}
    side = PolicySide(CrossTenantPartner.parse(body))
    assert find_organization_warnings(Partnership(SOURCE, side, PolicySide(partner()))) != ()
    assert find_organization_warnings(Partnership(SOURCE, PolicySide(partner()))) == ()
    assert find_organization_warnings(None) == ()


def test_the_sentence_for_the_target_names_both_tenants_and_what_to_allow():
    sentence = ask_administrators(instance(groups=True, redeem="automatic").cross_tenant, SOURCE)
    for part in (SOURCE, TARGET, "groups", "redeem"):
        assert part in sentence
    assert "groups" not in ask_administrators(instance().cross_tenant, SOURCE)
