from tests.graph_emulator.driver import AWS, GOOD, entries_in, status_of


async def test_scope_is_read_at_an_initial_cycle_only(wire):
    principal, job = await wire.running_job()
    wire.settle()
    everybody = (await status_of(wire, job))["lastExecution"]["countEntitled"]
    await wire.save(principal, {**GOOD, "SyncAll": "false"})
    wire.emulator.controls.advance(20)
    assert (await status_of(wire, job))["lastExecution"]["countEntitled"] == everybody
    await wire.post(f"{job}/restart", {})
    wire.settle()
    assert (await status_of(wire, job))["lastExecution"]["countEntitled"] == 0


async def test_assigned_people_are_provisioned_in_the_next_cycle(wire):
    principal, job = await wire.running_job(SyncAll="false")
    wire.settle()
    assert (await status_of(wire, job))["lastExecution"]["countEntitled"] == 0
    await wire.assign(principal, wire.group_ids[1])
    members = wire.emulator.tenant.people.members[wire.group_ids[1]]
    wire.emulator.controls.advance(2 * wire.emulator.settings.cycle_seconds)
    status = await status_of(wire, job)
    assert status["lastExecution"]["countEntitled"] == len(members) + 1


async def test_entries_are_counted_while_a_cycle_runs(wire):
    settings = wire.emulator.settings
    principal, job = await wire.running_job(SyncAll="false")
    await wire.assign(principal, wire.user_ids[0])
    wire.settle()
    await wire.assign(principal, wire.group_ids[1])
    wire.emulator.controls.advance(settings.cycle_seconds - settings.initial_cycle_seconds - 0.4)
    seen = []
    for _ in range(20):
        wire.emulator.controls.advance(0.1)
        status = await status_of(wire, job)
        seen.append(entries_in(status))
        assert seen[-1] == wire.emulator.controls.state()["events"][principal]["success"]
    assert seen[0] < seen[-1]
    assert len(set(seen)) > 3


async def test_people_assigned_after_a_long_silence_are_provisioned_too(wire):
    principal, job = await wire.running_job(SyncAll="false")
    wire.emulator.controls.advance(100_000)
    await wire.sign_in()
    await wire.get(job)
    await wire.assign(principal, wire.user_ids[0])
    wire.emulator.controls.advance(2 * wire.emulator.settings.cycle_seconds)
    assert (await status_of(wire, job))["lastExecution"]["countEntitled"] == 1
    assert sum(wire.emulator.controls.state()["events"][principal].values()) == 1


THRESHOLD = '{"Enabled":false,"DeleteThresholdEnabled":true,"DeleteThresholdValue":2}'


async def test_too_many_deletions_are_held_until_they_are_forced(wire):
    principal, job = await wire.running_job(SyncNotificationSettings=THRESHOLD)
    wire.settle()
    await wire.save(principal, {**GOOD, "SyncAll": "false", "SyncNotificationSettings": THRESHOLD})
    await wire.post(f"{job}/restart", {})
    wire.settle()
    status = await status_of(wire, job)
    assert (status["code"], status["quarantine"]["reason"]) == ("Quarantine", "TooManyDeletes")
    assert status["synchronizedEntryCountByType"]
    staged = await wire.all_pages("/auditLogs/provisioning?$top=100&$filter=provisioningAction eq 'stagedDelete'")
    held = sum(entry["value"] for entry in status["synchronizedEntryCountByType"])
    assert len(staged) == held > 2
    await wire.post(f"{job}/restart", {"criteria": {"resetScope": "ForceDeletes"}})
    wire.settle()
    status = await status_of(wire, job)
    assert (status["code"], status["synchronizedEntryCountByType"]) == ("Active", [])

    # What was forced was forced once.
    for everybody in ("true", "false"):
        await wire.save(principal, {**GOOD, "SyncAll": everybody, "SyncNotificationSettings": THRESHOLD})
        await wire.post(f"{job}/restart", {})
        wire.settle()
    assert (await status_of(wire, job))["quarantine"]["reason"] == "TooManyDeletes"


async def test_out_of_scope_deletions_can_be_skipped(wire):
    principal, job = await wire.running_job()
    wire.settle()
    before = (await status_of(wire, job))["synchronizedEntryCountByType"]
    await wire.save(principal, {**GOOD, "SyncAll": "false", "SkipOutOfScopeDeletions": "True"})
    await wire.post(f"{job}/restart", {})
    wire.settle()
    assert (await status_of(wire, job))["synchronizedEntryCountByType"] == before


async def test_aws_imports_roles_and_tells_the_log_nothing(wire):
    _, principal = await wire.instantiate("AWS", AWS)
    job = await wire.make_job(principal, "aws")
    await wire.save(principal, {"ClientSecret": "AKIA", "SecretToken": "good"})
    await wire.assign(principal, wire.user_ids[0])
    await wire.post(f"{job}/start")
    before = (await wire.get(f"/servicePrincipals/{principal}"))["appRoles"]
    wire.settle()
    status = await status_of(wire, job)
    imported = status["lastExecution"]["countImported"]
    assert (imported > 0, status["lastExecution"]["countExports"]) == (True, 0)
    after = (await wire.get(f"/servicePrincipals/{principal}"))["appRoles"]
    assert len(after) == len(before) + imported
    assert after[-1]["value"].startswith("arn:aws:iam::")
    assert (await wire.get("/auditLogs/provisioning?$top=5"))["value"] == []
    # An imported role can be assigned now.
    body = {"principalId": wire.user_ids[1], "resourceId": principal, "appRoleId": after[-1]["id"]}
    assert (await wire.send("POST", f"/servicePrincipals/{principal}/appRoleAssignedTo", body)).status_code == 201


async def test_forcing_deletions_holds_for_one_cycle(wire):
    principal, job = await wire.running_job(SyncAll="false", SyncNotificationSettings=THRESHOLD)
    for _ in range(2):
        assignment = (await wire.assign(principal, wire.group_ids[1])).json()
        wire.emulator.controls.advance(2 * wire.emulator.settings.cycle_seconds)
        assert entries_in(await status_of(wire, job)) > 2
        await wire.send("DELETE", f"/servicePrincipals/{principal}/appRoleAssignedTo/{assignment['id']}")
        wire.emulator.controls.advance(2 * wire.emulator.settings.cycle_seconds)
        assert (await status_of(wire, job))["quarantine"]["reason"] == "TooManyDeletes"
        await wire.post(f"{job}/restart", {"criteria": {"resetScope": "ForceDeletes"}})
        wire.emulator.controls.advance(2 * wire.emulator.settings.cycle_seconds)
        assert entries_in(await status_of(wire, job)) == 0


async def test_many_changes_leave_one_alarm(wire):
    principal, job = await wire.running_job()
    for n in range(50):
        await wire.save(principal, {**GOOD, "SyncAll": "true"})
        wire.emulator.controls.advance(0.3 if n % 2 else 3)
    await wire.get(job)
    assert len(wire.emulator.tenant.jobs._due) <= 2
