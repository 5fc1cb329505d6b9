"""Retiring a cross-tenant instance takes its guests out of the target before what could delete them is gone."""

import asyncio
from dataclasses import replace
from itertools import count

import pytest

from flows.errors import StepFailed
from flows.harvest import harvest_logs
from flows.monitor import monitor_fleet
from flows.monitoring.quarantine import choose_reaction
from flows.retire import retire_instances as retire
from flows.steps.idempotency import use_wait_limits
from flows.store import open_store
from graph_client.errors import GraphError
from graph_emulator import FaultRule
from graph_emulator.faults.rules import read_fault
from tests.estates import HASTY
from tests.proof.subsidiary import FOREIGN, GIVEN, Subsidiary, two_tenants
from tests.proof.test_fault_matrix import FAULTS
from tests.proof.test_interrupted import Interruption, interruptible
from tests.tenant.crowds import settle

DAY = 86_400.0
EMPTY = ["unassign", "unassign", "unassign", "restart_job"]
DELETE = ["pause_job", "delete_job", "delete_application"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with two_tenants(tmp_path_factory.mktemp("world")) as made:
        yield made


def test_the_guests_leave_the_target_before_the_job_is_deleted(world):
    made = Subsidiary(world)
    assert len(made.guests()) == 3
    policies = made.partners()
    outcome = made.retire()
    assert (outcome.summary["retired"], outcome.instances[0].accounts_left) == (1, ())
    assert (made.guests(), made.partners()) == ([], policies)
    assert made.writes() == ["validate_job_credentials", "pause_job", *EMPTY, *DELETE]
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
    made = Subsidiary(world, **settings)
    assert len(made.guests()) >= 3
    outcome = made.retire()
    assert (outcome.summary["retired"], made.guests()) == (1, [])
    assert made.writes()[:3] == ["validate_job_credentials", "pause_job", "put_secrets"]


def test_a_job_that_never_started_needs_no_emptying(world):
    made = Subsidiary(world, started=False)
    assert (made.retire().summary["retired"], made.writes()) == (1, ["delete_job", "delete_application"])


def test_a_job_in_its_first_cycle_is_emptied_too(world):
    made = Subsidiary(world, seconds=0.01)
    assert made.retire().summary["retired"] == 1
    assert (made.guests(), made.writes()[1]) == ([], "pause_job")


@pytest.mark.parametrize("taken_by", ["policy", "partner", "job"])
def test_guests_that_nothing_can_delete_any_more_are_named_and_nothing_is_deleted_without_force(world, taken_by):
    made = Subsidiary(world)
    guests = made.guests()
    if taken_by == "job":
        made.source.controls.act_on_job(made.job.id, "delete")
    elif taken_by == "policy":
        made.target.controls.set_identity_synchronization(made.source_id, None)
    else:
        made.target.controls.edit_partner(made.source_id, None)
    made.forget()
    (failed,) = made.retire().instances
    assert (failed.failure.code, list(failed.accounts_left)) == ("GuestsStay", guests)
    assert all(name in failed.failure.message for name in guests)
    assert set(made.writes()) <= {"validate_job_credentials"}
    (retired,) = made.retire(force=True).instances
    assert (retired.outcome, list(retired.accounts_left), made.guests()) == ("retired", guests, guests)
    assert made.writes()[-1] == "delete_application"


def test_the_store_names_accounts_that_the_log_has_forgotten(world):
    made = Subsidiary(world)
    guests = made.guests()
    world.run(world.doing(harvest_logs))
    # Later than Graph keeps the log, and with nothing new in it.
    made.source.controls.advance(40 * DAY)
    made.target.controls.set_identity_synchronization(made.source_id, None)
    (failed,) = made.retire().instances
    assert (failed.failure.code, set(guests) <= set(failed.accounts_left)) == ("GuestsStay", True)


def test_a_job_that_the_target_no_longer_lets_in_has_its_own_cause_and_is_not_restarted(world):
    made = Subsidiary(world)
    made.target.controls.set_identity_synchronization(made.source_id, False)
    made.source.controls.advance(DAY)
    (reading,) = [
        each
        for each in world.run(world.doing(monitor_fleet, made.fleet)).readings
        if each.target.service_principal_id == made.principal_id
    ]
    assert (reading.health.state, reading.triage.proposal.action) == ("quarantined", "allow-synchronization")
    job = reading.observation(made.source_id, "contoso", world.read_utc_now())
    assert choose_reaction("contoso", made.key, job, reading.triage).restart_refused


def closing_at_the_restart(made):
    """Have the target take its policy away just before the job is restarted."""

    def close(request, transport):
        if request.url.path.endswith("/restart"):
            made.target.controls.set_identity_synchronization(made.source_id, False)
        return transport.handle_async_request(request)

    return close


def test_guests_whose_way_closes_while_they_leave_stay_by_force_and_are_named(world):
    made = Subsidiary(world)
    guests = made.guests()
    world.on_request = closing_at_the_restart(made)
    (retired,) = made.retire(force=True).instances
    assert (retired.outcome, list(retired.accounts_left), made.guests()) == ("retired", guests, guests)


def test_a_way_that_closes_while_the_guests_leave_stops_the_retirement(world):
    made = Subsidiary(world)
    guests = made.guests()
    world.on_request = closing_at_the_restart(made)
    (failed,) = made.retire().instances
    assert (failed.failure.code, made.guests()) == ("GuestsStay", guests)
    assert "delete_job" not in made.writes()
    world.on_request = None
    # Allowed again, it goes on.
    made.target.controls.set_identity_synchronization(made.source_id, True)
    assert (made.retire().summary["retired"], made.guests()) == (1, [])


@pytest.mark.parametrize("force", [False, True])
def test_deletions_that_do_not_show_in_time_keep_the_job_even_by_force(world, force):
    made = Subsidiary(world)
    with use_wait_limits(replace(HASTY, deprovision_seconds=30.0, deprovision_interval_seconds=5.0)):
        (failed,) = made.retire(force=force).instances
    assert failed.failure.code == "DeprovisioningUnfinished"
    assert "delete_job" not in made.writes()
    made.source.controls.advance(300)
    made.forget()
    (retired,) = made.retire().instances
    assert (retired.outcome, made.writes()) == ("retired", ["validate_job_credentials", *DELETE])


def test_policies_go_with_it_on_both_sides_and_only_those_that_were_given(world):
    made = Subsidiary(world)
    outcome = made.retire(policies=True)
    assert (outcome.summary["retired"], outcome.instances[0].policies_left) == (1, ())
    assert (made.guests(), made.partners()) == ([], (None, None, None))
    assert made.target_writes() == ["delete_identity_synchronization", "patch_partner", "delete_partner"]
    assert made.writes()[-2:] == ["patch_partner", "delete_partner"]
    made.forget()
    assert (made.retire(policies=True).summary["unchanged"], made.writes(), made.target_writes()) == (1, [], [])


@pytest.mark.parametrize("switched", [{"entry_counts": "highest"}, {"guest_removal": "disable"}], ids=str)
def test_what_is_not_known_of_deletions_makes_no_difference(tmp_path, switched):
    with two_tenants(tmp_path, **switched) as world:
        made = Subsidiary(world)
        assert len(made.guests()) == 3
        assert (made.retire().summary["retired"], made.guests()) == (1, [])
        made.forget()
        assert (made.retire().summary["unchanged"], made.writes()) == (1, [])


def test_what_others_have_set_for_the_same_partner_stays_as_it_is(world):
    made = Subsidiary(world, foreign=FOREIGN)
    before = made.partners()
    assert made.retire(policies=True).summary["retired"] == 1
    source, target, synchronization = made.partners()
    closed = {"automaticUserConsentSettings": {"inboundAllowed": None, "outboundAllowed": False}}
    assert source == before[0] | closed
    closed = {"automaticUserConsentSettings": {"inboundAllowed": False, "outboundAllowed": None}}
    assert (target, synchronization) == (before[1] | closed, None)


def test_a_partner_that_others_have_come_to_use_is_left_and_named(world):
    made = Subsidiary(world)
    made.target.controls.edit_partner(made.source_id, FOREIGN)
    (retired,) = made.retire(policies=True).instances
    assert (retired.outcome, retired.policies_left) == ("retired", ("target.partner",))
    source, target, _ = made.partners()
    assert (source, target["inboundTrust"]) == (None, FOREIGN["inboundTrust"])
    assert made.retire(policies=True).summary["unchanged"] == 1


@pytest.mark.parametrize("operation", ["delete_identity_synchronization", "patch_partner", "delete_partner"])
def test_not_found_about_what_exists_leaves_no_access_behind(world, operation):
    made = Subsidiary(world)
    made.target.controls.add_faults([read_fault(f"{operation}#1: 404")])
    assert made.retire(policies=True).summary["retired"] == 1
    assert made.partners() == (None, None, None)


def test_access_that_others_took_away_is_not_given_back_and_the_empty_partner_goes(world):
    made = Subsidiary(world)
    made.retire()
    made.target.controls.set_identity_synchronization(made.source_id, False)
    made.target.controls.edit_partner(made.source_id, {"automaticUserConsentSettings": {"inboundAllowed": False}})
    made.forget()
    assert (made.retire(policies=True).summary["retired"], made.partners()) == (1, (None, None, None))
    assert made.target_writes() == ["delete_identity_synchronization", "delete_partner"]


@pytest.mark.parametrize("given", [True, False])
def test_groups_that_others_allowed_stay_allowed(world, given):
    made = Subsidiary(world, given=(*GIVEN, ("target", "groups")) if given else GIVEN)
    made.target.tenant.partners.patch_synchronization(
        made.source_id, {"groupSyncInbound": {"isSyncAllowed": True}}, made.source.clock.now()
    )
    (retired,) = made.retire(policies=True).instances
    assert (retired.outcome, retired.policies_left) == ("retired", () if given else ("target.partner",))
    _, _, synchronization = made.partners()
    if given:
        assert synchronization is None
    else:
        assert synchronization["userSyncInbound"] == {"isSyncAllowed": False}
        assert synchronization["groupSyncInbound"] == {"isSyncAllowed": True}


def test_replicas_that_show_old_policies_leave_nothing_behind(tmp_path):
    with two_tenants(tmp_path, change_lag_seconds=0.5) as lagging:
        made = Subsidiary(lagging)
        (retired,) = made.retire(policies=True).instances
        assert (retired.outcome, retired.policies_left) == ("retired", ())
        assert (made.guests(), made.partners()) == ([], (None, None, None))


def test_policies_are_withdrawn_later_too_but_not_without_a_way_to_sign_in(world):
    made = Subsidiary(world)
    made.retire()
    without = {**made.fleet, "instances": made.fleet["instances"][:1]}
    (failed,) = world.run(world.doing(retire, without, [made.key], policies=True)).instances
    assert failed.failure.code == "TargetSignInMissing"
    assert (made.retire(policies=True).summary["retired"], made.partners()) == (1, (None, None, None))


def test_policies_stay_as_long_as_a_second_application_has_the_key(world):
    made = Subsidiary(world)
    settle(made.source, made.key, "Fabrikam again")
    before = made.partners()
    (first, *_) = [each["id"] for each in world.applications()[f"entra-fleet:contoso:{made.key}"]]
    (retired,) = made.retire(policies=True, application_id=first).instances
    assert (retired.outcome, made.partners()) == ("retired", before)


OPERATIONS = ["pause_job", "put_secrets", "unassign", "restart_job", "get_job", "delete_job", "delete_partner"]


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_run_that_ends_between_any_two_calls_is_finished_by_the_next(world, operation, after_commit):
    made = Subsidiary(world, SkipOutOfScopeDeletions="True")
    # A refusal that nothing repeats ends the run of the instance there, like a crash.
    rule = FaultRule("status", status=400, operation=operation, occurrence=1, after_commit=after_commit)
    made.source.controls.add_faults([rule])
    assert made.retire(policies=True).failed == 1
    is_finished(made)


def is_finished(made):
    """A second run completes the first, and a third has nothing to do."""
    outcome = made.retire(policies=True)
    assert [str(each.failure) for each in outcome.instances if each.failure] == []
    assert (made.guests(), made.partners()) == ([], (None, None, None))
    assert not made.source.tenant.directory.live["application"]
    made.forget()
    assert (made.retire(policies=True).summary["unchanged"], made.writes(), made.target_writes()) == (1, [], [])


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
def test_interrupted_at_some_requests(world, after_commit):
    interrupt(world, count(1 + after_commit, 9), after_commit=after_commit)


@pytest.mark.proof
@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
def test_interrupted_at_every_request(world, after_commit):
    interrupt(world, count(1), after_commit=after_commit)


def interrupt(world, occurrences, *, after_commit):
    """End the run at its n-th request to either tenant, as Ctrl-C does; the next one completes it."""
    for occurrence in occurrences:
        made = Subsidiary(world, SkipOutOfScopeDeletions="True")
        world.on_request = Interruption(occurrence, after_commit=after_commit)
        try:
            run = world.doing(retire, made.fleet, [made.key], policies=True)
            world.run(interruptible(world.on_request, run))
        except asyncio.CancelledError:
            pass
        else:
            assert occurrence > 1
            return
        world.on_request = None
        is_finished(made)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_fault_at_every_third_call_of_the_way_back(world, side):
    for turn in count():
        # Seven and the number of faults have no common divisor: each is met as often as any other.
        if not survived(world, side, FAULTS[7 * turn % len(FAULTS)], 3 * turn + 1):
            break
    assert turn > 1


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_at_every_call_of_the_way_back(world, side, fault):
    for occurrence in count(1):
        if not survived(world, side, fault, occurrence):
            break


def survived(world, side, fault, occurrence):
    """Whether the run had so many requests there; then a fault struck that one, and all was well in the end."""
    made = Subsidiary(world, SkipOutOfScopeDeletions="True")
    emulator = made.source if side == "source" else made.target
    emulator.controls.add_faults([read_fault(f"*#{occurrence}: {fault}")])
    before = emulator.controls.requests_seen
    try:
        ended = [str(each.failure or each.outcome) for each in made.retire(policies=True).instances]
    except (GraphError, StepFailed) as error:
        ended = str(error)
    if emulator.controls.requests_seen - before < occurrence:
        return False
    emulator.controls.clear_faults()
    struck = [record.operation for record in emulator.requests if record.fault]
    try:
        is_finished(made)
    except AssertionError as error:
        raise AssertionError(f"{fault} at request {occurrence} of the {side}, {struck}: {ended}\n{error}") from error
    return True
