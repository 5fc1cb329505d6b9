from contextlib import contextmanager

import pytest

from flows.configuration.environment import environment
from flows.control_jobs import control_jobs
from flows.errors import StepFailed
from flows.plan.diff import UnknownKey
from flows.store import open_store
from graph_emulator import FaultRule
from tests.estates import estate, fleet, instance
from tests.tenant.crowds import settle

pytestmark = pytest.mark.usefixtures("without_prefect")

KEYS = ("a", "b", "c")
FLEET = fleet(*(instance(key) for key in KEYS))


class Jobs:
    """The jobs of a fleet in a tenant."""

    def __init__(self, tenant):
        self.tenant = tenant
        self.principals = {key: settle(tenant.emulator, key, f"App {key}") for key in KEYS}
        tenant.emulator.controls.advance(5)
        tenant.forget()

    def id(self, key):
        return self.tenant.jobs()[self.principals[key]][0]["id"]

    def state(self, key):
        (job,) = self.tenant.jobs()[self.principals[key]]
        return job["schedule"]["state"], job["status"]["code"]

    def writes(self):
        return [record.operation for record in self.tenant.requests(writes=True)]


@contextmanager
def running_jobs(tmp_path, **settings):
    with estate(tmp_path / "tenant", **settings) as tenant:
        yield Jobs(tenant)


@pytest.fixture
def jobs(tmp_path):
    with running_jobs(tmp_path) as made:
        yield made


async def control(action, **parameters):
    state = await control_jobs(FLEET, action, **parameters, return_state=True)
    return state, await state.aresult(raise_on_failure=False)


@pytest.mark.prefect
async def test_jobs_are_paused_and_resumed_once(jobs):
    state, outcome = await control("pause")
    assert (state.name, outcome.summary) == ("Completed", {"paused": 3, "unchanged": 0, "failed": 0})
    assert {jobs.state(key) for key in KEYS} == {("Paused", "Paused")}
    _, outcome = await control("pause")
    assert (outcome.summary["unchanged"], jobs.writes()) == (3, ["pause_job"] * 3)
    _, outcome = await control("start", only=["b"])
    assert outcome.summary == {"started": 1, "unchanged": 0, "failed": 0}
    _, outcome = await control("start", only=["b"])
    assert outcome.summary["unchanged"] == 1
    assert jobs.writes() == [*["pause_job"] * 3, "start_job"]
    assert [jobs.state(key)[0] for key in KEYS] == ["Paused", "Active", "Paused"]


async def test_a_quarantine_is_lifted_by_a_restart_and_by_no_start(jobs):
    jobs.tenant.emulator.controls.quarantine(jobs.id("a"))
    state, outcome = await control("start")
    assert (state.name, outcome.instances[0].failure.code) == ("PartiallyCompleted", "Quarantined")
    assert jobs.writes() == []
    state, outcome = await control("restart")
    assert (state.name, outcome.summary) == ("Completed", {"restarted": 1, "unchanged": 2, "failed": 0})
    (sent,) = jobs.tenant.requests("restart_job")
    assert sent.body == {"criteria": {"resetScope": "QuarantineState"}}
    assert jobs.state("a")[1] != "Quarantine"


async def test_deletions_that_are_held_back_are_left_to_a_person(jobs):
    jobs.tenant.emulator.controls.quarantine(jobs.id("a"), "TooManyDeletes")
    _, outcome = await control("restart", reset=["Full"], force=True)
    assert [each.failure and each.failure.code for each in outcome.instances] == ["TooManyDeletes", None, None]
    assert outcome.summary["restarted"] == 2
    assert jobs.state("a") == ("Active", "Quarantine")


async def test_a_dangerous_reset_is_refused_before_anything_is_sent(jobs):
    state = await control_jobs(FLEET, "restart", reset=["Watermark"], return_state=True)
    with pytest.raises(StepFailed, match="Watermark") as refused:
        await state.aresult()
    assert refused.value.code == "ResetRefused"
    assert jobs.tenant.on_wire() == 0


async def test_a_key_that_is_not_in_the_file_is_said_before_anything_is_written(jobs):
    state = await control_jobs(FLEET, "pause", only=["a", "z"], return_state=True)
    with pytest.raises(UnknownKey):
        await state.aresult()
    assert jobs.writes() == []


async def test_a_job_that_never_ran_is_started_only_if_its_saved_credentials_work(jobs):
    emulator = jobs.tenant.emulator
    for key in ("a", "b"):
        emulator.controls.act_on_job(jobs.id(key), "delete")
        (principal,) = [
            e for e in emulator.tenant.directory.live["servicePrincipal"].values() if e.id == jobs.principals[key]
        ]
        emulator.tenant.jobs.create(principal, "BoxOutDelta")
    emulator.controls.edit_secrets(jobs.principals["a"], {"SecretToken": "a wrong token"})
    _, outcome = await control("start")
    failure = outcome.instances[0].failure
    assert failure.step == "start-job"
    assert failure.message.startswith("The credentials saved for a do not work: ")
    assert outcome.summary == {"started": 1, "unchanged": 1, "failed": 1}
    assert sorted(jobs.writes()) == ["start_job", "validate_job_credentials", "validate_job_credentials"]


async def test_what_was_never_made_and_what_is_there_twice_fail_alone(jobs):
    settle(jobs.tenant.emulator, "a", "Another a")
    jobs.tenant.emulator.controls.act_on_job(jobs.id("b"), "delete")
    state, outcome = await control_jobs_of(fleet(*(instance(key) for key in (*KEYS, "new"))), "pause")
    codes = {each.key: each.failure.code for each in outcome.instances if each.failure}
    assert codes == {"a": "TwoApplications", "b": "JobMissing", "new": "NotCreated"}
    assert (state.name, outcome.summary["paused"], jobs.writes()) == ("PartiallyCompleted", 1, ["pause_job"])


async def control_jobs_of(wanted, action):
    state = await control_jobs(wanted, action, return_state=True)
    return state, await state.aresult(raise_on_failure=False)


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fault", [503, "reset"])
@pytest.mark.parametrize("action", ["start", "pause", "restart"])
async def test_an_answer_that_is_lost_changes_nothing_in_the_end(tmp_path, action, fault, after_commit):
    effect = {"effect": "reset"} if fault == "reset" else {"effect": "status", "status": fault, "retry_after": "0"}
    with running_jobs(tmp_path) as jobs:
        if action == "start":
            jobs.tenant.emulator.controls.act_on_job(jobs.id("a"), "pause")
        elif action == "restart":
            jobs.tenant.emulator.controls.quarantine(jobs.id("a"))
        rule = FaultRule(**effect, operation=f"{action}_job", occurrence=1, after_commit=after_commit)
        jobs.tenant.emulator.controls.add_faults([rule])
        state, outcome = await control(action, only=["a"])
        assert (state.name, outcome.failed) == ("Completed", 0)
        assert jobs.state("a")[0] == ("Paused" if action == "pause" else "Active")
        assert jobs.state("a")[1] != "Quarantine"
        sent = len(jobs.tenant.requests(f"{action}_job"))
        assert sent == (1 if action == "start" and after_commit else 2)
        jobs.tenant.forget()
        await control(action, only=["a"])
        assert jobs.writes() == []


async def test_a_job_that_cannot_be_paused_stops_no_other(tmp_path):
    with running_jobs(tmp_path) as jobs:
        path = f"/servicePrincipals/{jobs.principals['b']}/*"
        jobs.tenant.emulator.controls.add_faults([FaultRule("status", status=400, operation="pause_job", path=path)])
        state, outcome = await control("pause")
        assert (state.name, outcome.summary) == ("PartiallyCompleted", {"paused": 2, "unchanged": 0, "failed": 1})
        assert outcome.instances[1].failure.step == "pause-job"


async def test_the_journal_says_who_paused_what(jobs):
    await control("pause", only=["a"], change="CHG-7")
    with open_store(environment().store_url) as store:
        (run,) = store.journal.runs()
        (change,) = store.journal.changes(run.id)
    assert (run.command, run.ticket, run.outcome, run.counts["paused"]) == ("jobs-pause", "CHG-7", "completed", 1)
    assert (change.key, change.action, change.outcome, change.job_id) == ("a", "pause", "paused", jobs.id("a"))
    (field,) = change.fields
    assert (field.field, field.after) == ("job_state", "paused")
