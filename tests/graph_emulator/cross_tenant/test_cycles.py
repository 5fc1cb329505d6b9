import pytest

from graph_emulator.provisioning.cross_tenant import NOT_FOUND
from tests.graph_emulator.driver import entries_in, status_of

CODE = "AzureActiveDirectoryCrossTenantSyncPolicyCheckFailure"
NO_FAILURES = {"entry_failure_share": 0.0, "eventful_cycles": 0}


async def validated(pair, principal, **secrets):
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    return await pair.source.validate(path, {**pair.secrets, **secrets}, templateId="Azure2Azure")


async def deletions(pair, principal):
    pair.cloud.clock.advance(pair.source.emulator.settings.log_latency_seconds)
    events = await pair.source.all_pages(f"/auditLogs/provisioning?$filter=servicePrincipal/id eq '{principal}'")
    return [event["sourceIdentity"]["id"] for event in events if event["provisioningAction"] == "delete"]


async def unassign_all(pair, principal):
    path = f"/servicePrincipals/{principal}/appRoleAssignedTo"
    for each in (await pair.source.get(path))["value"]:
        assert (await pair.source.send("DELETE", f"{path}/{each['id']}")).status_code == 204


async def test_credentials_are_valid_once_both_tenants_allow_it(pair):
    principal, job = await pair.configure()
    assert NOT_FOUND in (await validated(pair, principal, CompanyId=pair.source_id[:-1] + "9")).text
    refused = await validated(pair, principal)
    assert (refused.status_code, CODE in refused.text, "target tenant" in refused.text) == (400, True, True)
    await pair.allow()
    refused = await validated(pair, principal)
    assert (refused.status_code, CODE in refused.text, "source tenant" in refused.text) == (400, True, True)
    await pair.consent()
    assert (await validated(pair, principal)).status_code == 204
    assert (await pair.source.validate(job, {}, useSavedCredentials=True)).status_code == 204
    pair.target.emulator.controls.set_identity_synchronization(pair.source_id, False)
    assert (await pair.source.validate(job, {}, useSavedCredentials=True)).status_code == 400


async def test_without_the_check_of_the_source_invitations_stay_open(open_pair):
    pair = await open_pair(policy_check="target", **NO_FAILURES)
    await pair.allow(consent=False)
    principal, job = await pair.configure(pair.source.user_ids[0])
    assert (await validated(pair, principal)).status_code == 204
    await pair.source.post(f"{job}/start")
    pair.source.settle()
    assert [guest["externalUserState"] for guest in pair.guests()] == ["PendingAcceptance"]


async def test_the_provisioning_service_learns_of_a_policy_later(open_pair):
    pair = await open_pair(policy_lag_seconds=30.0)
    principal, _ = await pair.configure()
    await pair.allow()
    await pair.consent()
    assert (await pair.target.get(pair.there))["automaticUserConsentSettings"]["inboundAllowed"] is True
    assert (await validated(pair, principal)).status_code == 400
    pair.cloud.clock.advance(30)
    assert (await validated(pair, principal)).status_code == 204


async def test_assigned_users_become_external_members_of_the_target(open_pair):
    pair = await open_pair(**NO_FAILURES)
    wanted, other = pair.source.user_ids[:2]
    _, job = await pair.running(wanted)
    (guest,) = pair.guests()
    original = pair.source.emulator.tenant.people.users[wanted]
    name = original["userPrincipalName"].replace("@", "_")
    assert guest["userPrincipalName"] == f"{name}#EXT#@fabrikam.example"
    assert (guest["displayName"], guest["userType"]) == (original["displayName"], "Member")
    assert (guest["creationType"], guest["externalUserState"]) == ("Invitation", "Accepted")
    found = await pair.target.get("/users?$filter=creationType eq 'Invitation'&$select=id,userType")
    assert found["value"] == [{"id": guest["id"], "userType": "Member"}]
    assert "userType" not in await pair.target.get(f"/users/{guest['id']}")
    assert entries_in(await status_of(pair.source, job)) == 1
    events = (await pair.source.get("/auditLogs/provisioning"))["value"]
    assert [event["targetIdentity"]["id"] for event in events] == [guest["id"]]
    assert other != wanted


async def test_an_invitation_that_the_target_refuses_is_in_the_log(open_pair):
    pair = await open_pair(entry_failure_share=1.0)
    await pair.running(pair.source.user_ids[0])
    ((event,), guests) = (await pair.source.get("/auditLogs/provisioning"))["value"], pair.guests()
    error = event["provisioningStatusInfo"]["errorInformation"]
    assert (error["errorCode"], guests) == ("AzureActiveDirectoryForbidden", [])


async def test_guests_are_not_passed_on(open_pair):
    pair = await open_pair(**NO_FAILURES)
    await pair.running(SyncAll="true")
    came = pair.guests()
    assert len(came) == len(pair.source.user_ids)
    controls = pair.source.emulator.controls
    controls.seed_partner(pair.target_id, {"automaticUserConsentSettings": {"inboundAllowed": True}})
    controls.set_identity_synchronization(pair.target_id, True)
    pair.target.emulator.controls.edit_partner(
        pair.source_id, {"automaticUserConsentSettings": {"outboundAllowed": True}}
    )
    back = type(pair)(pair.cloud, pair.target, pair.source)
    _, job = await back.configure(SyncAll="true")
    await back.source.post(f"{job}/start")
    back.source.settle()
    assert len(back.guests()) == len(back.source.user_ids) - len(came)


async def test_who_leaves_the_scope_is_deleted_after_a_restart(open_pair):
    pair = await open_pair(**NO_FAILURES)
    gone = pair.source.user_ids[:3]
    principal, job = await pair.running(*gone)
    assert len(pair.guests()) == 3
    await pair.source.post(f"{job}/pause")
    await unassign_all(pair, principal)
    pair.cloud.clock.advance(60)
    assert len(pair.guests()) == 3
    await pair.source.post(f"{job}/restart", {"criteria": {"resetScope": "Watermark, Escrows, QuarantineState"}})
    pair.source.settle()
    assert pair.guests() == []
    assert sorted(await deletions(pair, principal)) == sorted(gone)
    assert len(pair.target.emulator.tenant.people.deleted) == 3


async def test_a_threshold_holds_the_deletions_back(open_pair):
    pair = await open_pair(**NO_FAILURES)
    settings = '{"Enabled":false,"DeleteThresholdEnabled":true,"DeleteThresholdValue":1}'
    principal, job = await pair.running(*pair.source.user_ids[:3], SyncNotificationSettings=settings)
    await unassign_all(pair, principal)
    await pair.source.post(f"{job}/restart", {"criteria": {"resetScope": "Watermark"}})
    pair.source.settle()
    assert (await status_of(pair.source, job))["quarantine"]["reason"] == "TooManyDeletes"
    assert len(pair.guests()) == 3
    await pair.source.post(f"{job}/restart", {"criteria": {"resetScope": "ForceDeletes"}})
    pair.source.settle()
    assert pair.guests() == []


@pytest.mark.parametrize("again", ["restart", "pause"])
async def test_an_interrupted_cycle_forgets_no_guest(open_pair, again):
    pair = await open_pair(initial_cycle_seconds=10.0, **NO_FAILURES)
    everyone = pair.source.user_ids[:9]
    await pair.allow()
    await pair.consent()
    principal, job = await pair.configure(*everyone)
    await pair.source.post(f"{job}/start")
    pair.cloud.clock.advance(5)
    created = len(pair.guests())
    await pair.source.post(f"{job}/{again}", {"criteria": {"resetScope": "Full"}} if again == "restart" else None)
    assert (len(pair.guests()) < created) == (again == "restart")
    await unassign_all(pair, principal)
    await pair.source.post(f"{job}/restart", {"criteria": {"resetScope": "Full"}})
    pair.cloud.clock.advance(5)
    left = {each["sourceIdentity"]["id"] for each in (await pair.source.get("/auditLogs/provisioning"))["value"]}
    await pair.source.post(f"{job}/restart", {"criteria": {"resetScope": "Full"}})
    pair.source.settle()
    pair.source.settle()
    assert pair.guests() == []
    made = {id_ for id_ in everyone if id_ in left}
    assert made <= set(await deletions(pair, principal))


@pytest.mark.parametrize("taken", ["target", "source"])
async def test_a_policy_that_is_taken_away_ends_in_quarantine_and_leaves_the_guests(open_pair, taken):
    pair = await open_pair(**NO_FAILURES)
    principal, job = await pair.running(*pair.source.user_ids[:2])
    pair.cloud.clock.advance(500)
    if taken == "target":
        pair.target.emulator.controls.set_identity_synchronization(pair.source_id, None)
    else:
        closed = {"automaticUserConsentSettings": {"outboundAllowed": False}}
        pair.source.emulator.controls.edit_partner(pair.target_id, closed)
    await unassign_all(pair, principal)
    await pair.source.sign_in()
    pair.cloud.clock.advance(10)
    status = await status_of(pair.source, job)
    assert (status["code"], status["quarantine"]["error"]["code"]) == ("Quarantine", CODE)
    assert (len(pair.guests()), await deletions(pair, principal)) == (2, [])


async def test_a_policy_change_that_arrives_late_is_noticed_by_a_sleeping_job(open_pair):
    pair = await open_pair(policy_lag_seconds=100.0, **NO_FAILURES)
    await pair.allow()
    await pair.consent()
    pair.cloud.clock.advance(100)
    _, job = await pair.configure(pair.source.user_ids[0])
    await pair.source.post(f"{job}/start")
    pair.cloud.clock.advance(500)
    assert (await status_of(pair.source, job))["code"] == "Active"
    pair.target.emulator.controls.set_identity_synchronization(pair.source_id, False)
    pair.cloud.clock.advance(90)
    assert (await status_of(pair.source, job))["code"] == "Active"
    pair.cloud.clock.advance(20)
    assert (await status_of(pair.source, job))["code"] == "Quarantine"


async def test_a_policy_for_one_tenant_wakes_no_job_into_another(open_pair):
    pair = await open_pair(estate=200)
    jobs = [job for job in pair.source.emulator.tenant.jobs.all() if job.template_id == "Azure2Azure"]
    await pair.allow()
    await pair.consent()
    pair.cloud.clock.advance(3_000)
    assert pair.guests() == []
    assert [job.quarantine for job in jobs] == [None] * len(jobs)
    assert jobs


@pytest.mark.parametrize(("mode", "status"), [("accepted", 204), ("refused", 400)])
async def test_a_second_configuration_for_one_target(open_pair, mode, status):
    pair = await open_pair(second_configuration=mode, **NO_FAILURES)
    _, first = await pair.running(pair.source.user_ids[0])
    second, job = await pair.configure(pair.source.user_ids[0])
    assert (await validated(pair, second)).status_code == status
    assert (await pair.source.validate(first, {}, useSavedCredentials=True)).status_code == 204
    await pair.source.post(f"{job}/start")
    pair.source.settle()
    assert (await status_of(pair.source, job))["code"] == ("Active" if mode == "accepted" else "Quarantine")
    assert len(pair.guests()) == 1


async def test_on_demand_creates_the_guest_or_says_why_not(open_pair):
    pair = await open_pair(**NO_FAILURES)
    user = pair.source.user_ids[0]
    _, job = await pair.configure(user)
    (rule,) = (await pair.source.get(f"{job}/schema"))["synchronizationRules"]
    assert rule["name"] == "USER_INBOUND_USER"
    subject = {"objectId": user, "objectTypeName": "User"}
    body = {"parameters": [{"ruleId": rule["id"], "subjects": [subject]}]}
    failed = await pair.source.post(f"{job}/provisionOnDemand", body, 200)
    assert (CODE in str(failed), pair.guests()) == (True, [])
    await pair.allow()
    await pair.consent()
    await pair.source.post(f"{job}/provisionOnDemand", body, 200)
    assert len(pair.guests()) == 1


async def test_groups_come_along_where_the_target_allows_them(open_pair):
    pair = await open_pair(**NO_FAILURES)
    group = pair.source.group_ids[1]
    _, job = await pair.running(group)
    before = len(pair.target.group_ids)
    assert pair.guests()
    pair.target.version = "beta"
    body = {"groupSyncInbound": {"isSyncAllowed": True}}
    assert (await pair.target.send("PATCH", f"{pair.there}/identitySynchronization", body)).status_code == 204
    await pair.source.post(f"{job}/restart", {"criteria": {"resetScope": "Full"}})
    pair.source.settle()
    assert len(pair.guests())
    assert len(pair.target.group_ids) == before + 1


async def test_alone_a_tenant_has_targets_elsewhere(wire):
    _, principal = await wire.instantiate("Fabrikam", "518e5f48-1fc8-4c48-9387-9fdf28b0dfe7")
    secrets = {"CompanyId": "bbbbbbbb-0000-4000-8000-000000000002", "AuthenticationType": "SyncPolicy"}
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    assert (await wire.validate(path, secrets, templateId="Azure2Azure")).status_code == 204
    assert (await wire.validate(path, {"AuthenticationType": "SyncPolicy"})).status_code == 400
