from collections import Counter
from datetime import datetime

import pytest

from tests.graph_emulator.driver import error_of

LOG = "/auditLogs/provisioning"
V1_KEYS = {
    "id", "activityDateTime", "tenantId", "jobId", "cycleId", "changeId", "durationInMilliseconds",
    "provisioningAction", "provisioningStatusInfo", "provisioningSteps", "modifiedProperties", "servicePrincipal",
    "sourceSystem", "targetSystem", "sourceIdentity", "targetIdentity", "initiatedBy",
}  # fmt: skip


async def events_of(wire, query="", **options):
    path = f"{LOG}?$top=20" + (f"&$filter={query}" if query else "")
    return await wire.all_pages(path, **options)


def statuses(events):
    return Counter(event["provisioningStatusInfo"]["status"] for event in events)


@pytest.fixture
async def filled(wire):
    """Two jobs after their initial cycles."""
    box, job = await wire.running_job()
    dbx, _ = await wire.running_job("Custom", "scim", BaseAddress="https://scim.example")
    wire.settle()
    return wire, box, dbx, job


async def test_events_add_up_with_the_counters_of_the_cycle(filled):
    wire, box, _, job = filled
    status = (await wire.get(job))["status"]
    last = status["lastExecution"]
    events = await events_of(wire, f"servicePrincipal/id eq '{box}'")
    found = statuses(events)
    assert found["success"] == last["countExported"] == sum(e["value"] for e in status["synchronizedEntryCountByType"])
    assert found["failure"] == last["countEscrowed"] > 0
    assert found["success"] + found["failure"] == last["countExports"] == last["countEntitledForProvisioning"]
    assert found["skipped"] == last["countEntitled"] - last["countEntitledForProvisioning"] > 0
    assert {event["cycleId"] for event in events} == {last["activityIdentifier"]}
    assert all(last["timeBegan"][:19] <= event["activityDateTime"][:19] <= last["timeEnded"][:19] for event in events)
    assert wire.emulator.controls.state()["events"][box] == dict(found)


async def test_counters_add_up_over_many_cycles(filled):
    wire, box, _, job = filled
    wire.emulator.controls.advance(300)
    events = await events_of(wire, f"servicePrincipal/id eq '{box}'")
    creates = [
        e for e in events if (e["provisioningAction"], e["provisioningStatusInfo"]["status"]) == ("create", "success")
    ]
    status = (await wire.get(job))["status"]
    assert len(creates) == sum(entry["value"] for entry in status["synchronizedEntryCountByType"])
    assert {event["provisioningAction"] for event in events} >= {"create", "update", "other"}


async def test_the_pilot_group_is_in_conflict_at_box(filled):
    wire, box, _, _ = filled
    query = f"servicePrincipal/id eq '{box}' and sourceIdentity/displayName eq 'Self-service Pilot'"
    [event] = await events_of(wire, query)
    error = event["provisioningStatusInfo"]["errorInformation"]
    assert (error["errorCode"], error["errorCategory"]) == ("BoxEntryConflict", "nonServiceFailure")
    assert event["targetIdentity"]["id"] == ""
    assert [step["status"] for step in event["provisioningSteps"]] == ["success", "success", "failure"]
    assert event["provisioningSteps"][-1]["details"] == {"ReportableIdentifier": "Self-service Pilot"}
    assert event["targetSystem"]["details"]["ServicePrincipalId"] == box
    assert event["initiatedBy"]["initiatorType"] == "system"


async def test_each_version_has_its_shape(filled):
    wire, _, _, _ = filled
    v1 = await events_of(wire)
    wire.version = "beta"
    beta = {event["id"]: event for event in await events_of(wire)}
    for event in v1:
        assert event.keys() == V1_KEYS
        twin = beta[event["id"]]
        assert twin.keys() == V1_KEYS | {"action", "statusInfo"}
        assert twin["action"].lower() == event["provisioningAction"].lower()
        assert twin["statusInfo"]["status"] == event["provisioningStatusInfo"]["status"]
        if event["provisioningStatusInfo"]["errorInformation"]:
            assert twin["statusInfo"]["@odata.type"] == "#microsoft.graph.statusDetails"
            assert twin["statusInfo"]["errorCode"] == event["provisioningStatusInfo"]["errorInformation"]["errorCode"]


@pytest.mark.parametrize(
    "query",
    [
        "id eq 'x'",
        "activityDateTime eq 2026-01-05T08:00:00Z",
        "activityDateTime gt 2026-01-05 and activityDateTime lt 2026-01-06T00:00:00.1234567Z",
        "contains(tenantid,'79')",
        "jobid eq 'x'",
        "changeid eq 'x'",
        "cycleid eq 'x'",
        "provisioningAction eq 'create'",
        "provisioningStatusInfo/status eq 'success'",
        "contains(sourceSystem/displayName,'Entra')",
        "targetSystem/displayName eq 'Box'",
        "sourceIdentity/identityType eq 'User'",
        "sourceIdentity/id eq 'x'",
        "targetIdentity/displayName eq 'x'",
        "initiatedBy/displayName eq 'x'",
        "durationInMilliseconds gt 100",
        "servicePrincipal/displayName eq 'Box running'",
        "servicePrincipal/name eq 'Box running'",
        "contains(tolower(servicePrincipal/id),'a')",
    ],
)
async def test_documented_filters_are_taken(filled, query):
    assert (await filled[0].send("GET", LOG, params={"$filter": query, "$top": "5"})).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "activityDateTime ge 2026-01-05T08:00:00Z",
        "activityDateTime le 2026-01-05T08:00:00Z",
        "startswith(jobid,'Box')",
        "not (id eq 'x')",
        "id ne 'x'",
        "durationInMilliseconds ge 5",
        "contains(servicePrincipal/displayName,'Box')",
        "statusInfo/status eq 'success'",
        "action eq 'Create'",
        "modifiedProperties/any(m:m eq 'x')",
        "nonsense eq 'x'",
    ],
)
async def test_undocumented_filters_are_refused(wire, query):
    answer = await wire.send("GET", LOG, params={"$filter": query})
    assert error_of(answer) == (400, "Request_UnsupportedQuery")


async def test_beta_has_two_filters_more(filled):
    wire = filled[0]
    wire.version = "beta"
    assert await events_of(wire, "action eq 'Create' and statusInfo/status eq 'failure'")


async def test_values_are_case_sensitive(filled):
    wire, _, _, _ = filled
    assert await events_of(wire, "targetSystem/displayName eq 'Box'")
    assert await events_of(wire, "targetSystem/displayName eq 'box'") == []


@pytest.mark.parametrize("options", ["$count=true", "$select=id", "$skip=5", "$search=x", "$top=1001", "$orderby=id"])
async def test_other_options_are_refused(wire, options):
    assert (await wire.send("GET", f"{LOG}?{options}")).status_code == 400


async def test_windows_together_are_the_whole(filled):
    wire, _, _, _ = filled
    events = await events_of(wire)
    moments = sorted(event["activityDateTime"] for event in events)
    middle = moments[len(moments) // 2]
    early = await events_of(wire, f"activityDateTime lt {middle}")
    late = await events_of(wire, f"activityDateTime gt {middle}")
    at = await events_of(wire, f"activityDateTime eq {middle}")
    assert len(early) + len(at) + len(late) == len(events)
    assert all(event["activityDateTime"] < middle for event in early)


async def test_pages_are_sorted_and_hold_each_event_once(filled):
    wire, _, _, _ = filled
    newest_first = await events_of(wire)
    assert len({event["id"] for event in newest_first}) == len(newest_first) > 60
    moments = [event["activityDateTime"] for event in newest_first]
    assert moments == sorted(moments, reverse=True)
    oldest_first = await wire.all_pages(f"{LOG}?$top=7&$orderby=activityDateTime asc")
    assert oldest_first == newest_first[::-1]


async def test_events_of_one_moment_are_each_on_one_page(wire):
    _, principal = await wire.instantiate()
    wire.emulator.controls.preload_events(principal, 100, over_seconds=0.00001)
    for order in ("asc", "desc"):
        events = await wire.all_pages(f"{LOG}?$top=7&$orderby=activityDateTime {order}")
        assert len({event["id"] for event in events}) == len(events) == 100
        assert len({event["activityDateTime"] for event in events}) < 20


async def test_without_top_there_is_no_next_page(open_tenant):
    for follow in (False, True):
        wire = await open_tenant(log_page_size=10, log_next_link_without_top=follow)
        await wire.running_job()
        wire.settle()
        page = await wire.get(LOG)
        assert (len(page["value"]), "@odata.nextLink" in page) == (10, follow)


async def test_an_event_can_be_read_when_it_was_ingested(open_tenant):
    wire = await open_tenant(log_latency_seconds=60, late_event_share=0.3, late_event_seconds=600)
    principal, _ = await wire.running_job()
    wire.emulator.controls.advance(5)
    happened = sum(wire.emulator.controls.state()["events"][principal].values())
    assert await events_of(wire) == []
    wire.emulator.controls.advance(60)
    early = await events_of(wire)
    assert len(early) > 0
    late_ones = happened - len([e for e in early if e["activityDateTime"] < "2026-01-05T08:00:05"])
    assert late_ones > 0
    wire.emulator.controls.advance(600)
    assert len([e for e in await events_of(wire) if e["activityDateTime"] < "2026-01-05T08:00:05"]) == happened


async def test_the_log_forgets(open_tenant):
    wire = await open_tenant(log_retention_seconds=3000, eventful_cycles=0, users=3, groups=0, entry_failure_share=0)
    await wire.running_job()
    wire.settle()
    assert await events_of(wire)
    wire.emulator.controls.advance(3001)
    assert await events_of(wire) == []


@pytest.mark.parametrize(("mode", "digits"), [("whole seconds", 0), ("fractions", 8)])
async def test_moments_have_no_digits_or_seven(open_tenant, mode, digits):
    wire = await open_tenant(log_moments=mode)
    await wire.running_job()
    wire.settle()
    for event in await events_of(wire):
        assert len(event["activityDateTime"].partition(".")[2]) == digits
        assert datetime.fromisoformat(event["activityDateTime"][:26].removesuffix("Z") + "Z")


async def test_a_moment_is_found_as_it_is_shown(filled):
    wire = filled[0]
    shown = {event["id"]: event["activityDateTime"] for event in await events_of(wire)}
    for moment in set(shown.values()):
        same = {event["id"] for event in await events_of(wire, f"activityDateTime eq {moment}")}
        assert same == {each for each, at in shown.items() if at == moment}
        half = moment.replace("Z", ".5000000Z")
        before = {event["id"] for event in await events_of(wire, f"activityDateTime lt {half}")}
        assert before == {each for each, at in shown.items() if at <= moment}
