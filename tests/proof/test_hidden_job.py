"""A job that the plan did not see, because a replica answered as if there were none."""

import pytest

from graph_emulator.faults.rules import read_fault
from tests.estates import fleet, instance
from tests.proof.looks import states_of_jobs


@pytest.mark.parametrize(
    ("meddle", "state"),
    [
        (lambda controls, job: controls.act_on_job(job, "pause"), "Paused"),
        (lambda controls, job: controls.quarantine(job), "Quarantine"),
        (lambda controls, job: None, "Active"),
    ],
    ids=["paused", "quarantined", "running"],
)
def test_it_is_not_started_over_the_head_of_whoever_holds_it(world, meddle, state):
    world.reset()
    wanted = fleet(instance("one"))
    (made,) = world.apply(wanted).instances
    meddle(world.emulator.controls, made.job_id)
    world.forget()
    world.emulator.controls.add_faults([read_fault("list_jobs x2: 404")])
    (hidden,) = world.apply(wanted).instances
    assert (hidden.failure.step, hidden.failure.code) == ("create-job", "JobUnforeseen")
    (seen,) = world.apply(wanted).instances
    assert (seen.outcome, states_of_jobs(world)) == ("unchanged", {"one": state})
    assert {record.operation for record in world.requests(writes=True)} <= {"validate_credentials"}
