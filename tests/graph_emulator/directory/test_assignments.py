import pytest

from tests.graph_emulator.driver import error_of

DEFAULT = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
async def application(wire):
    _, principal = await wire.instantiate("Box", "Box")
    return wire, principal, f"/servicePrincipals/{principal}/appRoleAssignedTo"


async def test_an_assignment_is_made_listed_and_taken_back(application):
    wire, principal, path = application
    made = (await wire.assign(principal, wire.group_ids[0])).json()
    assert (made["principalType"], made["principalDisplayName"]) == ("Group", "Self-service Pilot")
    assert (made["resourceId"], made["resourceDisplayName"]) == (principal, "Box")
    assert made["id"].count("-") != 4
    listed = (await wire.get(path))["value"]
    assert [a["id"] for a in listed] == [made["id"]]
    assert (await wire.send("DELETE", f"{path}/{made['id']}")).status_code == 204
    assert (await wire.get(path))["value"] == []
    assert (await wire.send("DELETE", f"{path}/{made['id']}")).status_code == 404


async def test_the_same_again_is_refused_in_the_known_words(application):
    wire, principal, _ = application
    await wire.assign(principal, wire.user_ids[0])
    again = await wire.assign(principal, wire.user_ids[0])
    assert error_of(again) == (400, "Request_BadRequest")
    assert again.json()["error"]["message"] == "Permission being assigned already exists on the object"


async def test_beta_names_the_moment_otherwise(application):
    wire, principal, path = application
    made = (await wire.assign(principal, wire.user_ids[0])).json()
    wire.version = "beta"
    beta = (await wire.get(path))["value"][0]
    assert "createdDateTime" not in beta
    assert beta["creationTimestamp"] == made["createdDateTime"]


@pytest.mark.parametrize("role", [DEFAULT, "18d14569-c3bd-439b-9a66-3a2aee01d14f"])
async def test_only_a_published_role_can_be_assigned(application, role):
    wire, principal, path = application
    body = {"principalId": wire.user_ids[0], "resourceId": principal, "appRoleId": role}
    assert error_of(await wire.send("POST", path, body)) == (400, "Request_BadRequest")


async def test_default_access_is_for_applications_without_roles(application):
    wire, principal, path = application
    roles = (await wire.get(f"/servicePrincipals/{principal}"))["appRoles"]
    disabled = [{**role, "isEnabled": False} for role in roles]
    for collection in (disabled, []):
        await wire.send("PATCH", f"/servicePrincipals/{principal}", {"appRoles": collection})
    body = {"principalId": wire.user_ids[0], "resourceId": principal, "appRoleId": DEFAULT}
    assert (await wire.send("POST", path, body)).status_code == 201


@pytest.mark.parametrize("field", ["principalId", "resourceId", "appRoleId"])
async def test_every_field_is_needed(application, field):
    wire, principal, path = application
    body = {"principalId": wire.user_ids[0], "resourceId": principal, "appRoleId": DEFAULT}
    assert (await wire.send("POST", path, {**body, field: None})).status_code == 400
    assert (await wire.send("POST", path, {**body, "more": 1})).status_code == 400


async def test_nobody_of_this_id(application):
    wire, principal, _ = application
    assert error_of(await wire.assign(principal, principal)) == (404, "Request_ResourceNotFound")


async def test_the_resource_is_the_service_principal_of_the_path(application):
    wire, principal, path = application
    role = (await wire.get(f"/servicePrincipals/{principal}"))["appRoles"][0]["id"]
    body = {"principalId": wire.user_ids[0], "resourceId": DEFAULT, "appRoleId": role}
    assert (await wire.send("POST", path, body)).status_code == 400
    assert (await wire.send("POST", path, {**body, "resourceId": principal})).status_code == 201
