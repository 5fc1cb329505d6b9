import pytest

from flows.configuration.environment import add_prefect_variables, environment
from flows.harvest import harvest_logs
from flows.monitor import monitor_fleet
from flows.provision import provision_fleet
from flows.run.progress import NOTE, watch_progress
from flows.store import open_store
from tests.estates import AWS, TENANT, estate, estate_behind, fleet, instance
from tests.store.databases import observations

pytestmark = pytest.mark.usefixtures("without_prefect")

FLEET = fleet(instance("aws", AWS), instance("box"))


@pytest.fixture
async def tenant(tmp_path):
    with estate(tmp_path / "tenant", entry_failure_share=0.0) as served, add_prefect_variables({"TOKEN": "good"}):
        await provision_fleet(FLEET)
        yield served


async def monitor(wanted=FLEET, **parameters):
    state = await monitor_fleet(wanted, interval_seconds=0.1, **parameters, return_state=True)
    return state, await state.aresult(raise_on_failure=False)


def history():
    with open_store(environment().store_url) as store:
        return [(each.key, each.state) for each in store.jobs.latest(TENANT, "contoso")]


async def test_it_waits_until_every_job_has_settled(tenant):
    told = []
    with watch_progress(told.append):
        state, seen = await monitor(until="settled")
    assert (state.name, seen.settled, set(seen.count()) <= {"steady", "degraded"}) == ("Completed", 2, True)
    assert (told[-1].phase, told[-1].done, told[-1].total) == ("monitor", 2, 2)
    assert [key for key, _ in history()] == ["aws", "box"]
    assert tenant.requests(writes=True)[-1].operation == "start_job"


@pytest.mark.prefect
async def test_once_looks_once_and_keeps_what_changed(tenant):
    await monitor(until="settled")
    tenant.forget()
    _, seen = await monitor()
    assert len(tenant.requests("list_jobs")) == 2
    with open_store(environment().store_url) as store:
        kept = observations(store, TENANT, "contoso", "box")
    assert kept[0].state == seen.readings[1].health.state
    assert len({(each.state, str(each.counts)) for each in kept}) == len(kept)


async def test_a_wait_that_takes_too_long_fails_and_says_what_it_waits_for(tmp_path):
    slow = estate(tmp_path / "slow", initial_cycle_seconds=3600.0)
    with slow, add_prefect_variables({"TOKEN": "good"}):
        await provision_fleet(fleet(instance("box")))
        state, seen = await monitor(fleet(instance("box")), until="settled", timeout_minutes=0.005)
    assert (state.name, state.message) == ("TimedOut", "Timed out before all jobs settled: 1 initial-cycle")
    assert state.is_failed()
    assert seen.settled == 0


async def test_a_quarantine_is_shown_with_its_reason(tenant):
    await monitor(until="settled")
    box = next(jobs[0]["id"] for jobs in tenant.jobs().values() if jobs[0]["id"].startswith("Box"))
    tenant.emulator.controls.quarantine(box, "EncounteredQuarantineException")
    state, seen = await monitor()
    (reading,) = seen.unwell
    assert state.name == "PartiallyCompleted"
    assert (reading.target.key, reading.health.state, reading.health.reason) == (
        "box",
        "quarantined",
        "EncounteredQuarantineException",
    )
    assert ("box", "quarantined") in history()


async def test_a_quarantine_is_triaged_with_the_errors_of_its_cycles(tmp_path):
    with estate(tmp_path / "failing", entry_failure_share=0.5) as tenant, add_prefect_variables({"TOKEN": "good"}):
        await provision_fleet(FLEET)
        await monitor(until="settled")
        await harvest_logs()
        box = next(jobs[0]["id"] for jobs in tenant.jobs().values() if jobs[0]["id"].startswith("Box"))
        tenant.emulator.controls.quarantine(box, "EncounteredEscrowProportionThreshold")
        _, seen = await monitor()
        (logged,) = tenant.emulator.controls.state()["events"].values()
    (aws, reading) = (each.as_json() for each in seen.readings)
    assert aws["triage"] is None
    assert sum(each["count"] for each in reading["triage"]["errors"]) == logged["failure"] > 0
    assert "Most often" in reading["triage"]["cause"]
    assert reading["triage"]["proposal"]["commands"][-1].startswith("entra-fleet jobs restart FLEET --only box --reset")


async def test_an_instance_that_is_not_there_is_missing(tenant):
    state, seen = await monitor(fleet(instance("box"), instance("new")))
    assert [reading.health.state for reading in seen.unwell] == ["missing"]
    assert state.name == "PartiallyCompleted"


async def test_a_tag_that_never_shows_on_the_service_principal_hides_nothing(tmp_path):
    with estate(tmp_path / "odd", propagation="never") as tenant, add_prefect_variables({"TOKEN": "good"}):
        await provision_fleet(FLEET)
        tenant.forget()
        outcome = await (await provision_fleet(FLEET, return_state=True)).aresult()
        assert (outcome.summary["unchanged"], tenant.requests(writes=True)) == (2, [])
        _, seen = await monitor(until="settled")
        assert seen.unwell == []


async def test_a_machine_that_is_two_days_ahead_calls_no_job_stalled_and_says_so_once(tmp_path):
    told = []
    with estate_behind(tmp_path / "behind", days=2), add_prefect_variables({"TOKEN": "good"}):
        await provision_fleet(FLEET)
        await monitor(until="settled")
        with watch_progress(told.append):
            _, seen = await monitor()
    assert [each.stalled_since for each in seen.readings] == [None, None]
    assert [each.phase for each in told].count(NOTE) == 1
