"""No job begins to run with credentials that nobody has validated, however it comes to be started."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from flows.configuration.environment import add_prefect_variables
from flows.control_jobs import control_jobs
from graph_emulator.faults.rules import read_fault
from tests.estates import fleet, instance
from tests.proof.looks import states_of_jobs
from tests.proof.start_machine import StartMachine
from tests.proof.starts import Starts

ONE = fleet(instance("one"))


@pytest.fixture
def watched(world):
    world.reset()
    world.on_request = Starts(world.emulator)
    yield world
    world.on_request = None


def writes(world):
    return [record.operation for record in world.requests(writes=True)]


def made_in_the_portal(world, token):
    """An application with a job that was never started, and what somebody saved for it."""
    world.apply(fleet(instance("one", job="unmanaged")))
    (principal,) = world.emulator.controls.state()["servicePrincipals"]
    (application,) = world.emulator.controls.state()["applications"]
    world.emulator.controls.edit(application["id"], {"tags": [], "displayName": "Theirs"})
    world.emulator.controls.edit_secrets(principal["id"], {"SecretToken": token})
    world.forget()
    return fleet(instance("one", adopt=application["id"]))


def test_an_adopted_job_is_not_started_with_what_does_not_work(watched):
    wanted = made_in_the_portal(watched, "a wrong token")
    (refused,) = watched.apply(wanted).instances
    assert (refused.failure.step, states_of_jobs(watched)) == ("validate-saved-credentials", {"one": "Disabled"})
    watched.forget()
    planned = watched.plan(wanted, save_credentials=True)
    (started,) = watched.apply(wanted, save_credentials=True).instances
    assert (started.failure, writes(watched)) == (None, ["validate_job_credentials", "put_secrets", "start_job"])
    assert planned.writes == 3


def test_an_adopted_job_is_started_with_what_works(watched):
    wanted = made_in_the_portal(watched, "their own token")
    planned = watched.plan(wanted)
    assert watched.apply(wanted).failed == 0
    assert writes(watched) == ["patch_application", "validate_job_credentials", "start_job"]
    assert planned.writes == 3
    watched.forget()
    watched.apply(wanted)
    assert writes(watched) == []


@pytest.mark.parametrize("works", [True, False])
def test_what_failed_to_start_is_validated_again_by_the_next_run(watched, works):
    watched.emulator.controls.add_faults([read_fault("start_job#1: 400")])
    (refused,) = watched.apply(ONE).instances
    assert refused.failure.step == "start-job"
    if not works:
        watched.emulator.controls.reject_secret("good")
    watched.forget()
    (again,) = watched.apply(ONE).instances
    assert writes(watched) == ["validate_job_credentials", *(["start_job"] if works else [])]
    assert (again.failure is None) is works


def test_what_was_saved_without_an_answer_is_validated_before_its_start(watched):
    watched.emulator.controls.add_faults([read_fault("put_secrets x9: commit, then 503")])
    assert watched.apply(ONE).failed == 1
    watched.emulator.controls.clear_faults()
    watched.forget()
    assert watched.apply(ONE).failed == 0
    assert writes(watched) == ["validate_job_credentials", "start_job"]


def test_a_job_that_never_ran_is_not_restarted_unproven(watched):
    watched.apply(fleet(instance("one", job="unmanaged")))
    ((job,),) = [jobs for jobs in watched.jobs().values() if jobs]
    watched.emulator.controls.quarantine(job["id"])
    (principal,) = watched.emulator.controls.state()["servicePrincipals"]
    watched.emulator.controls.edit_secrets(principal["id"], {"SecretToken": "a wrong token"})
    watched.forget()
    outcome = watched.run(watched.doing(control_jobs, ONE, "restart"))
    assert (outcome.failed, writes(watched)) == (1, ["validate_job_credentials"])


def test_a_new_instance_takes_no_more_requests_for_it(watched):
    watched.apply(ONE)
    assert [each for each in writes(watched) if "valid" in each or "secrets" in each or "start" in each] == [
        "validate_credentials",
        "put_secrets",
        "start_job",
    ]


@pytest.fixture
def machine(world):
    yield type("Machine", (StartMachine,), {"world": world})
    world.on_request = None


def test_few_stories_start_nothing_unproven(machine):
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=15))


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_many_stories_start_nothing_unproven(machine):
    run_state_machine_as_test(
        machine, settings=settings(max_examples=1000, stateful_step_count=30, derandomize=False, print_blob=True)
    )


def test_a_secret_that_was_replaced_is_saved_before_the_start_it_is_for(watched):
    watched.emulator.controls.add_faults([read_fault("start_job#1: 400")])
    watched.apply(ONE)
    watched.emulator.controls.reject_secret("good")
    watched.forget()
    with add_prefect_variables({"TOKEN": "good as new"}):
        assert watched.apply(ONE).failed == 0
    assert writes(watched) == ["validate_job_credentials", "put_secrets", "start_job"]
