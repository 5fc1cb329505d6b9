"""The directory audit log: what is written down, by whom, and what can be read of it."""

import pytest

from tests.graph_emulator.driver import AWS, error_of

LOG = "/auditLogs/directoryAudits"
OURS = "loggedByService eq 'Account Provisioning'"


async def records_of(wire, query=OURS):
    wire.emulator.controls.advance(1)
    found = await wire.all_pages(f"{LOG}?$top=2&$orderby=activityDateTime" + (f"&$filter={query}" if query else ""))
    return [(each["activityDisplayName"], each["initiatedBy"]) for each in found]


def names(records):
    return [name for name, _ in records]


async def test_a_request_is_written_down_with_the_application_of_its_token(wire):
    principal, job = await wire.running_job()
    await wire.post(f"{job}/pause")
    await wire.post(f"{job}/restart", {"criteria": {"resetScope": "Full"}})
    schema = await wire.get(f"{job}/schema")
    schema.pop("@odata.context")
    assert (await wire.send("PUT", f"{job}/schema", schema)).status_code == 204
    assert (await wire.send("DELETE", job)).status_code == 204
    records = await records_of(wire)
    assert names(records) == [
        "Add provisioning configuration",
        "Update provisioning setting or credentials",
        "Enable/start provisioning configuration",
        "Disable/pause provisioning configuration",
        "Enable/restart provisioning configuration",
        "Update attribute mappings or scope",
        "Delete provisioning configuration",
    ]
    assert {who["app"]["appId"] for _, who in records} == {None}
    assert len({who["app"]["servicePrincipalId"] for _, who in records}) == 1
    targets = (await wire.get(f"{LOG}?$filter={OURS}"))["value"][0]["targetResources"]
    assert [each["id"] for each in targets] == [principal, ""]


async def test_what_was_refused_is_not_written_down(wire):
    principal, _ = await wire.running_job()
    before = await records_of(wire, "")
    refused = await wire.send("POST", f"/servicePrincipals/{principal}/synchronization/jobs", {"templateId": "none"})
    assert (refused.status_code, await records_of(wire, "")) == (400, before)


async def test_the_directory_writes_of_itself_and_a_filter_leaves_it_out(wire):
    _, principal = await wire.instantiate()
    await wire.send("PATCH", f"/servicePrincipals/{principal}", {"notes": "x"})
    assert (await wire.assign(principal, wire.user_ids[0])).status_code == 201
    assert (await wire.send("DELETE", f"/servicePrincipals/{principal}")).status_code == 204
    assert names(await records_of(wire, "")) == [
        "Add service principal",
        "Update service principal",
        "Add app role assignment to service principal",
        "Remove service principal",
    ]
    assert await records_of(wire) == []


async def test_an_edit_in_the_portal_is_that_of_the_user_signed_in_there(wire):
    principal, job = await wire.running_job()
    job_id, controls = job.rpartition("/")[2], wire.emulator.controls
    first, second = list(wire.emulator.tenant.people.users)[:2]
    controls.act_on_job(job_id, "pause")
    assert (await wire.send("POST", "/_emulator/administrator", {"user_id": second})).status_code == 204
    controls.edit_mapping(job_id, "userName", "mail")
    controls.edit_secrets(principal, {"SecretToken": "other"})
    controls.delete(principal)
    records = (await records_of(wire, ""))[-4:]
    assert [(name, who["user"]["id"], who["app"]) for name, who in records] == [
        ("Disable/pause provisioning configuration", first, None),
        ("Update attribute mappings or scope", second, None),
        ("Update provisioning setting or credentials", second, None),
        ("Remove service principal", second, None),
    ]
    refused = await wire.send("POST", "/_emulator/administrator", {"user_id": "nobody"})
    assert refused.status_code == 400


async def test_the_service_writes_quarantines_and_imported_roles(wire):
    _, aws = await wire.running_job(AWS, "aws", ClientSecret="key", SecretToken="good")
    wire.settle()
    wire.emulator.controls.quarantine(aws.rpartition("/")[2])
    found = await wire.get(f"{LOG}?$filter={OURS} and startswith(activityDisplayName,'Quarantine')")
    assert found["value"] == []
    wire.emulator.controls.advance(1)
    (held,) = (await wire.get(f"{LOG}?$filter={OURS} and startswith(activityDisplayName,'Quarantine')"))["value"]
    assert (held["result"], held["initiatedBy"]) == ("failure", {"user": None, "app": None})
    assert "EncounteredQuarantineException" in held["resultReason"]
    imported = (await wire.get(f"{LOG}?$filter=activityDisplayName eq 'Import'"))["value"]
    assert imported
    assert all(each["resultReason"].startswith("Role '") for each in imported)


async def test_records_come_late_get_lost_and_are_forgotten(open_tenant):
    wire = await open_tenant(late_event_share=0.5, late_event_seconds=900.0, lost_audit_share=0.2)
    _, job = await wire.running_job()
    for _ in range(20):
        await wire.post(f"{job}/pause")
    early = await records_of(wire)
    wire.emulator.controls.advance(1000)
    later = await records_of(wire)
    assert 0 < len(early) < len(later) < 23
    wire.emulator.controls.advance(31 * 86_400)
    await wire.sign_in()
    assert await records_of(wire) == []


async def test_a_filter_by_service_may_find_nothing(open_tenant):
    wire = await open_tenant(audit_service_filter="finds nothing")
    await wire.running_job()
    assert await records_of(wire) == []
    assert "Add provisioning configuration" in names(await records_of(wire, ""))


@pytest.mark.parametrize(
    "query",
    ["category eq 'x'", "activityDateTime gt 2026-01-05T08:00:00Z", "contains(activityDisplayName,'a')", "x eq 'y'"],
)
async def test_what_no_page_names_is_refused(wire, query):
    assert error_of(await wire.send("GET", LOG, params={"$filter": query}))[0] == 400


async def test_reading_needs_a_permission(open_tenant):
    wire = await open_tenant(roles=("ProvisioningLog.Read.All",))
    assert (await wire.send("GET", LOG)).status_code == 403
