import json

from graph_emulator.provisioning.credentials import REJECTED
from tests.graph_emulator.driver import AWS, entries_in, error_of, status_of


async def on_demand(wire, job, who, kind="User", status=200, **changes):
    rule = (await wire.get(f"{job}/schema"))["synchronizationRules"][0]["id"]
    subject = {"objectId": who, "objectTypeName": kind, **changes}
    body = {"parameters": [{"ruleId": rule, "subjects": [subject]}]}
    return await wire.post(f"{job}/provisionOnDemand", body, status)


def told(answer):
    """What is told of the one subject."""
    (found,) = json.loads(answer["value"])
    return found


def result_of(answer):
    return json.loads(answer["key"])["result"], json.loads(answer["key"])["details"]["errorCode"]


async def test_a_user_in_scope_is_provisioned_and_each_step_is_told(open_tenant):
    wire = await open_tenant(entry_failure_share=0.0, on_demand_key="result")
    principal, job = await wire.running_job()
    answer = await on_demand(wire, job, wire.user_ids[0])
    assert result_of(answer) == ("Success", "")
    steps = told(answer)["provisioningSteps"]
    assert [step["type"] for step in steps] == ["Import", "Scoping", "Matching", "Export"]
    assert {step["status"] for step in steps} == {"Success"}
    events = await wire.all_pages(f"/auditLogs/provisioning?$top=10&$filter=servicePrincipal/id eq '{principal}'")
    assert events == []  # not ingested yet
    wire.emulator.controls.advance(0.5)
    events = await wire.all_pages(f"/auditLogs/provisioning?$top=10&$filter=servicePrincipal/id eq '{principal}'")
    assert [event["sourceIdentity"]["id"] for event in events] == [wire.user_ids[0]]
    assert result_of(await on_demand(wire, job, wire.user_ids[0])) == ("Skipped", "RedundantExport")


async def test_what_happened_on_demand_counts_once(open_tenant):
    wire = await open_tenant(entry_failure_share=0.0, start_delay_seconds=10.0)
    principal, job = await wire.running_job()
    await on_demand(wire, job, wire.user_ids[0])
    wire.emulator.controls.advance(20)
    path = f"/auditLogs/provisioning?$top=500&$filter=servicePrincipal/id eq '{principal}'"
    outcomes = [(e["provisioningAction"], e["provisioningStatusInfo"]["status"]) for e in await wire.all_pages(path)]
    assert entries_in(await status_of(wire, job)) == outcomes.count(("create", "success"))


async def test_who_is_not_assigned_is_skipped(open_tenant):
    wire = await open_tenant(on_demand_key="result")
    _, principal = await wire.instantiate()
    job = await wire.make_job(principal)
    await wire.save(principal, {"SecretToken": "good"})
    assert result_of(await on_demand(wire, job, wire.user_ids[0])) == ("Skipped", "NotEffectivelyEntitled")
    await wire.assign(principal, wire.user_ids[0])
    assert result_of(await on_demand(wire, job, wire.user_ids[0])) == ("Success", "")


async def test_bad_credentials_fail_within_a_good_answer(open_tenant):
    wire = await open_tenant(on_demand_key="result", on_demand_without_credentials="failure")
    _, principal = await wire.instantiate()
    job = await wire.make_job(principal)
    for secrets in ({}, {"SecretToken": "wrong"}):
        await wire.save(principal, secrets)
        answer = await on_demand(wire, job, wire.user_ids[0])
        assert result_of(answer) == ("Failure", REJECTED)
        assert [step["status"] for step in told(answer)["provisioningSteps"]] == ["Failure"]


async def test_without_credentials_nothing_is_provisioned(wire):
    _, principal = await wire.instantiate()
    job = await wire.make_job(principal)
    await wire.save(principal, {"SyncAll": "true"})
    assert (await on_demand(wire, job, wire.user_ids[0], status=400))["error"]["code"] == "CredentialsMissing"


async def test_a_group_with_at_most_five_of_its_members(open_tenant):
    wire = await open_tenant(on_demand_key="result")
    _, job = await wire.running_job()
    group, members = next((g, m) for g, m in wire.emulator.tenant.people.members.items() if len(m) > 5)
    links = [{"objectId": member, "objectTypeName": "User"} for member in members]
    answer = await on_demand(wire, job, group, "Group", links={"members": links[:5]})
    assert answer["value"] == "{}"
    assert result_of(answer)[0] in ("Success", "Failure")
    await on_demand(wire, job, group, "Group", status=400, links={"members": links[:6]})
    stranger = next(id_ for id_ in wire.user_ids if id_ not in members)
    outsider = {"members": [{"objectId": stranger, "objectTypeName": "User"}]}
    await on_demand(wire, job, group, "Group", status=400, links=outsider)
    nested = {"members": [{"objectId": group, "objectTypeName": "Group"}]}
    await on_demand(wire, job, group, "Group", status=400, links=nested)


async def test_what_cannot_be_provisioned_on_demand(wire):
    _, job = await wire.running_job()
    await on_demand(wire, job, "11111111-1111-4111-8111-111111111111", status=404)
    await on_demand(wire, job, wire.user_ids[0], "Group", status=400)
    await on_demand(wire, job, wire.user_ids[0], status=400, links={"members": []})
    subject = {"objectId": wire.user_ids[0], "objectTypeName": "User"}
    for parameters in ([], [{"subjects": [subject]}]):
        await wire.post(f"{job}/provisionOnDemand", {"parameters": parameters}, 400)
    for rule in ("none", ""):
        body = {"parameters": [{"ruleId": rule, "subjects": [subject]}]}
        refused = await wire.post(f"{job}/provisionOnDemand", body, 400)
        assert refused["error"]["code"] == "RequestParameterInvalid"
    rule = (await wire.get(f"{job}/schema"))["synchronizationRules"][0]["id"]
    two = [{"ruleId": rule, "subjects": [subject, subject]}]
    await wire.post(f"{job}/provisionOnDemand", {"parameters": two}, 400)


async def test_roles_are_not_provisioned_on_demand(wire):
    _, principal = await wire.instantiate("AWS", AWS)
    await on_demand(wire, await wire.make_job(principal, "aws"), wire.user_ids[0], status=400)


async def test_five_in_ten_seconds(open_tenant):
    wire = await open_tenant(throttling=True)
    _, job = await wire.running_job()
    for _ in range(5):
        await on_demand(wire, job, wire.user_ids[0])
    refused = await wire.send("POST", f"{job}/provisionOnDemand", {"parameters": []})
    assert error_of(refused) == (429, "TooManyRequests")
    assert "/ProvisionOnDemand/" in refused.headers["x-ms-throttle-scope"]
    wire.emulator.controls.advance(float(refused.headers["Retry-After"]) + 0.01)
    await on_demand(wire, job, wire.user_ids[0])


async def test_the_key_is_the_name_of_a_type(wire):
    _, job = await wire.running_job()
    answer = await on_demand(wire, job, wire.user_ids[0])
    assert answer["key"] == "Microsoft.Identity.Health.CPP.Common.DataContracts.SyncFabric.StatusInfo"


async def test_the_value_comes_in_each_of_the_shapes_that_microsoft_shows(open_tenant):
    shapes = {}
    for shape in ("summary", "summaries", "steps"):
        wire = await open_tenant(on_demand_value=shape, entry_failure_share=0.0)
        _, job = await wire.running_job()
        shapes[shape] = json.loads((await on_demand(wire, job, wire.user_ids[0]))["value"])
    assert shapes["summary"].keys() == shapes["summaries"][0].keys()
    assert [step["name"] for step in shapes["steps"]] == [
        step["name"] for step in shapes["summary"]["provisioningSteps"]
    ]


async def test_after_a_change_of_the_mappings_an_account_is_updated_once(open_tenant):
    wire = await open_tenant(entry_failure_share=0.0, on_demand_key="result")
    _, job = await wire.running_job()
    who = wire.user_ids[0]
    await on_demand(wire, job, who)
    await wire.send("PUT", f"{job}/schema", await wire.get(f"{job}/schema"))
    answer = await on_demand(wire, job, who)
    assert result_of(answer) == ("Success", "")
    assert told(answer)["action"] == "Update"
    assert result_of(await on_demand(wire, job, who)) == ("Skipped", "RedundantExport")


async def test_the_answer_and_the_log_name_the_same_change(open_tenant):
    wire = await open_tenant(entry_failure_share=0.0, log_latency_seconds=0.0)
    principal, job = await wire.running_job()
    change = told(await on_demand(wire, job, wire.user_ids[0]))["changeId"]
    wire.emulator.controls.advance(0.5)
    events = await wire.all_pages(f"/auditLogs/provisioning?$top=10&$filter=servicePrincipal/id eq '{principal}'")
    found = [event["sourceIdentity"]["id"] for event in events if event["changeId"] == change]
    assert found == [wire.user_ids[0]]
