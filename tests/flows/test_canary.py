"""Rolling out in waves: what goes first, what holds it, and how it goes on."""

import time
from contextlib import contextmanager

import pytest

from flows.configuration.environment import environment
from flows.errors import StepFailed
from flows.provision import provision_fleet
from flows.run.progress import watch_progress
from flows.store import open_store
from graph_emulator import Clock, FaultRule
from tests.estates import TENANT, estate, fleet, instance
from tests.tenant.crowds import settle

pytestmark = pytest.mark.usefixtures("without_prefect")

KEYS = [f"k{number:02}" for number in range(12)]
# What happens between a change and the next cycle of a job: on a busy machine the cycle may come first.
against_the_clock = pytest.mark.proof
OFTEN = {"cycle_seconds": 0.6, "initial_cycle_seconds": 0.04, "entry_failure_share": 0.0, "eventful_cycles": 0}
QUICKLY = {"interval_seconds": 0.05, "log_minutes": 0, "timeout_minutes": 0.5}


def wanted(notes="changed", keys=KEYS, **fields):
    return fleet(*(instance(key, notes=notes, **fields) for key in keys))


class Estate:
    """A tenant with a fleet of running jobs."""

    def __init__(self, tenant, keys):
        self.tenant = tenant
        self.principals = {key: settle(tenant.emulator, key, f"App {key}") for key in keys}
        until = time.monotonic() + 5
        while any(job["status"]["code"] == "NotRun" for (job,) in tenant.jobs().values()):
            assert time.monotonic() < until
        tenant.forget()

    def job(self, key):
        (job,) = self.tenant.jobs()[self.principals[key]]
        return job

    def paused(self):
        return [key for key in self.principals if self.job(key)["schedule"]["state"] == "Paused"]

    def changed(self):
        """The keys of the instances that were changed, in order."""
        tags = {each["id"]: tag.rsplit(":", 1)[1] for tag, (each,) in self.tenant.applications().items()}
        return [tags[record.path.rsplit("/", 1)[1]] for record in self.tenant.requests("patch_application")]

    def lose(self, count):
        """Take users out of the directory: the next cycles disable their accounts."""
        emulator = self.tenant.emulator
        users = emulator.tenant.people.users
        with emulator._service.lock:
            # Cycles that are due already see everybody; a job that had nothing to do for long looks again.
            for principal in self.principals.values():
                emulator.tenant.jobs.touch(principal, emulator.clock.now())
            return {id_: users.pop(id_) for id_ in list(users)[:count]}

    def forget_accounts(self, key):
        """Have the target system of one instance lose everybody, and refuse them from now on."""
        emulator = self.tenant.emulator
        job_id = self.job(key)["id"]
        with emulator._service.lock:
            job = emulator.tenant.jobs.get(self.principals[key], job_id, emulator.clock.now())
            emulator.tenant.jobs.touch(self.principals[key], emulator.clock.now())
            object.__setattr__(emulator.settings, "entry_failure_share", 1.0)
            job.target.present.clear()


@contextmanager
def running(tmp_path, keys=KEYS, **settings):
    with estate(tmp_path / "tenant", clock=Clock(), **(OFTEN | settings)) as tenant:
        yield Estate(tenant, keys)


@pytest.fixture
def jobs(tmp_path):
    with running(tmp_path) as made:
        yield made


async def roll_out(document=None, canary=1, rules=None, **parameters):
    parameters |= {"canary": canary, "canary_rules": QUICKLY | (rules or {})}
    state = await provision_fleet(document or wanted(), **parameters, return_state=True)
    return state, await state.aresult(raise_on_failure=False)


@contextmanager
def once_it_began(action):
    """Has something happen as soon as the first instance is about to be changed."""
    left = [action]

    def meddle(progress):
        if progress.phase == "provision" and left:
            left.pop()()

    with watch_progress(meddle):
        yield


def rollouts():
    with open_store(environment().store_url) as store:
        return store.rollouts.of_fleet(TENANT, "contoso")


def states(rollout):
    return [wave.state for wave in rollout.waves]


@pytest.mark.prefect
async def test_the_canary_goes_first_then_a_tenth_then_the_rest(jobs):
    state, outcome = await roll_out()
    assert (state.name, outcome.summary["updated"]) == ("Completed", 12)
    (rollout,) = rollouts()
    assert (rollout.state, states(rollout)) == ("finished", ["passed"] * 3)
    assert [len(wave.members) for wave in rollout.waves] == [1, 2, 9]
    order = jobs.changed()
    assert order[:1] == list(rollout.waves[0].members)
    assert set(order[1:3]) == set(rollout.waves[1].members)
    assert sorted(order) == KEYS
    assert all(verdict["reasons"] == [] for wave in rollout.waves for verdict in wave.verdicts)


async def test_a_finished_rollout_is_not_repeated_and_nothing_to_do_is_none(jobs):
    await roll_out()
    jobs.tenant.forget()
    state, outcome = await roll_out()
    assert (state.name, outcome.summary["unchanged"], outcome.rollout) == ("Completed", 12, None)
    assert jobs.tenant.requests(writes=True) == []
    assert len(rollouts()) == 1


@against_the_clock
async def test_deletes_hold_it_and_what_was_changed_is_paused(jobs):
    with once_it_began(lambda: jobs.lose(6)):
        state, outcome = await roll_out()
    (canary,) = rollouts()[0].waves[0].members
    assert (state.name, state.is_failed()) == ("CanaryHeld", True)
    assert (jobs.changed(), jobs.paused()) == ([canary], [canary])
    assert outcome.summary == {"created": 0, "adopted": 0, "updated": 1, "unchanged": 0, "failed": 0, "held": 11}
    assert f"{canary}: 6 objects deleted or disabled, limit 5" in state.message
    assert f"entra-fleet jobs start FLEET --only {canary}" in state.message
    assert (rollouts()[0].state, states(rollouts()[0])) == ("held", ["held", "pending", "pending"])


@against_the_clock
async def test_a_rollout_that_was_held_goes_on_with_the_same_plan(jobs):
    with once_it_began(lambda: jobs.lose(12)):
        await roll_out()
    (canary,) = jobs.paused()
    state, outcome = await roll_out(rules={"deletes": 50}, force=True)
    assert (state.name, outcome.rollout.resumed) == ("Completed", True)
    assert (jobs.paused(), sorted(jobs.changed())) == ([], KEYS)
    assert jobs.changed().count(canary) == 1
    (rollout,) = rollouts()
    assert (rollout.state, states(rollout)) == ("finished", ["passed"] * 3)


@against_the_clock
async def test_a_rollout_that_was_held_stays_so_until_somebody_says_otherwise(jobs):
    with once_it_began(lambda: jobs.lose(12)):
        first, _ = await roll_out()
    jobs.tenant.forget()
    state, outcome = await roll_out(rules={"deletes": 50})
    assert (state.name, state.message) == ("CanaryHeld", first.message)
    assert (outcome.summary["held"], jobs.tenant.requests(writes=True)) == (12, [])
    assert [each.state for each in rollouts()] == ["held"]


@against_the_clock
async def test_what_is_held_does_not_reach_everybody_by_an_apply_without_canaries(jobs):
    with once_it_began(lambda: jobs.lose(12)):
        first, _ = await roll_out()
    (canary,) = jobs.paused()
    jobs.tenant.forget()
    state = await provision_fleet(wanted(), return_state=True)
    assert (state.name, state.message) == ("CanaryHeld", first.message)
    assert jobs.tenant.requests(writes=True) == []
    await provision_fleet(fleet(*(instance(key) for key in KEYS)), return_state=True)
    assert [record.operation for record in jobs.tenant.requests(writes=True)] == ["start_job"]
    assert (jobs.paused(), [each.state for each in rollouts()]) == ([], ["superseded"])
    assert jobs.changed() == []
    assert canary in KEYS


@against_the_clock
async def test_another_plan_begins_anew(jobs):
    with once_it_began(lambda: jobs.lose(12)):
        await roll_out()
    state, _ = await roll_out(wanted("something else"), rules={"deletes": 50})
    assert state.name == "Completed"
    assert [each.state for each in rollouts()] == ["finished", "superseded"]


@against_the_clock
async def test_a_quarantine_holds_it(jobs):
    with once_it_began(lambda: jobs.tenant.emulator.controls.reject_secret("good")):
        state, _ = await roll_out()
    assert state.name == "CanaryHeld"
    assert "in quarantine: EncounteredQuarantineException" in state.message


@against_the_clock
async def test_new_failures_hold_it(jobs):
    with once_it_began(lambda: jobs.forget_accounts("k00")):
        state, _ = await roll_out(canary=["k00"])
    assert state.name == "CanaryHeld"
    assert "objects newly failing, limit 5 %" in state.message
    assert jobs.paused() == ["k00"]


@against_the_clock
async def test_failures_that_were_there_before_do_not(tmp_path):
    with running(tmp_path, KEYS[:3], entry_failure_share=0.3) as jobs:
        state, _ = await roll_out(wanted(keys=KEYS[:3]))
        assert state.name == "Completed"
        assert sorted(jobs.changed()) == KEYS[:3]


async def test_a_cycle_that_does_not_come_holds_it(tmp_path):
    with running(tmp_path, KEYS[:3], cycle_seconds=3600.0) as jobs:
        state, _ = await roll_out(wanted(keys=KEYS[:3]), rules={"timeout_minutes": 0.005})
        assert "no cycle completed within 0.005 minutes" in state.message
        assert len(jobs.paused()) == 1


async def test_an_instance_that_cannot_be_changed_holds_it(tmp_path):
    changed = fleet(instance("k00", notes="changed"), instance("k01"))
    with running(tmp_path, KEYS[:2]) as jobs:
        refusal = FaultRule("status", status=400, operation="patch_application")
        jobs.tenant.emulator.controls.add_faults([refusal])
        state, outcome = await roll_out(changed)
        assert state.name == "CanaryHeld"
        assert "k00: failed at mark-application" in state.message
        assert outcome.failed == 1
        assert jobs.paused() == ["k00"]


async def test_users_are_tried_on_the_canaries_only(jobs):
    who = next(each for each in jobs.tenant.emulator.tenant.people.users.values() if each["accountEnabled"])
    state, outcome = await roll_out(rules={"users": [who["userPrincipalName"]]})
    assert state.name == "Completed"
    assert len(jobs.tenant.requests("provision_on_demand")) == 1
    (verdict,) = outcome.rollout.waves[0].verdicts
    assert verdict.tried == (f"{who['displayName']}: unchanged",)


async def test_a_user_of_whom_nothing_is_known_holds_it_although_the_cycle_is_well(jobs):
    who = next(each for each in jobs.tenant.emulator.tenant.people.users.values() if each["accountEnabled"])
    jobs.tenant.emulator.controls.add_faults([FaultRule("status", status=504, operation="provision_on_demand")])
    state, _ = await roll_out(canary=["k00"], rules={"users": [who["id"]]})
    assert state.name == "CanaryHeld"
    assert f"k00: {who['displayName']} unknown: OutcomeUnknown" in state.message
    assert len(jobs.tenant.requests("provision_on_demand")) == 1


async def test_an_unknown_user_stops_it_before_anything_is_changed(jobs):
    state, error = await roll_out(rules={"users": ["nobody@contoso.com"]})
    assert (state.is_failed(), error.code) == (True, "UserNotFound")
    assert jobs.tenant.requests(writes=True) == []
    assert rollouts() == []


@pytest.mark.parametrize(
    ("canary", "document", "code"),
    [
        (["nope"], wanted(), "CanaryUnknown"),
        (["k01"], fleet(instance("k00", notes="x"), instance("k01")), "CanaryUnchanged"),
    ],
)
async def test_canaries_that_are_none_are_said(jobs, canary, document, code):
    _, error = await roll_out(document, canary)
    assert (type(error), error.code) == (StepFailed, code)
    assert jobs.tenant.requests(writes=True) == []


async def test_named_canaries_go_first(jobs):
    await roll_out(canary=["k07", "k03"])
    assert set(jobs.changed()[:2]) == {"k03", "k07"}


async def test_a_job_that_does_not_run_is_judged_by_the_apply(jobs):
    for key in KEYS:
        jobs.tenant.emulator.controls.act_on_job(jobs.job(key)["id"], "pause")
    state, outcome = await roll_out(wanted(job="unmanaged"))
    assert state.name == "Completed"
    assert outcome.rollout.waves[0].verdicts[0].remarks == ("its job is paused: checked by the apply outcome only",)


async def test_without_the_log_deletes_are_not_counted_and_that_is_said(tmp_path):
    roles = ("Application.ReadWrite.All", "Synchronization.ReadWrite.All")
    with running(tmp_path, KEYS[:2], roles=roles):
        state, outcome = await roll_out(wanted(keys=KEYS[:2]))
    (verdict,) = outcome.rollout.waves[0].verdicts
    assert (state.name, verdict.deletes) == ("Completed", None)
    assert verdict.remarks == ("log unreadable: deletes were not counted",)


@pytest.mark.parametrize("phase", ["wave 1 of 3 (canaries)", "wave 2 of 3 (a tenth)"])
@pytest.mark.parametrize("reviewed", [False, True], ids=["yes", "plan file"])
async def test_a_run_that_was_killed_is_taken_up_where_it_was(jobs, phase, reviewed):
    plan = await (await provision_fleet(wanted(), dry_run=True, return_state=True)).aresult()
    digest = {"plan_digest": plan.digest} if reviewed else {}

    def kill(progress):
        if progress.phase == phase:
            raise KeyboardInterrupt

    with watch_progress(kill), pytest.raises(BaseException):  # noqa: B017, PT011  # however the loop words it
        await provision_fleet(wanted(), **digest, canary=1, canary_rules=QUICKLY)
    begun = jobs.changed()
    state, outcome = await roll_out(**digest)
    assert (state.name, outcome.rollout.resumed) == ("Completed", True)
    assert jobs.changed()[: len(begun)] == begun
    assert sorted(jobs.changed()) == KEYS
    assert len(rollouts()) == 1


async def test_a_plan_that_was_not_reviewed_is_refused_also_in_waves(jobs):
    state, _ = await roll_out(plan_digest="0" * 64)
    assert (state.is_failed(), "has changed since its review" in state.message) == (True, True)
    assert jobs.tenant.requests(writes=True) == []
