"""Every fault at every request of a run: repeated in peace, the run ends as if nothing had happened."""

from itertools import count

import pytest

from flows.errors import StepFailed
from graph_client.errors import GraphError
from graph_emulator.faults.rules import read_fault
from tests.proof.looks import assert_all_is_well
from tests.proof.stories import IN_TURN, STORIES

LOSSES = ["429", "500", "502", "503", "504", "404", "reset", "html 502"]
FAULTS = [
    *LOSSES,
    *(f"commit, then {each}" for each in LOSSES),
    "truncate",
    "429 retry after 86400",
    "403",
    "409",
    "hostile next link",
    "expired token",
    "unknown enum",
    "missing schedule",
]
AN_HOUR = 3600.0


@pytest.mark.parametrize("story", IN_TURN)
def test_a_fault_at_every_third_request(world, story):
    number = list(STORIES).index(story)
    # Seven and the number of faults have no common divisor: each is met as often as any other.
    for turn in count():
        if not survived(world, STORIES[story], FAULTS[(7 * turn + number) % len(FAULTS)], 3 * turn + 1 + number % 3):
            break


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_at_every_request(world, story, fault):
    for occurrence in count(1):
        if not survived(world, STORIES[story], fault, occurrence):
            break


def survived(world, story, fault, occurrence):
    """Whether the run had so many requests; then a fault struck that one, and the tenant got over it."""
    world.begin_with(story.prepare)
    world.emulator.controls.add_faults([read_fault(f"*#{occurrence}: {fault}")])
    before = world.emulator.controls.requests_seen
    ended = attempt(world, story)
    if world.emulator.controls.requests_seen - before < occurrence:
        return False
    world.emulator.controls.clear_faults()
    struck = [record.operation for record in world.emulator.requests if record.fault]
    try:
        repeated_in_peace(world, story)
    except AssertionError as error:
        raise AssertionError(f"{fault} at request {occurrence}, {struck}: {ended}\n{error}") from error
    return True


def attempt(world, story):
    """How a run ended, which may fail in words of ours, and within an hour."""
    began = world.time.now()
    try:
        outcome = world.run(story.act(world))
        ended = [str(each.failure or each.outcome) for each in outcome.instances]
    except (GraphError, StepFailed) as error:
        ended = str(error)
    assert world.time.now() - began < AN_HOUR
    return ended


def repeated_in_peace(world, story):
    """A second run completes the first, and a third has nothing to do."""
    outcome = world.run(story.act(world))
    assert [str(each.failure) for each in outcome.instances if each.failure] == []
    assert_all_is_well(world, story.states)
    world.forget()
    world.run(story.act(world))
    assert not (story.settles and world.requests(writes=True))
    assert_all_is_well(world, story.states)
