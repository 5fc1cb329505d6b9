"""Rolling out in waves: what goes first, what holds it, and how it goes on."""

import asyncio
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import pytest

from flows.configuration import sign_in
from flows.configuration.environment import add_prefect_variables, environment
from flows.errors import StepFailed
from flows.provision import provision_fleet
from flows.run.progress import watch_progress
from flows.store import open_store
from graph_emulator import Clock, FaultRule
from tests.estates import TENANT, estate, fleet, instance
from tests.proof.world import world
from tests.tenant.crowds import settle

KEYS = [f"k{number:02}" for number in range(12)]
QUIET = {"entry_failure_share": 0.0, "eventful_cycles": 0}
STEADY = QUIET | {"cycle_seconds": 300.0}


def wanted(notes="changed", keys=KEYS, **fields):
    return fleet(*(instance(key, notes=notes, **fields) for key in keys))


class Jobs:
    """A tenant with a fleet of running jobs; `run` waits for a coroutine."""

    def __init__(self, tenant, keys, run):
        self.tenant = tenant
        self.run = run
        self.principals = {key: settle(tenant.emulator, key, f"App {key}") for key in keys}
        tenant.emulator.controls.advance(1)
        assert {job["status"]["code"] for (job,) in tenant.jobs().values()} == {"Active"}
        tenant.forget()

    def roll_out(self, document=None, canary=1, rules=None, **parameters):
        """The state of an apply in waves, and its result."""
        parameters |= {"canary": canary, "canary_rules": {"interval_seconds": 60} | (rules or {})}
        return self.apply(document, **parameters)

    def apply(self, document=None, **parameters):
        """The state of an apply, and its result."""

        async def applying():
            state = await provision_fleet(document or wanted(), **parameters, return_state=True)
            return state, await state.aresult(raise_on_failure=False)

        return self.run(applying())

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
    """Jobs on a loop whose time passes only while a run waits: nothing races the next cycle."""
    with (
        world(tmp_path, **(STEADY | settings)) as tenant,
        pytest.MonkeyPatch.context() as patched,
    ):
        # Cycles are compared with the change by the time at Graph.
        client = partial(
            sign_in.GraphClient, wall_clock=lambda: datetime.fromtimestamp(tenant.emulator.clock.now(), UTC)
        )
        patched.setattr(sign_in, "GraphClient", client)
        with add_prefect_variables({"ENTRA_FLEET_STORE": f"sqlite:///{tenant.store}"}):
            yield Jobs(tenant, keys, tenant.run)


@pytest.fixture
def jobs(tmp_path):
    with running(tmp_path) as made:
        yield made


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


@pytest.fixture(params=[pytest.param("a server", marks=pytest.mark.prefect), "no time"])
def anywhere(request, tmp_path):
    """Jobs, and the rules to roll out to them: by way of Prefect's server, with real waits, or in no time."""
    if request.param == "no time":
        yield request.getfixturevalue("jobs"), {}
        return
    request.getfixturevalue("prefect_api")
    often = {"cycle_seconds": 0.6, "initial_cycle_seconds": 0.04}
    with estate(tmp_path / "tenant", clock=Clock(), **(QUIET | often)) as tenant:
        yield Jobs(tenant, KEYS, asyncio.run), {"interval_seconds": 0.05, "log_minutes": 0}


def test_the_canary_goes_first_then_a_tenth_then_the_rest(anywhere):
    jobs, rules = anywhere
    state, outcome = jobs.roll_out(rules=rules)
    assert (state.name, outcome.summary["updated"]) == ("Completed", 12)
    (rollout,) = rollouts()
    assert (rollout.state, states(rollout)) == ("finished", ["passed"] * 3)
    assert [len(wave.members) for wave in rollout.waves] == [1, 2, 9]
    order = jobs.changed()
    assert order[:1] == list(rollout.waves[0].members)
    assert set(order[1:3]) == set(rollout.waves[1].members)
    assert sorted(order) == KEYS
    assert all(verdict["reasons"] == [] for wave in rollout.waves for verdict in wave.verdicts)


def test_a_finished_rollout_is_not_repeated_and_nothing_to_do_is_none(jobs):
    jobs.roll_out()
    jobs.tenant.forget()
    state, outcome = jobs.roll_out()
    assert (state.name, outcome.summary["unchanged"], outcome.rollout) == ("Completed", 12, None)
    assert jobs.tenant.requests(writes=True) == []
    assert len(rollouts()) == 1


def test_deletes_hold_it_and_what_was_changed_is_paused(jobs):
    with once_it_began(lambda: jobs.lose(6)):
        state, outcome = jobs.roll_out()
    (canary,) = rollouts()[0].waves[0].members
    assert (state.name, state.is_failed()) == ("CanaryHeld", True)
    assert (jobs.changed(), jobs.paused()) == ([canary], [canary])
    assert {word: count for word, count in outcome.summary.items() if count} == {"updated": 1, "held": 11}
    assert f"{canary}: 6 objects deleted or disabled, limit 5" in state.message
    assert f'control-jobs with {{"action": "start", "only": ["{canary}"]}}' in state.message
    assert (rollouts()[0].state, states(rollouts()[0])) == ("held", ["held", "pending", "pending"])


def test_a_rollout_that_was_held_goes_on_with_the_same_plan(jobs):
    with once_it_began(lambda: jobs.lose(12)):
        jobs.roll_out()
    (canary,) = jobs.paused()
    state, outcome = jobs.roll_out(rules={"deletes": 50}, force=True)
    assert (state.name, outcome.rollout.resumed) == ("Completed", True)
    assert (jobs.paused(), sorted(jobs.changed())) == ([], KEYS)
    assert jobs.changed().count(canary) == 1
    (rollout,) = rollouts()
    assert (rollout.state, states(rollout)) == ("finished", ["passed"] * 3)


def test_a_rollout_that_was_held_stays_so_until_somebody_says_otherwise(jobs):
    with once_it_began(lambda: jobs.lose(12)):
        first, _ = jobs.roll_out()
    jobs.tenant.forget()
    state, outcome = jobs.roll_out(rules={"deletes": 50})
    assert (state.name, state.message) == ("CanaryHeld", first.message)
    assert (outcome.summary["held"], jobs.tenant.requests(writes=True)) == (12, [])
    assert [each.state for each in rollouts()] == ["held"]


def test_what_is_held_does_not_reach_everybody_by_an_apply_without_canaries(jobs):
    with once_it_began(lambda: jobs.lose(12)):
        first, _ = jobs.roll_out()
    (canary,) = jobs.paused()
    jobs.tenant.forget()
    state, _ = jobs.apply()
    assert (state.name, state.message) == ("CanaryHeld", first.message)
    assert jobs.tenant.requests(writes=True) == []
    jobs.apply(fleet(*(instance(key) for key in KEYS)))
    assert [record.operation for record in jobs.tenant.requests(writes=True)] == ["start_job"]
    assert (jobs.paused(), [each.state for each in rollouts()]) == ([], ["superseded"])
    assert jobs.changed() == []
    assert canary in KEYS


def test_another_plan_begins_anew(jobs):
    with once_it_began(lambda: jobs.lose(12)):
        jobs.roll_out()
    state, _ = jobs.roll_out(wanted("something else"), rules={"deletes": 50})
    assert state.name == "Completed"
    assert [each.state for each in rollouts()] == ["finished", "superseded"]


def test_a_quarantine_holds_it(jobs):
    with once_it_began(lambda: jobs.tenant.emulator.controls.reject_secret("good")):
        state, _ = jobs.roll_out()
    assert state.name == "CanaryHeld"
    assert "in quarantine: EncounteredQuarantineException" in state.message


def test_new_failures_hold_it(jobs):
    with once_it_began(lambda: jobs.forget_accounts("k00")):
        state, _ = jobs.roll_out(canary=["k00"])
    assert state.name == "CanaryHeld"
    assert "objects newly failing, limit 5 %" in state.message
    assert jobs.paused() == ["k00"]


def test_failures_that_were_there_before_do_not(tmp_path):
    with running(tmp_path, KEYS[:3], entry_failure_share=0.3) as jobs:
        state, _ = jobs.roll_out(wanted(keys=KEYS[:3]))
        assert state.name == "Completed"
        assert sorted(jobs.changed()) == KEYS[:3]


def test_a_cycle_that_does_not_come_holds_it(tmp_path):
    with running(tmp_path, KEYS[:3], cycle_seconds=3600.0) as jobs:
        state, _ = jobs.roll_out(wanted(keys=KEYS[:3]), rules={"timeout_minutes": 50})
        assert "no cycle completed within 50 minutes" in state.message
        assert len(jobs.paused()) == 1


def test_an_instance_that_cannot_be_changed_holds_it(tmp_path):
    changed = fleet(instance("k00", notes="changed"), instance("k01"))
    with running(tmp_path, KEYS[:2]) as jobs:
        refusal = FaultRule("status", status=400, operation="patch_application")
        jobs.tenant.emulator.controls.add_faults([refusal])
        state, outcome = jobs.roll_out(changed)
        assert state.name == "CanaryHeld"
        assert "k00: failed at mark-application" in state.message
        assert outcome.failed == 1
        assert jobs.paused() == ["k00"]


def test_users_are_tried_on_the_canaries_only(jobs):
    who = next(each for each in jobs.tenant.emulator.tenant.people.users.values() if each["accountEnabled"])
    state, outcome = jobs.roll_out(rules={"users": [who["userPrincipalName"]]})
    assert state.name == "Completed"
    assert len(jobs.tenant.requests("provision_on_demand")) == 1
    (verdict,) = outcome.rollout.waves[0].verdicts
    assert verdict.tried == (f"{who['displayName']}: unchanged",)


def test_a_user_of_whom_nothing_is_known_holds_it_although_the_cycle_is_well(jobs):
    who = next(each for each in jobs.tenant.emulator.tenant.people.users.values() if each["accountEnabled"])
    jobs.tenant.emulator.controls.add_faults([FaultRule("status", status=504, operation="provision_on_demand")])
    state, _ = jobs.roll_out(canary=["k00"], rules={"users": [who["id"]]})
    assert state.name == "CanaryHeld"
    assert f"k00: {who['displayName']} unknown: OutcomeUnknown" in state.message
    assert len(jobs.tenant.requests("provision_on_demand")) == 1


def test_an_unknown_user_stops_it_before_anything_is_changed(jobs):
    state, error = jobs.roll_out(rules={"users": ["nobody@contoso.com"]})
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
def test_canaries_that_are_none_are_said(jobs, canary, document, code):
    _, error = jobs.roll_out(document, canary)
    assert (type(error), error.code) == (StepFailed, code)
    assert jobs.tenant.requests(writes=True) == []


def test_named_canaries_go_first(jobs):
    jobs.roll_out(canary=["k07", "k03"])
    assert set(jobs.changed()[:2]) == {"k03", "k07"}


def test_a_job_that_does_not_run_is_judged_by_the_apply(jobs):
    for key in KEYS:
        jobs.tenant.emulator.controls.act_on_job(jobs.job(key)["id"], "pause")
    state, outcome = jobs.roll_out(wanted(job="unmanaged"))
    assert state.name == "Completed"
    assert outcome.rollout.waves[0].verdicts[0].remarks == ("its job is paused: checked by the apply outcome only",)


def test_without_the_log_deletes_are_not_counted_and_that_is_said(tmp_path):
    roles = ("Application.ReadWrite.All", "Synchronization.ReadWrite.All")
    with running(tmp_path, KEYS[:2], roles=roles) as jobs:
        state, outcome = jobs.roll_out(wanted(keys=KEYS[:2]))
    (verdict,) = outcome.rollout.waves[0].verdicts
    assert (state.name, verdict.deletes) == ("Completed", None)
    assert verdict.remarks == ("log unreadable: deletes were not counted",)


@pytest.mark.parametrize("phase", ["wave 1 of 3 (canaries)", "wave 2 of 3 (a tenth)"])
@pytest.mark.parametrize("reviewed", [False, True], ids=["yes", "plan file"])
def test_a_run_that_was_killed_is_taken_up_where_it_was(jobs, phase, reviewed):
    _, plan = jobs.apply(dry_run=True)
    digest = {"plan_digest": plan.digest} if reviewed else {}

    def kill(progress):
        if progress.phase == phase:
            raise KeyboardInterrupt

    with watch_progress(kill), pytest.raises(BaseException):  # noqa: B017, PT011  # however the loop words it
        jobs.roll_out(**digest)
    begun = jobs.changed()
    state, outcome = jobs.roll_out(**digest)
    assert (state.name, outcome.rollout.resumed) == ("Completed", True)
    assert jobs.changed()[: len(begun)] == begun
    assert sorted(jobs.changed()) == KEYS
    assert len(rollouts()) == 1


def test_a_plan_that_was_not_reviewed_is_refused_also_in_waves(jobs):
    state, _ = jobs.roll_out(plan_digest="0" * 64)
    assert (state.is_failed(), "has changed since its review" in state.message) == (True, True)
    assert jobs.tenant.requests(writes=True) == []
