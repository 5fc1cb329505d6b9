import pytest

from tests.graph_emulator.driver import GOOD, error_of

DENIED = (403, "Authorization_RequestDenied")
QUIRK = (401, "UnknownError")
BOX_SECRETS = {"credentials": [{"key": "SecretToken", "value": "good"}]}


@pytest.fixture
async def tenant(open_tenant):
    """A tenant with a job, and a function that signs in with other permissions."""
    wire = await open_tenant()
    application, principal = await wire.instantiate()
    job = await wire.make_job(principal)

    async def with_roles(*roles):
        clients = wire.emulator._service.sign_in._clients
        client_id = wire.emulator.settings.client_id
        clients[client_id] = type(clients[client_id])(client_id, wire.emulator.settings.client_secret, roles)
        await wire.sign_in()
        return wire

    return with_roles, application, principal, job


async def test_templates_need_no_permission_at_all(tenant):
    wire = await tenant[0]()
    assert (await wire.send("GET", "/applicationTemplates?$top=1")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/applications", None),
        ("GET", "/servicePrincipals", None),
        ("PATCH", "/applications/{a}", {"notes": "x"}),
        ("DELETE", "/servicePrincipals/{p}", None),
        ("GET", "/servicePrincipals/{p}/appRoleAssignedTo", None),
        ("GET", "/directory/deletedItems/microsoft.graph.application", None),
        ("GET", "/users", None),
        ("GET", "/groups", None),
        ("GET", "/auditLogs/provisioning", None),
    ],
)
async def test_a_missing_permission_is_a_403(tenant, method, path, body):
    sign_in, application, principal, _ = tenant
    wire = await sign_in("Synchronization.ReadWrite.All")
    answer = await wire.send(method, path.format(a=application, p=principal), body)
    assert error_of(answer) == DENIED


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "templates", None),
        ("GET", "jobs", None),
        ("POST", "jobs", {"templateId": "BoxOutDelta"}),
        ("POST", "jobs/validateCredentials", BOX_SECRETS),
        ("GET", "secrets", None),
        ("PUT", "secrets", {"value": []}),
    ],
)
async def test_below_synchronization_it_reads_like_a_broken_token(tenant, method, path, body):
    sign_in, _, principal, _ = tenant
    wire = await sign_in("Application.ReadWrite.All")
    answer = await wire.send(method, f"/servicePrincipals/{principal}/synchronization/{path}", body)
    assert error_of(answer) == QUIRK
    assert answer.json()["error"]["message"] == ""


async def test_a_reader_of_synchronization_may_not_write(tenant):
    sign_in, _, principal, job = tenant
    wire = await sign_in("Synchronization.Read.All")
    assert (await wire.send("GET", job)).status_code == 200
    assert error_of(await wire.send("POST", f"{job}/start")) == QUIRK
    assert error_of(await wire.save(principal, GOOD)) == QUIRK


async def test_assigning_needs_two_permissions(tenant):
    sign_in, _, principal, _ = tenant
    wire = await sign_in("Application.Read.All")
    assert error_of(await wire.assign(principal, wire.user_ids[0])) == DENIED
    wire = await sign_in("Application.Read.All", "AppRoleAssignment.ReadWrite.All")
    assert (await wire.assign(principal, wire.user_ids[0])).status_code == 201


async def test_adding_an_owner_needs_to_read_the_directory(tenant):
    sign_in, _, principal, _ = tenant
    wire = await sign_in("Application.ReadWrite.All")
    body = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{wire.user_ids[0]}"}
    path = f"/servicePrincipals/{principal}/owners/$ref"
    assert error_of(await wire.send("POST", path, body)) == DENIED
    wire = await sign_in("Application.ReadWrite.All", "Directory.Read.All")
    assert (await wire.send("POST", path, body)).status_code == 204


async def test_owned_by_reaches_only_what_the_caller_owns(tenant):
    sign_in, application, principal, job = tenant
    wire = await sign_in("Application.ReadWrite.OwnedBy")
    assert (await wire.send("GET", job)).status_code == 200
    wire.emulator.tenant.directory.live["servicePrincipal"][principal].owners.clear()
    assert error_of(await wire.send("GET", job)) == QUIRK
    assert error_of(await wire.send("PATCH", f"/servicePrincipals/{principal}", {"notes": "x"})) == DENIED
    assert (await wire.send("PATCH", f"/applications/{application}", {"notes": "x"})).status_code == 204


async def test_people_by_id_are_open_unless_told_otherwise(open_tenant):
    wire = await open_tenant(roles=())
    assert (await wire.send("GET", f"/users/{wire.user_ids[0]}")).status_code == 200
    wire = await open_tenant(roles=(), directory_reads_by_id_need_permission=True)
    assert error_of(await wire.send("GET", f"/users/{wire.user_ids[0]}")) == DENIED
