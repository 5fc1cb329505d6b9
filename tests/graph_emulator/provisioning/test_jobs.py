import pytest

from tests.graph_emulator.driver import AWS, CUSTOM, GOOD, NEVER, error_of, status_of


async def test_an_application_lists_its_synchronization_templates(wire):
    _, principal = await wire.instantiate("DBX", "Azure Databricks SCIM Provisioning Connector")
    found = (await wire.get(f"/servicePrincipals/{principal}/synchronization/templates"))["value"]
    assert [(t["id"], t["factoryTag"], t["default"]) for t in found] == [("dataBricks", "dataBricks", True)]
    assert found[0]["schema"] == {"directories": [], "synchronizationRules": []}
    whole = await wire.get(f"/servicePrincipals/{principal}/synchronization/templates/dataBricks")
    assert whole["schema"]["synchronizationRules"]


@pytest.mark.parametrize(
    ("template", "found"),
    [
        (
            "Custom",
            {"scim": True, "customappsso": False, "customappssoOutDelta": False, "customappssoRoleIn": False},
        ),
        ("SAP Cloud Identity Services", {"sapCloudIdentityServices": False, "sapCloudIdentityServicesDepot": False}),
        ("Microsoft Entra SAML Toolkit", {}),
    ],
)
async def test_some_have_several_templates_and_some_none(wire, template, found):
    _, principal = await wire.instantiate("x", template)
    templates = (await wire.get(f"/servicePrincipals/{principal}/synchronization/templates"))["value"]
    assert {t["id"]: t["default"] for t in templates} == found


@pytest.mark.parametrize(
    ("code", "interval", "settings"),
    [("NotConfigured", "P10675199DT2H48M5.4775807S", 0), ("Paused", "PT40M", 2)],
)
async def test_a_fresh_job_is_disabled(open_tenant, code, interval, settings):
    wire = await open_tenant(fresh_job_code=code)
    _, principal = await wire.instantiate("AWS", AWS)
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    job = await wire.post(path, {"templateId": "aws"}, 201)
    assert job["id"].startswith(f"aws.{wire.emulator.settings.tenant_id.replace('-', '')}.")
    assert job["schedule"] == {"expiration": None, "interval": interval, "state": "Disabled"}
    assert (job["status"]["code"], len(job["synchronizationJobSettings"])) == (code, settings)
    assert job["status"]["lastExecution"] is None
    assert job["status"]["steadyStateFirstAchievedTime"] == NEVER
    listed = await wire.get(path)
    assert [{**job, "@odata.context": None}] == [{**item, "@odata.context": None} for item in listed["value"]]


@pytest.mark.parametrize("body", [{"templateId": "aws"}, {}, {"templateId": 1}, {"templateId": "BoxOutDelta", "x": 1}])
async def test_a_job_needs_a_template_of_its_application(wire, body):
    _, principal = await wire.instantiate()
    answer = await wire.send("POST", f"/servicePrincipals/{principal}/synchronization/jobs", body)
    assert answer.status_code == 400


@pytest.mark.parametrize(("mode", "jobs"), [("same", 1), ("second", 2)])
async def test_the_same_job_again_is_a_switch(open_tenant, mode, jobs):
    wire = await open_tenant(duplicate_jobs=mode)
    _, principal = await wire.instantiate()
    assert len({await wire.make_job(principal) for _ in range(2)}) == jobs


@pytest.mark.parametrize(("mode", "made"), [("renamed", "customappssoOutDelta"), ("as asked", "customappsso")])
async def test_a_job_may_be_of_another_template_than_was_asked_for(open_tenant, mode, made):
    wire = await open_tenant(job_alias=mode)
    _, principal = await wire.instantiate("One", CUSTOM)
    job = await wire.get(await wire.make_job(principal, "customappsso"))
    assert (job["templateId"], job["id"].split(".")[0]) == (made, made)


async def test_the_same_job_again_is_a_conflict(wire):
    _, principal = await wire.instantiate()
    await wire.make_job(principal)
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    assert (await wire.send("POST", path, {"templateId": "BoxOutDelta"})).status_code == 409


async def test_a_deleted_service_principal_stops_its_jobs(wire):
    application, principal = await wire.instantiate()
    job = await wire.make_job(principal)
    await wire.save(principal, {**GOOD, "SyncAll": "true"})
    await wire.post(f"{job}/start")
    await wire.send("DELETE", f"/applications/{application}")
    wire.settle()
    assert wire.emulator.controls.state()["events"] == {}
    for deleted in (application, principal):
        await wire.post(f"/directory/deletedItems/{deleted}/restore", status=200)
    assert (await wire.get(job))["schedule"]["state"] == "Disabled"


async def test_a_schema_is_replaced_as_a_whole_and_begins_an_initial_cycle(wire):
    _, job = await wire.running_job()
    wire.settle()
    schema = await wire.get(f"{job}/schema")
    mappings = schema["synchronizationRules"][0]["objectMappings"]
    assert {m["sourceObjectName"] for m in mappings} == {"User", "Group"}
    before = await status_of(wire, job)
    smaller = {"id": schema["id"], "synchronizationRules": schema["synchronizationRules"], "version": "v2"}
    assert (await wire.send("PUT", f"{job}/schema", smaller)).status_code == 204
    saved = await wire.get(f"{job}/schema")
    assert {name: saved[name] for name in smaller} == smaller
    assert "directories" not in saved
    wire.settle()
    assert (await status_of(wire, job))["lastExecution"]["timeBegan"] > before["lastExecution"]["timeEnded"]
    assert (await wire.send("DELETE", f"{job}/schema")).status_code == 204
    assert await wire.get(f"{job}/schema") == schema


async def test_an_unknown_job_is_not_found(wire):
    _, principal = await wire.instantiate()
    jobs = f"/servicePrincipals/{principal}/synchronization/jobs"
    absent = f"{jobs}/BoxOutDelta.{'0' * 32}.{principal}"
    assert error_of(await wire.send("GET", absent)) == (404, "ResourceNotFound")
    assert error_of(await wire.send("POST", f"{absent}/start")) == (404, "ResourceNotFound")
    for malformed in ("Initial", "BoxOutDelta.x.y"):
        assert error_of(await wire.send("GET", f"{jobs}/{malformed}")) == (400, "RequestResourceIdentifierInvalid")
    assert error_of(await wire.send("POST", f"{absent}/stop")) == (404, "UnknownError")
