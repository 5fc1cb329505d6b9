import pytest

from tests.graph_emulator.driver import NEVER, entries_in, error_of, status_of


async def test_a_job_lives_from_created_to_steady(wire):
    settings = wire.emulator.settings
    _, job = await wire.running_job()
    started = await wire.get(job)
    assert (started["schedule"]["state"], started["status"]["code"]) == ("Active", "NotRun")
    last = started["status"]["lastExecution"]
    assert (last["state"], last["error"]["code"]) == ("Failed", "None")
    assert (last["timeBegan"], last["timeEnded"], last["countExported"]) == (NEVER, NEVER, 0)

    wire.emulator.controls.advance(settings.start_delay_seconds + settings.initial_cycle_seconds / 2)
    status = await status_of(wire, job)
    assert (status["code"], status["lastExecution"]["timeBegan"]) == ("NotRun", NEVER)
    progress = status["progress"][0]
    assert 0 < progress["completedUnits"] < progress["totalUnits"]

    wire.emulator.controls.advance(settings.initial_cycle_seconds)
    status = await status_of(wire, job)
    assert (status["code"], status["progress"], status["quarantine"]) == ("Active", [], None)
    assert status["lastExecution"] == status["lastSuccessfulExecutionWithExports"]
    success = status["lastSuccessfulExecution"]
    assert (success["activityIdentifier"], success["timeBegan"], success["state"]) == (None, NEVER, "Succeeded")
    assert success["timeEnded"] == status["lastExecution"]["timeEnded"]
    assert status["steadyStateFirstAchievedTime"] == status["lastExecution"]["timeEnded"] > NEVER
    assert len(status["lastExecution"]["timeEnded"].partition(".")[2]) == 8

    wire.emulator.controls.advance(settings.cycle_seconds + settings.initial_cycle_seconds)
    later = await status_of(wire, job)
    assert later["lastExecution"]["timeBegan"] > status["lastExecution"]["timeEnded"]
    assert later["steadyStateFirstAchievedTime"] == status["steadyStateFirstAchievedTime"]
    assert later["steadyStateLastAchievedTime"] > status["steadyStateLastAchievedTime"]


async def test_the_last_success_may_be_told_as_a_whole(open_tenant):
    wire = await open_tenant(last_success="whole")
    _, job = await wire.running_job()
    wire.settle()
    status = await status_of(wire, job)
    assert status["lastExecution"] == status["lastSuccessfulExecution"]


async def test_a_job_that_was_deleted_and_made_again_has_its_id_and_events_of_its_own(open_tenant):
    wire = await open_tenant(entry_failure_share=0.0)
    principal, job = await wire.running_job()
    wire.settle()
    assert (await wire.send("DELETE", job)).status_code == 204
    assert await wire.make_job(principal) == job
    await wire.post(f"{job}/start")
    wire.settle()
    events = await wire.all_pages("/auditLogs/provisioning?$top=500")
    assert len({event["id"] for event in events}) == len(events) > len(wire.user_ids) * 2
    assert {event["jobId"] for event in events} == {job.rpartition("/")[2]}


async def test_how_often_one_looks_does_not_matter(open_tenant):
    async def after(steps):
        wire = await open_tenant()
        _, job = await wire.running_job()
        for _ in range(steps):
            wire.emulator.controls.advance(200 / steps)
            await wire.get(job)
        return await status_of(wire, job), wire.emulator.controls.state()["events"]

    assert await after(1) == await after(200)


async def test_a_job_that_nobody_looks_at_for_years_answers_at_once(wire):
    _, job = await wire.running_job()
    wire.emulator.controls.advance(3 * 365 * 86_400)
    await wire.sign_in()
    status = await status_of(wire, job)
    assert status["code"] == "Active"
    assert status["lastExecution"]["timeBegan"].startswith("2029-01-0")


async def test_start_without_credentials_is_refused_or_ends_in_quarantine(open_tenant):
    wire = await open_tenant(start_without_credentials="error")
    _, principal = await wire.instantiate()
    job = await wire.make_job(principal)
    assert error_of(await wire.send("POST", f"{job}/start")) == (400, "CredentialsMissing")
    assert (await status_of(wire, job))["code"] == "Paused"

    wire = await open_tenant()
    _, principal = await wire.instantiate()
    job = await wire.make_job(principal)
    await wire.post(f"{job}/start")
    assert (await wire.get(job))["schedule"]["state"] == "Active"
    wire.settle()
    assert (await status_of(wire, job))["code"] == "Quarantine"


async def test_bad_credentials_lead_to_quarantine_and_good_ones_out_of_it(wire):
    principal, job = await wire.running_job()
    wire.settle()
    wire.emulator.controls.reject_secret("good")
    wire.emulator.controls.advance(wire.emulator.settings.cycle_seconds)
    status = await status_of(wire, job)
    quarantine = status["quarantine"]
    assert (status["code"], quarantine["reason"]) == ("Quarantine", "EncounteredQuarantineException")
    assert quarantine["seriesCount"] == status["countSuccessiveCompleteFailures"] == 1
    assert quarantine["currentBegan"] < quarantine["nextAttempt"]
    assert quarantine["error"]["tenantActionable"] is True
    assert status["lastExecution"]["state"] == "Failed"
    assert status["lastExecution"]["timeBegan"] > NEVER
    assert status["lastSuccessfulExecution"]["state"] != "Failed"

    # Nothing changes until the next attempt, a day later.
    wire.emulator.controls.advance(3600)
    await wire.sign_in()
    assert (await status_of(wire, job))["quarantine"] == quarantine
    await wire.save(principal, {"SecretToken": "fresh", "SyncAll": "true"})
    await wire.post(f"{job}/restart", {"criteria": {"resetScope": "QuarantineState"}})
    wire.settle()
    status = await status_of(wire, job)
    assert (status["code"], status["quarantine"], status["countSuccessiveCompleteFailures"]) == ("Active", None, 0)


async def test_a_quarantined_job_tries_again_daily_and_is_given_up_after_four_weeks(wire):
    _, job = await wire.running_job(SecretToken="wrong")
    wire.emulator.controls.advance(2 * 86_400 + 60)
    await wire.sign_in()
    assert (await status_of(wire, job))["quarantine"]["seriesCount"] == 3
    wire.emulator.controls.advance(30 * 86_400)
    await wire.sign_in()
    given_up = await wire.get(job)
    assert (given_up["schedule"]["state"], given_up["status"]["code"]) == ("Disabled", "Quarantine")


async def test_a_pause_lets_the_cycle_finish(wire):
    settings = wire.emulator.settings
    _, job = await wire.running_job()
    wire.emulator.controls.advance(settings.start_delay_seconds + settings.initial_cycle_seconds / 2)
    await wire.post(f"{job}/pause")
    wire.emulator.controls.advance(1000)
    paused = await wire.get(job)
    assert (paused["schedule"]["state"], paused["status"]["code"]) == ("Paused", "Paused")
    first = paused["status"]["lastExecution"]
    assert first["countExports"] > 0
    await wire.post(f"{job}/start")
    wire.settle()
    resumed = await wire.get(job)
    assert resumed["schedule"]["state"] == "Active"
    assert resumed["status"]["lastExecution"]["timeBegan"] > first["timeEnded"]


async def test_starting_a_running_job_changes_nothing(wire):
    _, job = await wire.running_job()
    wire.settle()
    before = await wire.get(job)
    await wire.post(f"{job}/start")
    assert await wire.get(job) == before


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("Watermark, Escrows, QuarantineState", 204),
        ("Full", 204),
        ("", 204),
        ("Everything", 400),
        ("watermark", 400),
        (5, 400),
    ],
)
async def test_reset_scopes(wire, scope, status):
    _, job = await wire.running_job()
    answer = await wire.send("POST", f"{job}/restart", {"criteria": {"resetScope": scope}})
    assert answer.status_code == status


async def test_a_restart_begins_an_initial_cycle_that_finds_everybody_there(wire):
    _, job = await wire.running_job()
    wire.settle()
    before = await status_of(wire, job)
    await wire.post(f"{job}/restart", {"criteria": {"resetScope": "Watermark"}})
    wire.settle()
    after = await status_of(wire, job)
    assert after["lastExecution"]["timeBegan"] > before["lastExecution"]["timeEnded"]
    assert after["lastExecution"]["countImported"] == before["lastExecution"]["countImported"] > 0
    # Only those that failed are tried again.
    assert after["lastExecution"]["countExports"] <= before["lastExecution"]["countEscrowed"]
    added = after["lastExecution"]["countExported"]
    assert entries_in(after) == entries_in(before) + added


async def test_a_restart_breaks_off_the_running_cycle(wire):
    settings = wire.emulator.settings
    principal, job = await wire.running_job()
    wire.emulator.controls.advance(settings.start_delay_seconds + settings.initial_cycle_seconds / 2)
    await wire.post(f"{job}/restart", {})
    half = wire.emulator.controls.state()["events"][principal]["success"]
    wire.settle()
    status = await status_of(wire, job)
    counts = {entry["key"]: entry["value"] for entry in status["synchronizedEntryCountByType"]}
    assert wire.emulator.controls.state()["events"][principal]["success"] == sum(counts.values())
    assert status["lastExecution"]["countExported"] == sum(counts.values()) - half > 0


@pytest.mark.timeout(100)
async def test_a_job_that_is_paused_while_some_of_its_objects_fail_rests(open_tenant):
    wire = await open_tenant(entry_failure_share=1.0, eventful_cycles=0, cycle_seconds=10.0)
    principal, _ = await wire.running_job()
    for _ in range(8):
        wire.emulator.controls.advance(9)
        (state,) = wire.emulator.controls.state()["jobs"][principal]
    assert state["status"]["lastExecution"]["countEscrowed"] > 0
    wire.emulator.controls.act_on_job(state["id"], "pause")
    wire.emulator.controls.advance(100_000)
    (state,) = wire.emulator.controls.state()["jobs"][principal]
    assert state["schedule"]["state"] == "Paused"
