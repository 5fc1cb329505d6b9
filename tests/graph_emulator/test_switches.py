from pathlib import Path

import pytest

from graph_emulator import SWITCHES, EmulatorSettings, both_ways
from tests.graph_emulator.driver import CUSTOM, GOOD, error_of, status_of

OWNED = ("Application.ReadWrite.OwnedBy",)
DOCUMENT = Path(__file__).parents[2] / "docs" / "emulator.md"


@pytest.mark.parametrize("name", SWITCHES)
def test_the_first_value_is_the_default_and_the_document_tells_of_it(name):
    assert getattr(EmulatorSettings(), name) == SWITCHES[name][0]
    assert f"`{name}`" in DOCUMENT.read_text()


@pytest.mark.parametrize("settings", both_ways(), ids=str)
async def test_the_five_steps_work_with_every_switch(open_tenant, settings):
    wire = await open_tenant(**settings)
    _, principal = await wire.instantiate("One", CUSTOM)
    wire.emulator.controls.advance(60)
    path = f"/servicePrincipals/{principal}/synchronization"
    assert [t["id"] for t in (await wire.get(f"{path}/templates"))["value"]][:1] == ["scim"]
    secrets = {**GOOD, "BaseAddress": "https://scim.example", "SyncAll": "true"}
    assert (await wire.validate(f"{path}/jobs", secrets)).status_code == 204
    job = await wire.make_job(principal, "scim")
    assert (await wire.save(principal, secrets)).status_code == 204
    await wire.post(f"{job}/start", {} if settings.get("bodyless_writes") == "need_body" else None)
    wire.emulator.controls.advance(700)
    assert (await status_of(wire, job))["code"] == "Active"
    assert (await wire.get("/auditLogs/provisioning?$top=5"))["value"]


@pytest.mark.parametrize(
    ("mode", "status", "state"),
    [("unknown", 404, "Active"), ("apply", 204, "Paused"), ("ignore", 204, "Active"), ("refuse", 400, "Active")],
)
async def test_a_patch_of_a_job(open_tenant, mode, status, state):
    wire = await open_tenant(job_patch=mode)
    _, job = await wire.running_job()
    settings = [{"name": "LookaheadQueryEnabled", "value": "true"}]
    body = {"schedule": {"state": "Paused"}, "synchronizationJobSettings": settings}
    assert (await wire.send("PATCH", job, body)).status_code == status
    shown = await wire.get(job)
    assert (shown["schedule"]["state"], settings[0] in shown["synchronizationJobSettings"]) == (state, mode == "apply")
    refused = 404 if mode == "unknown" else 400
    assert (await wire.send("PATCH", job, {"schedule": {"state": "Runing"}})).status_code == refused


@pytest.mark.parametrize(("mode", "status"), [("all or owned", 200), ("all only", 401)])
async def test_what_the_permissions_reference_does_not_list(open_tenant, mode, status):
    wire = await open_tenant(unlisted_permission=mode, roles=OWNED)
    _, principal = await wire.instantiate("One", CUSTOM)
    path = f"/servicePrincipals/{principal}/synchronization"
    assert (await wire.send("GET", f"{path}/secrets")).status_code == status
    tried = await wire.validate(f"{path}/jobs", {**GOOD, "BaseAddress": "https://scim.example"})
    assert tried.status_code == (204 if status == 200 else 401)
    assert (await wire.send("GET", f"{path}/templates")).status_code == 200


@pytest.mark.parametrize(("mode", "states"), [("disabled", ["Disabled"]), ("running", ["Active"]), ("gone", [])])
async def test_jobs_after_their_service_principal_came_back(open_tenant, mode, states):
    wire = await open_tenant(jobs_after_restore=mode, no_jobs="empty")
    principal, job = await wire.running_job()
    wire.settle()
    assert (await wire.send("DELETE", f"/servicePrincipals/{principal}")).status_code == 204
    await wire.post(f"/directory/deletedItems/{principal}/restore", None, 200)
    jobs = (await wire.get(job.rpartition("/")[0]))["value"]
    assert [each["schedule"]["state"] for each in jobs] == states


@pytest.mark.parametrize("mode", ["present", "removed from beta"])
async def test_the_api_for_secrets_may_end_in_beta(open_tenant, mode):
    wire = await open_tenant(secrets_api=mode)
    _, principal = await wire.instantiate()
    for version in ("v1.0", "beta"):
        wire.version = version
        there = mode == "present" or version == "v1.0"
        assert (await wire.save(principal, GOOD)).status_code == (204 if there else 400)


async def test_templates_that_are_only_bookmarks(open_tenant):
    for mode, status in (("instantiate", 201), ("refuse", 400)):
        wire = await open_tenant(unintegrated_templates=mode, template_properties="all")
        found = [t for t in await wire.all_pages("/applicationTemplates") if not t["isEntraIntegrated"]]
        path = f"/applicationTemplates/{found[0]['id']}/instantiate"
        assert (await wire.send("POST", path, {"displayName": "x"})).status_code == status


async def test_ids_of_the_gallery_in_another_cloud(open_tenant):
    async def ids(**settings):
        wire = await open_tenant(**settings)
        return {t["id"] for t in await wire.all_pages("/applicationTemplates?$top=999")}

    everywhere, own = await ids(cloud="usgov"), await ids(cloud="usgov", gallery_ids="per cloud")
    assert len(await ids() & everywhere) == len(everywhere) - 1
    assert len(everywhere & own) == 17  # those that are on record


async def test_the_gallery_whole_or_in_pages(open_tenant):
    wire = await open_tenant(template_next_link_without_top=False)
    page = await wire.get("/applicationTemplates")
    assert len(page["value"]) > 300
    assert "@odata.nextLink" not in page
    assert "@odata.nextLink" in await wire.get("/applicationTemplates?$top=10")


async def test_counting_the_gallery(open_tenant):
    wire = await open_tenant()
    answer = await wire.send("GET", "/applicationTemplates/$count")
    assert (answer.headers["content-type"], int(answer.text) > 300) == ("text/plain", True)
    wire = await open_tenant(template_count_segment=False)
    assert error_of(await wire.send("GET", "/applicationTemplates/$count")) == (400, "BadRequest")


@pytest.mark.parametrize(("mode", "status"), [("charged", 429), ("free", 200)])
async def test_budgets_that_the_published_limits_do_not_name(open_tenant, mode, status):
    wire = await open_tenant(throttling=True, unlisted_budgets=mode, units_per_window=3)
    answers = [await wire.send("GET", "/applicationTemplates?$select=id&$top=1") for _ in range(4)]
    assert answers[-1].status_code == status


async def test_one_role_id_for_every_application(open_tenant):
    wire = await open_tenant(user_role_id="18d14569-c3bd-439b-9a66-3a2aee01d14f")
    for name in ("One", "Two"):
        _, principal = await wire.instantiate(name)
        roles = (await wire.get(f"/servicePrincipals/{principal}"))["appRoles"]
        assert {role["displayName"]: role["id"] for role in roles}["User"] == "18d14569-c3bd-439b-9a66-3a2aee01d14f"
