import pytest

from tests.graph_emulator.driver import AWS, error_of

pytestmark = pytest.mark.parametrize("door", ["in process"])
IDENTIFIER = "https://signin.aws.amazon.com/saml#1"
ADMIN = {
    "id": "1d7a2a51-7c3e-4c2b-9d0e-5b6f2f6f1a01",
    "displayName": "Admin",
    "description": "Admin",
    "value": "arn:aws:iam::123456789012:role/Admin,arn:aws:iam::123456789012:saml-provider/Contoso",
    "allowedMemberTypes": ["User"],
    "isEnabled": True,
}


@pytest.fixture
async def pair(wire):
    application, principal = await wire.instantiate("Orders", AWS)
    return wire, f"/applications/{application}", f"/servicePrincipals/{principal}"


async def test_mode_relay_state_and_addresses_are_kept(pair):
    wire, _, principal = pair
    settings = {
        "preferredSingleSignOnMode": "saml",
        "notificationEmailAddresses": [f"{n}@contoso.example" for n in range(5)],
        "samlSingleSignOnSettings": {"relayState": "https://contoso.example/start"},
    }
    assert (await wire.send("PATCH", principal, settings)).status_code == 204
    value = (await wire.get("/servicePrincipals?$filter=preferredSingleSignOnMode eq 'saml'"))["value"][0]
    assert {name: value[name] for name in settings} == settings


@pytest.mark.parametrize(
    "changes",
    [
        {"notificationEmailAddresses": [f"{n}@contoso.example" for n in range(6)]},
        {"preferredSingleSignOnMode": "SAML"},
        {"samlSingleSignOnSettings": "https://contoso.example/start"},
    ],
)
async def test_settings_that_are_refused(pair, changes):
    wire, _, principal = pair
    assert error_of(await wire.send("PATCH", principal, changes)) == (400, "Request_BadRequest")


async def test_the_saml_settings_alone(pair):
    wire, _, principal = pair
    path = f"{principal}/samlSingleSignOnSettings"
    assert (await wire.send("GET", path)).status_code == 204
    assert (await wire.send("PATCH", path, {"relayState": "https://contoso.example"})).status_code == 204
    assert (await wire.get(path))["relayState"] == "https://contoso.example"
    assert (await wire.get(principal))["samlSingleSignOnSettings"] == {"relayState": "https://contoso.example"}
    assert (await wire.send("PATCH", path, {"relay": "x"})).status_code == 400


async def test_an_identifier_belongs_to_one_application(pair):
    wire, application, principal = pair
    other, _ = await wire.instantiate("Other", AWS)
    assert (await wire.send("PATCH", application, {"identifierUris": [IDENTIFIER]})).status_code == 204
    refused = await wire.send("PATCH", f"/applications/{other}", {"identifierUris": [IDENTIFIER]})
    assert error_of(refused) == (400, "Request_BadRequest")
    assert [each["code"] for each in refused.json()["error"]["details"]] == ["ObjectConflict"]
    found = await wire.get(f"/applications?$filter=identifierUris/any(u:u eq '{IDENTIFIER.replace('#', '%23')}')")
    assert [each["id"] for each in found["value"]] == [application.rpartition("/")[2]]
    # Its own identifiers do not conflict, and one that was given up is free.
    for path, uris in ((application, [IDENTIFIER]), (application, []), (f"/applications/{other}", [IDENTIFIER])):
        assert (await wire.send("PATCH", path, {"identifierUris": uris})).status_code == 204
    names = (await wire.get(principal))["servicePrincipalNames"]
    assert names == [(await wire.get(application))["appId"]]


async def test_identifiers_and_reply_urls_show_on_the_service_principal(open_tenant):
    wire = await open_tenant(propagation_seconds=10.0)
    application, principal = await wire.instantiate("Orders", AWS)
    uris = ["https://contoso.example/acs", "https://contoso.example/*"]
    before = (await wire.get(f"/applications/{application}"))["web"]
    changes = {"identifierUris": [IDENTIFIER], "web": {"redirectUris": uris}}
    assert (await wire.send("PATCH", f"/applications/{application}", changes)).status_code == 204
    web = (await wire.get(f"/applications/{application}"))["web"]
    assert (web["redirectUris"], web["homePageUrl"]) == (uris, before["homePageUrl"])
    names = ("servicePrincipalNames", "replyUrls")
    old = await wire.get(f"/servicePrincipals/{principal}")
    wire.emulator.controls.advance(11)
    new = await wire.get(f"/servicePrincipals/{principal}")
    assert [new[name] for name in names] == [[new["appId"], IDENTIFIER], uris[:1]]
    assert all(old[name] != new[name] for name in names)


@pytest.mark.parametrize("uris", [["no address"], [IDENTIFIER, IDENTIFIER]])
async def test_identifiers_that_are_none(pair, uris):
    wire, application, _ = pair
    assert error_of(await wire.send("PATCH", application, {"identifierUris": uris})) == (400, "Request_BadRequest")


async def test_a_foreign_domain_may_need_the_mode_first(open_tenant):
    wire = await open_tenant(foreign_identifiers="saml only")
    application, principal = await wire.instantiate("Orders", AWS)
    app_id = (await wire.get(f"/applications/{application}"))["appId"]
    for uri, code in ((f"api://{app_id}", 204), ("https://orders.contoso.example", 204), (IDENTIFIER, 400)):
        answer = await wire.send("PATCH", f"/applications/{application}", {"identifierUris": [uri]})
        assert answer.status_code == code
    assert error_of(answer) == (400, "HostNameNotOnVerifiedDomain")
    await wire.send("PATCH", f"/servicePrincipals/{principal}", {"preferredSingleSignOnMode": "saml"})
    answer = await wire.send("PATCH", f"/applications/{application}", {"identifierUris": [IDENTIFIER]})
    assert answer.status_code == 204


async def test_a_conflict_may_have_another_status(open_tenant):
    wire = await open_tenant(identifier_conflict_status=409)
    answers = []
    for name in ("One", "Two"):
        application, _ = await wire.instantiate(name, AWS)
        answers.append(await wire.send("PATCH", f"/applications/{application}", {"identifierUris": [IDENTIFIER]}))
    assert error_of(answers[1]) == (409, "Request_MultipleObjectsWithSameKeyValue")


async def test_roles_are_replaced_as_a_whole_and_disabled_before_they_go(pair):
    wire, _, principal = pair
    roles = (await wire.get(principal))["appRoles"]
    assert (await wire.send("PATCH", principal, {"appRoles": [*roles, ADMIN]})).status_code == 204
    assert [role["value"] for role in (await wire.get(principal))["appRoles"]] == [None, ADMIN["value"]]
    refused = await wire.send("PATCH", principal, {"appRoles": roles})
    assert error_of(refused) == (400, "CannotDeleteOrUpdateEnabledEntitlement")
    for collection in ([*roles, {**ADMIN, "isEnabled": False}], roles):
        assert (await wire.send("PATCH", principal, {"appRoles": collection})).status_code == 204
    assert (await wire.get(principal))["appRoles"] == roles


@pytest.mark.parametrize("changed", [{"id": "no id"}, {"displayName": None}])
async def test_roles_that_are_none(pair, changed):
    wire, _, principal = pair
    roles = (await wire.get(principal))["appRoles"]
    refused = await wire.send("PATCH", principal, {"appRoles": [*roles, {**ADMIN, **changed}]})
    assert error_of(refused) == (400, "Request_BadRequest")


async def test_no_two_roles_have_one_id_or_one_value(pair):
    wire, _, principal = pair
    roles = (await wire.get(principal))["appRoles"]
    for twin in ({**ADMIN, "value": "other"}, {**ADMIN, "id": ADMIN["id"].replace("1", "2")}):
        refused = await wire.send("PATCH", principal, {"appRoles": [*roles, ADMIN, twin]})
        assert error_of(refused) == (400, "Request_BadRequest")


async def test_the_audit_log_tells_of_certificates_policies_and_settings(pair):
    wire, _, principal = pair
    policy = '{"ClaimsMappingPolicy":{"Version":1}}'
    path = "/policies/claimsMappingPolicies"
    made = await wire.post(path, {"definition": [policy], "displayName": "Claims"}, 201)
    wire.emulator.controls.advance(10)
    await wire.post(f"{principal}/addTokenSigningCertificate", {"displayName": "CN=Orders"}, 200)
    await wire.post(f"{principal}/claimsMappingPolicies/$ref", {"@odata.id": f"https://localhost{path}/{made['id']}"})
    await wire.send("DELETE", f"{principal}/claimsMappingPolicies/{made['id']}/$ref")
    await wire.send("PATCH", f"{principal}/samlSingleSignOnSettings", {"relayState": "https://contoso.example"})
    wire.emulator.controls.advance(10)
    latest = (await wire.get("/auditLogs/directoryAudits?$top=4"))["value"]
    assert [each["activityDisplayName"] for each in reversed(latest)] == [
        "Add service principal credentials",
        "Add policy to service principal",
        "Remove policy from service principal",
        "Update service principal",
    ]
    assert {each["targetResources"][0]["id"] for each in latest} == {principal.rpartition("/")[2]}
