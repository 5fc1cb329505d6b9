import pytest

from tests.graph_emulator.driver import error_of

pytestmark = pytest.mark.parametrize("door", ["in process"])
RULES = '{"ClaimsMappingPolicy":{"Version":1,"IncludeBasicClaimSet":"true","ClaimsSchema":[]}}'
PATH = "/policies/claimsMappingPolicies"
BODY = {"definition": [RULES], "displayName": "Claims"}


class Claims:
    def __init__(self, wire):
        self.wire = wire

    async def create(self):
        return (await self.wire.post(PATH, BODY, 201))["id"]

    async def assign(self, principal, policy):
        reference = {"@odata.id": f"https://graph.microsoft.com/v1.0{PATH}/{policy}"}
        return await self.wire.send("POST", f"/servicePrincipals/{principal}/claimsMappingPolicies/$ref", reference)

    async def of(self, principal):
        found = (await self.wire.get(f"/servicePrincipals/{principal}/claimsMappingPolicies"))["value"]
        return [each["id"] for each in found]


@pytest.fixture
def claims(wire):
    return Claims(wire)


async def test_a_policy_is_made_changed_and_deleted(claims):
    wire, policy = claims.wire, await claims.create()
    assert (await wire.get(f"{PATH}/{policy}"))["definition"] == [RULES]
    for wanted, found in (("Claims", [policy]), ("Other", [])):
        assert [p["id"] for p in (await wire.get(f"{PATH}?$filter=displayName eq '{wanted}'"))["value"]] == found
    assert (await wire.send("PATCH", f"{PATH}/{policy}", {"displayName": "Other"})).status_code == 204
    assert (await wire.get(f"{PATH}/{policy}?$select=displayName"))["displayName"] == "Other"
    assert (await wire.send("DELETE", f"{PATH}/{policy}")).status_code == 204
    assert error_of(await wire.send("GET", f"{PATH}/{policy}")) == (404, "Request_ResourceNotFound")


@pytest.mark.parametrize(
    "definition",
    [[], ["no JSON"], ["[]"], ['{"Other":{}}'], [RULES, RULES], ['{"ClaimsMappingPolicy":{"ClaimsSchema":{}}}']],
)
async def test_a_definition_that_is_none(claims, definition):
    policy = await claims.create()
    for method, path in (("POST", PATH), ("PATCH", f"{PATH}/{policy}")):
        refused = await claims.wire.send(method, path, {**BODY, "definition": definition})
        assert error_of(refused) == (400, "Request_BadRequest")
        assert [each["target"] for each in refused.json()["error"]["details"]] == ["definition"]


async def test_a_service_principal_has_one_policy_and_a_policy_many_service_principals(claims):
    wire, one, two = claims.wire, await claims.create(), await claims.create()
    principals = [(await wire.instantiate(name))[1] for name in ("First", "Second")]
    for principal in principals:
        assert (await claims.assign(principal, one)).status_code == 204
        assert await claims.of(principal) == [one]
        for policy in (one, two):
            assert error_of(await claims.assign(principal, policy)) == (400, "Request_BadRequest")
    applied = (await wire.get(f"{PATH}/{one}/appliesTo"))["value"]
    assert [each["id"] for each in applied] == principals
    path = f"/servicePrincipals/{principals[0]}/claimsMappingPolicies"
    assert error_of(await wire.send("DELETE", f"{path}/{two}/$ref")) == (404, "Request_ResourceNotFound")
    assert (await wire.send("DELETE", f"{path}/{one}/$ref")).status_code == 204
    assert (await claims.assign(principals[0], two)).status_code == 204
    assert (await wire.send("DELETE", f"{PATH}/{one}")).status_code == 204
    assert [await claims.of(each) for each in principals] == [[two], []]


async def test_a_reference_to_no_policy_and_to_an_unknown_one(claims):
    wire, policy = claims.wire, await claims.create()
    _, principal = await wire.instantiate()
    path = f"/servicePrincipals/{principal}/claimsMappingPolicies/$ref"
    for reference in ("", f"https://graph.microsoft.com/v1.0/policies/tokenIssuancePolicies/{policy}", None):
        assert error_of(await wire.send("POST", path, {"@odata.id": reference})) == (400, "BadRequest")
    unknown = policy[:-1] + ("0" if policy[-1] != "0" else "1")
    assert error_of(await claims.assign(principal, unknown)) == (404, "Request_ResourceNotFound")
    general = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{policy}"}
    await wire.post(path, general)


async def test_a_new_policy_and_its_assignment_show_late(open_tenant):
    wire = await open_tenant(replication_lag_seconds=10.0, change_lag_seconds=10.0)
    claims = Claims(wire)
    _, principal = await wire.instantiate()
    policy = await claims.create()
    assert (await wire.send("GET", f"{PATH}/{policy}")).status_code == 404
    wire.emulator.controls.advance(11)
    assert (await claims.assign(principal, policy)).status_code == 204
    assert await claims.of(principal) == []
    wire.emulator.controls.advance(11)
    assert await claims.of(principal) == [policy]


@pytest.mark.parametrize(
    ("roles", "made", "assigned"),
    [
        (("Policy.Read.All", "Application.ReadWrite.All"), 403, 404),
        (("Policy.ReadWrite.ApplicationConfiguration", "Application.Read.All"), 201, 403),
    ],
)
async def test_policies_have_permissions_of_their_own(open_tenant, roles, made, assigned):
    wire = await open_tenant(roles=roles)
    assert (await wire.send("POST", PATH, BODY)).status_code == made
    nobody = "00000000-0000-4000-8000-000000000000"
    assert (await Claims(wire).assign(nobody, nobody)).status_code == assigned
