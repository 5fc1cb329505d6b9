import pytest

from tests.graph_emulator.cross_tenant.pair import PARTNERS
from tests.graph_emulator.driver import error_of

ELSEWHERE = "cccccccc-0000-4000-8000-000000000003"
ONE = f"{PARTNERS}/{ELSEWHERE}"
SYNC = f"{ONE}/identitySynchronization"
ALLOWED = {"displayName": "Contoso", "userSyncInbound": {"isSyncAllowed": True}}


async def test_a_new_partner_has_no_settings_and_there_is_one_for_each_tenant(wire):
    made = await wire.post(PARTNERS, {"tenantId": ELSEWHERE.upper()}, 201)
    nulls = {"inboundAllowed": None, "outboundAllowed": None}
    assert made["tenantId"] == ELSEWHERE
    assert made["automaticUserConsentSettings"] == made["crossCloudMeetingConfiguration"] == nulls
    assert made["inboundTrust"] is made["b2bCollaborationInbound"] is None
    again = await wire.send("POST", PARTNERS, {"tenantId": ELSEWHERE})
    assert error_of(again) == (400, "Request_MultipleObjectsWithSameKeyValue")
    assert [each["tenantId"] for each in (await wire.get(PARTNERS))["value"]] == [ELSEWHERE]
    assert (await wire.get(ONE))["isInMultiTenantOrganization"] is False


async def test_a_patch_changes_only_what_it_names(wire):
    trust = {"isMfaAccepted": True, "isCompliantDeviceAccepted": False, "isHybridAzureADJoinedDeviceAccepted": False}
    consent = {"inboundAllowed": None, "outboundAllowed": True}
    wire.emulator.controls.seed_partner(ELSEWHERE, {"inboundTrust": trust, "automaticUserConsentSettings": consent})
    before = wire.emulator.tenant.partners.bodies[ELSEWHERE]
    patch = {"automaticUserConsentSettings": {"inboundAllowed": True}}
    assert (await wire.send("PATCH", ONE, patch)).status_code == 204
    both = {"inboundAllowed": True, "outboundAllowed": True}
    assert wire.emulator.tenant.partners.bodies[ELSEWHERE] == {**before, "automaticUserConsentSettings": both}


async def test_an_identity_synchronization_is_put_once_and_patched_after(wire):
    assert error_of(await wire.send("PUT", SYNC, ALLOWED))[0] == 404
    await wire.post(PARTNERS, {"tenantId": ELSEWHERE}, 201)
    for method in ("GET", "PATCH", "DELETE"):
        body = {} if method == "PATCH" else None
        assert error_of(await wire.send(method, SYNC, body)) == (404, "Directory_ObjectNotFound")
    assert (await wire.send("PUT", SYNC, ALLOWED)).status_code == 204
    again = await wire.send("PUT", SYNC, ALLOWED)
    assert error_of(again) == (409, "Request_MultipleObjectsWithSameKeyValue")
    assert [each["code"] for each in again.json()["error"]["details"]] == ["ConflictingObjects"]
    assert (await wire.send("PATCH", SYNC, {"userSyncInbound": {"isSyncAllowed": False}})).status_code == 204
    shown = await wire.get(SYNC)
    del shown["@odata.context"]
    assert shown == {**ALLOWED, "tenantId": ELSEWHERE, "userSyncInbound": {"isSyncAllowed": False}}


async def test_expand_brings_the_identity_synchronization(wire):
    path = f"{PARTNERS}?$select=tenantId&$expand=identitySynchronization"
    assert (await wire.get(path))["value"] == []
    wire.emulator.controls.seed_partner(ELSEWHERE, {})
    assert (await wire.get(path))["value"] == [{"tenantId": ELSEWHERE, "identitySynchronization": None}]
    wire.emulator.controls.set_identity_synchronization(ELSEWHERE, True)
    (found,) = (await wire.get(path))["value"]
    assert found["identitySynchronization"]["userSyncInbound"] == {"isSyncAllowed": True}
    one = await wire.get(f"{ONE}?$expand=identitySynchronization")
    assert one["identitySynchronization"] == found["identitySynchronization"]
    for bad in ("$expand=partners", "$select=name", "$filter=tenantId eq 'x'"):
        assert (await wire.send("GET", f"{PARTNERS}?{bad}")).status_code == 400


@pytest.mark.parametrize(("mode", "outbound"), [("merge", True), ("replace", None)])
async def test_the_direction_that_a_patch_does_not_name(open_tenant, mode, outbound):
    wire = await open_tenant(consent_patch=mode)
    wire.emulator.controls.seed_partner(ELSEWHERE, {"isServiceProvider": True})
    for name in ("outboundAllowed", "inboundAllowed"):
        assert (await wire.send("PATCH", ONE, {"automaticUserConsentSettings": {name: True}})).status_code == 204
    shown = await wire.get(ONE)
    assert shown["automaticUserConsentSettings"] == {"inboundAllowed": True, "outboundAllowed": outbound}
    assert shown["isServiceProvider"] is True


async def test_groups_are_of_beta(wire):
    await wire.post(PARTNERS, {"tenantId": ELSEWHERE}, 201)
    body = {**ALLOWED, "groupSyncInbound": {"isSyncAllowed": True}}
    assert (await wire.send("PUT", SYNC, body)).status_code == 400
    wire.version = "beta"
    assert (await wire.send("PUT", SYNC, body)).status_code == 204
    assert (await wire.get(SYNC))["groupSyncInbound"] == {"isSyncAllowed": True}
    wire.version = "v1.0"
    assert "groupSyncInbound" not in await wire.get(SYNC)


@pytest.mark.parametrize(("mode", "status"), [("refused", 400), ("with synchronization", 204)])
async def test_deleting_a_partner_that_still_synchronizes(open_tenant, mode, status):
    wire = await open_tenant(partner_delete=mode)
    await wire.post(PARTNERS, {"tenantId": ELSEWHERE}, 201)
    await wire.send("PUT", SYNC, ALLOWED)
    assert (await wire.send("DELETE", ONE)).status_code == status
    if status == 400:
        assert (await wire.send("DELETE", SYNC)).status_code == 204
        assert (await wire.send("DELETE", ONE)).status_code == 204
    for path in (ONE, SYNC):
        assert (await wire.send("GET", path)).status_code == 404
    assert wire.emulator.tenant.partners.bodies == wire.emulator.tenant.partners.synchronizations == {}


@pytest.mark.parametrize(
    ("roles", "reads", "writes"),
    [(("Policy.Read.All",), 200, 403), (("Policy.ReadWrite.CrossTenantAccess",), 200, 201), ((), 403, 403)],
)
async def test_permissions(open_tenant, roles, reads, writes):
    wire = await open_tenant(roles=roles)
    for path in ("", "/default", "/partners"):
        assert (await wire.send("GET", f"/policies/crossTenantAccessPolicy{path}")).status_code == reads
    assert (await wire.send("POST", PARTNERS, {"tenantId": ELSEWHERE})).status_code == writes


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", PARTNERS, {"tenantId": "contoso.example"}),
        ("POST", PARTNERS, {}),
        ("PATCH", ONE, {"tenantId": ELSEWHERE}),
        ("PATCH", ONE, {"automaticUserConsentSettings": {"inboundAllowed": "yes"}}),
        ("PUT", SYNC, {"userSyncInbound": {"allowed": True}}),
    ],
)
async def test_what_is_refused(wire, method, path, body):
    wire.emulator.controls.seed_partner(ELSEWHERE, {})
    assert (await wire.send(method, path, body)).status_code == 400


async def test_replicas_learn_of_a_change_one_by_one(open_tenant):
    wire = await open_tenant(change_lag_seconds=10.0)
    await wire.post(PARTNERS, {"tenantId": ELSEWHERE}, 201)
    assert (await wire.send("GET", ONE)).status_code == 404
    wire.emulator.controls.advance(7)
    assert {(await wire.send("GET", ONE)).status_code for _ in range(30)} == {200, 404}
    wire.emulator.controls.advance(3)
    assert {(await wire.send("GET", ONE)).status_code for _ in range(30)} == {200}


@pytest.mark.parametrize("form", ["recorded", "declared"])
async def test_the_properties_of_a_partner(open_tenant, form):
    wire = await open_tenant(partner_form=form)
    made = await wire.post(PARTNERS, {"tenantId": ELSEWHERE}, 201)
    names = {"crossCloudMeetingConfiguration"} if form == "recorded" else {"isInMultiTenantOrganization"}
    assert made.keys() & {"crossCloudMeetingConfiguration", "isInMultiTenantOrganization"} == names


async def test_the_defaults_are_those_of_the_service(wire):
    default = await wire.get("/policies/crossTenantAccessPolicy/default")
    assert default["isServiceDefault"] is True
    assert default["automaticUserConsentSettings"] == {"inboundAllowed": False, "outboundAllowed": False}
