"""Retiring a cross-tenant instance takes its accounts out of the target before anything that could delete them."""

from dataclasses import replace

import pytest

from flows.retire import retire_instances
from flows.steps.idempotency import use_wait_limits
from flows.store import open_store
from flows.tenant.ownership_tag import OwnershipTag
from graph_emulator import FaultRule
from tests.estates import HASTY, fleet, instance
from tests.proof.world import world as a_world
from tests.tenant.crowds import graph_of

CROSS_TENANT = "Cross-Tenant Synchronization Preview"
TARGET = "3f2c0000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with a_world(tmp_path_factory.mktemp("world"), log_latency_seconds=120.0, entry_failure_share=0.0) as made:
        yield made


class Synchronized:
    def __init__(self, world, key="fabrikam", *, people=3, started=True, seconds=600, **secrets):
        self.world, self.key = world, key
        tenant, now = world.emulator.tenant, world.emulator.clock.now()
        template = next(each for each in tenant.gallery.values() if each.display_name == CROSS_TENANT)
        users = [id_ for id_, user in tenant.people.users.items() if user["accountEnabled"]]
        application, principal = tenant.directory.instantiate(template, key, None, users[0], now)
        tenant.directory.patch(application, {"tags": [OwnershipTag("contoso", key).tag]}, now)
        self.principal_id = principal.id
        self.job = tenant.jobs.create(principal, "Azure2Azure")
        self.settings = {"AuthenticationType": "SyncPolicy", "CompanyId": TARGET, "SyncAll": "false"} | secrets
        world.emulator.controls.edit_secrets(principal.id, self.settings)
        self.world.run(self.assign(users[:people]))
        if started:
            tenant.jobs.start(self.job, now)
        world.emulator.controls.advance(seconds)
        world.forget()

    async def assign(self, users):
        async with await graph_of(self.world.emulator) as graph:
            role = (await graph.service_principals.get(self.principal_id, select=("id", "appRoles"))).app_roles[0].id
            for user in users:
                await graph.service_principals.assign(self.principal_id, user, role)

    def writes(self):
        return [each.operation for each in self.world.requests(writes=True)]

    def guests(self):
        self.world.emulator.tenant.jobs.settle(self.world.emulator.clock.now())
        return len(self.job.target.present)

    def retire(self, **parameters):
        return self.world.run(self.world.doing(retire_instances, fleet(instance("other")), [self.key], **parameters))


EMPTY = ["unassign", "unassign", "unassign", "restart_job", "pause_job", "delete_job", "delete_application"]


def test_the_accounts_leave_the_target_before_the_job_is_deleted(world):
    world.reset()
    made = Synchronized(world)
    assert made.guests() == 3
    outcome = made.retire()
    assert (outcome.summary["retired"], outcome.instances[0].accounts_left) == (1, ())
    assert made.guests() == 0
    assert made.writes() == ["validate_job_credentials", "pause_job", *EMPTY]
    with open_store(f"sqlite:///{world.store}") as store:
        (change,) = store.journal.changes(store.journal.runs()[0].id)
    assert [each.field for each in change.fields] == ["assignments"] * 3 + ["application"]


@pytest.mark.parametrize(
    "settings",
    [
        {"SyncAll": "true"},
        {"SkipOutOfScopeDeletions": "True"},
        {"SyncNotificationSettings": '{"Enabled":true,"DeleteThresholdEnabled":true,"DeleteThresholdValue":2}'},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_setting_that_holds_deletions_back_is_changed_first(world, settings):
    world.reset()
    made = Synchronized(world, **settings)
    assert made.guests() >= 3
    outcome = made.retire()
    assert (outcome.summary["retired"], made.guests()) == (1, 0)
    assert made.writes()[:3] == ["validate_job_credentials", "pause_job", "put_secrets"]


def test_a_job_that_never_started_needs_no_emptying(world):
    world.reset()
    made = Synchronized(world, started=False)
    assert (made.retire().summary["retired"], made.writes()) == (1, ["delete_job", "delete_application"])


def test_a_job_in_its_first_cycle_is_emptied_too(world):
    world.reset()
    made = Synchronized(world, seconds=0.01)
    assert made.retire().summary["retired"] == 1
    assert (made.guests(), made.writes()[1]) == (0, "pause_job")


def test_a_job_that_was_deleted_by_hand_leaves_its_accounts_and_says_whose(world):
    world.reset()
    made = Synchronized(world)
    world.emulator.controls.act_on_job(made.job.id, "delete")
    world.forget()
    (failed,) = made.retire().instances
    assert (failed.failure.code, len(failed.accounts_left), made.writes()) == ("GuestsStay", 3, [])
    (retired,) = made.retire(force=True).instances
    assert (retired.outcome, retired.accounts_left) == ("retired", failed.accounts_left)
    assert made.writes() == ["delete_application"]


def test_deletions_that_do_not_show_in_time_keep_the_job(world):
    world.reset()
    made = Synchronized(world)
    with use_wait_limits(replace(HASTY, deprovision_seconds=30.0, deprovision_interval_seconds=5.0)):
        (failed,) = made.retire().instances
    assert failed.failure.code == "DeprovisioningUnfinished"
    assert "delete_job" not in made.writes()
    world.emulator.controls.advance(300)
    world.forget()
    (retired,) = made.retire().instances
    assert (retired.outcome, made.writes()) == ("retired", ["validate_job_credentials", *EMPTY[-3:]])


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", ["pause_job", "put_secrets", "unassign", "restart_job", "get_job", "delete_job"])
def test_a_run_that_ends_between_any_two_calls_is_finished_by_the_next(world, operation, after_commit):
    world.reset()
    made = Synchronized(world, SkipOutOfScopeDeletions="True")
    # A refusal that nothing repeats ends the run of the instance there, like a crash.
    rule = FaultRule("status", status=400, operation=operation, occurrence=1, after_commit=after_commit)
    world.emulator.controls.add_faults([rule])
    assert made.retire().failed == 1
    (retired,) = made.retire().instances
    assert (retired.outcome, retired.accounts_left, made.guests()) == ("retired", (), 0)
    world.forget()
    assert (made.retire().summary["unchanged"], made.writes()) == (1, [])
