"""Single sign-on in the fleet file: field by field, found before made, and what others added is kept."""

import pytest

from flows.fleet_file.loader import FleetFileError, fleet_from_object
from graph_emulator.clock import guid
from tests.estates import AWS, fleet, instance
from tests.proof.stories import PROVIDER, SSO

ADMIN = f"arn:aws:iam::111122223333:role/Admin,{PROVIDER}"


@pytest.fixture
def tenant(world):
    world.reset()
    return world


def entry(tenant, kind, outcome):
    ids = {"application": outcome.application_id, "servicePrincipal": outcome.service_principal_id}
    found = tenant.emulator.tenant.directory.live[kind][ids[kind]]
    found.settle(tenant.emulator.clock.now())
    return found


def add(tenant, kind, outcome, **values):
    tenant.emulator.tenant.directory.patch(entry(tenant, kind, outcome), values, tenant.emulator.clock.now())


def writes(tenant):
    return [record.operation for record in tenant.requests(writes=True) if record.operation != "provision_on_demand"]


def one(**sso):
    return fleet(instance("aws", AWS, sso=SSO | sso))


def test_an_application_is_created_with_its_single_sign_on(tenant):
    (made,) = tenant.apply(one()).instances
    assert made.outcome == "created", made.failure
    application, principal = (entry(tenant, kind, made).value for kind in ("application", "servicePrincipal"))
    assert application["identifierUris"] == ["https://signin.aws.amazon.com/saml#aws"]
    assert application["web"]["redirectUris"][0] == "https://signin.aws.amazon.com/saml/aws"
    assert principal["preferredSingleSignOnMode"] == "saml"
    assert principal["samlSingleSignOnSettings"]["relayState"] == "https://aws.example/start"
    assert principal["notificationEmailAddresses"] == ["saml@contoso.example"]
    assert [role["value"] for role in principal["appRoles"] if role["displayName"] == "Admin"] == [ADMIN]
    assert "msiam_access" in {role["value"] for role in principal["appRoles"]} | {
        role["displayName"] for role in principal["appRoles"]
    }
    assert len(principal["keyCredentials"]) == 2
    assert principal["preferredTokenSigningKeyThumbprint"]
    tenant.forget()
    assert tenant.apply(one()).summary["unchanged"] == 1
    assert writes(tenant) == []


def test_what_others_added_is_kept_and_the_plan_says_what_changes(tenant):
    (made,) = tenant.apply(one()).instances
    theirs = {"id": guid("theirs"), "displayName": "Theirs", "value": "theirs", "isEnabled": True}
    roles = entry(tenant, "servicePrincipal", made).value["appRoles"]
    add(tenant, "servicePrincipal", made, appRoles=[*roles, {**theirs, "allowedMemberTypes": ["User"]}])
    add(tenant, "servicePrincipal", made, notificationEmailAddresses=["x@contoso.example"])
    add(tenant, "application", made, identifierUris=["https://signin.aws.amazon.com/saml#aws", "urn:theirs"])
    reader = {"name": "Reader", "value": f"arn:aws:iam::111122223333:role/Reader,{PROVIDER}"}
    wanted = one(identifiers=["urn:aws:{key}"], roles=[reader], relay_state="https://b.example")
    (planned,) = tenant.plan(wanted).instances
    assert [each.field for each in planned.changes] == [
        "sso.identifiers",
        "sso.relay_state",
        "sso.notification_emails",
        "sso.roles.Reader",
        "sso.roles.Admin",
    ]
    tenant.forget()
    tenant.apply(wanted)
    assert len(writes(tenant)) == planned.writes == 3
    application, principal = (entry(tenant, kind, made).value for kind in ("application", "servicePrincipal"))
    assert application["identifierUris"] == ["urn:aws:aws", "https://signin.aws.amazon.com/saml#aws", "urn:theirs"]
    assert set(principal["notificationEmailAddresses"]) == {"saml@contoso.example", "x@contoso.example"}
    names = [role["displayName"] for role in principal["appRoles"]]
    assert {"Theirs", "Reader"} < set(names)
    assert "Admin" not in names
    tenant.forget()
    tenant.apply(wanted)
    assert writes(tenant) == []


def test_an_identifier_of_another_application_is_a_conflict_that_names_it(tenant):
    (other,) = tenant.apply(fleet(instance("other", AWS))).instances
    add(tenant, "application", other, identifierUris=["urn:taken"])
    wanted = fleet(instance("other", AWS), instance("aws", AWS, sso={"identifiers": ["urn:taken"]}))
    tenant.forget()
    planned = tenant.plan(wanted).instances[1]
    assert planned.conflict.code == "IdentifierTaken"
    assert other.application_id in planned.conflict.message
    assert tenant.apply(wanted).instances[1].failure.code == "IdentifierTaken"
    assert writes(tenant) == []


def test_more_addresses_than_graph_keeps_are_a_conflict(tenant):
    (made,) = tenant.apply(one()).instances
    add(tenant, "servicePrincipal", made, notificationEmailAddresses=[f"{n}@contoso.example" for n in range(5)])
    assert tenant.plan(one()).instances[0].conflict.code == "TooManyAddresses"


def test_a_certificate_that_an_interrupted_apply_added_is_activated_and_not_added_again(tenant):
    (made,) = tenant.apply(one()).instances
    add(tenant, "servicePrincipal", made, preferredTokenSigningKeyThumbprint=None)
    tenant.forget()
    assert tenant.plan(one()).instances[0].writes == 1
    tenant.apply(one())
    assert writes(tenant) == ["patch_service_principal"]
    assert len(entry(tenant, "servicePrincipal", made).value["keyCredentials"]) == 2


ROLE = "arn:aws:iam::111122223333:role/Admin"


@pytest.mark.parametrize(
    ("sso", "where"),
    [
        ({"identifiers": ["no scheme"]}, "identifiers"),
        ({"identifiers": ["urn:a", "urn:a"]}, "sso"),
        ({"roles": [{"name": "Admin", "value": ROLE}]}, "roles"),
        ({"roles": [{"name": "A", "value": f"{ROLE},arn:aws:iam::999922223333:saml-provider/Entra"}]}, "roles"),
        ({"roles": [{"name": "Admin"}]}, "roles"),
        ({"notification_emails": [f"{n}@contoso.example" for n in range(6)]}, "sso"),
        ({"certificate": {"years": 4}}, "certificate"),
        ({"certificate": {"renew_before": "soon"}}, "certificate"),
        ({"certificate": {"year": 1}}, "certificate"),
        ({"mode": "oidc"}, "mode"),
    ],
)
def test_what_no_application_can_have_is_refused_before_anything_is_sent(sso, where):
    with pytest.raises(FleetFileError) as refused:
        fleet_from_object(fleet(instance("aws", AWS, sso=sso)))
    (problem,) = refused.value.problems
    assert where in problem.place.path


def test_identifiers_are_unique_in_the_fleet():
    wanted = [instance(key, AWS, sso={"identifiers": ["urn:aws"]}) for key in ("a", "b")]
    with pytest.raises(FleetFileError) as refused:
        fleet_from_object(fleet(*wanted))
    (problem,) = refused.value.problems
    assert problem.place.path == "instances[1].sso.identifiers[0]"
    defaults = {"sso": {"identifiers": ["urn:aws:{key}"]}}
    made = fleet_from_object(fleet(instance("a", AWS), instance("b", AWS), defaults=defaults))
    assert [each.sso.identifiers for each in made.instances] == [("urn:aws:a",), ("urn:aws:b",)]
