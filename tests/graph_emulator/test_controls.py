import pytest

from tests.graph_emulator.driver import status_of


async def test_an_edit_in_the_portal(wire):
    application, principal = await wire.instantiate()
    body = {"id": application, "changes": {"displayName": "Renamed", "tags": ["theirs"]}}
    assert (await wire.send("POST", "/_emulator/edit", body)).status_code == 204
    assert (await wire.get(f"/servicePrincipals/{principal}"))["displayName"] == "Renamed"


@pytest.mark.parametrize("purge", [False, True])
async def test_a_deletion_behind_the_back(wire, purge):
    application, principal = await wire.instantiate()
    assert (await wire.send("POST", "/_emulator/delete", {"id": application, "purge": purge})).status_code == 204
    assert (await wire.send("GET", f"/servicePrincipals/{principal}")).status_code == 404
    assert (await wire.send("GET", f"/directory/deletedItems/{principal}")).status_code == (404 if purge else 200)


async def test_jobs_and_secrets_behind_the_back(wire):
    principal, job = await wire.running_job()
    wire.settle()
    job_id = job.rpartition("/")[2]
    for action, code in (("pause", "Paused"), ("start", "Active"), ("restart", "Active")):
        assert (await wire.send("POST", "/_emulator/job", {"job_id": job_id, "action": action})).status_code == 204
        assert (await status_of(wire, job))["code"] == code
    body = {"service_principal_id": principal, "values": {"SecretToken": "rejected"}}
    assert (await wire.send("POST", "/_emulator/secrets", body)).status_code == 204
    wire.settle()
    assert (await status_of(wire, job))["code"] == "Quarantine"
    assert (await wire.send("POST", "/_emulator/job", {"job_id": job_id, "action": "delete"})).status_code == 204
    assert (await wire.send("GET", job)).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("edit", {"id": "x", "changes": {}}, "there is no application or service principal"),
        ("edit", {"id": "x"}, "changes: an object is expected"),
        ("delete", {}, "id: a string is expected"),
        ("job", {"job_id": "x", "action": "stop"}, "unknown action 'stop'; known: start"),
        ("job", {"job_id": "x", "action": "start"}, "there is no job"),
        ("secrets", {"service_principal_id": "x", "values": {}}, "there is no application"),
    ],
)
async def test_what_cannot_be_injected_is_said(wire, path, body, words):
    refused = await wire.send("POST", f"/_emulator/{path}", body)
    assert (refused.status_code, words in refused.json()["error"]) == (400, True)


async def test_a_property_that_nobody_can_edit(wire):
    application, _ = await wire.instantiate()
    refused = await wire.send("POST", "/_emulator/edit", {"id": application, "changes": {"appId": "x"}})
    assert "'appId' cannot be edited on application; known: addIns" in refused.json()["error"]
