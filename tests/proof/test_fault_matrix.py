"""Every fault at every request of an apply: repeated in peace, the apply ends as if nothing had happened."""

from itertools import count

import pytest

from graph_client.errors import GraphError
from graph_emulator.fault_words import read_fault
from tests.proof.stories import STORIES, assert_all_is_well

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
STEP = 23
AN_HOUR = 3600.0


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize(("number", "fault"), list(enumerate(FAULTS)), ids=FAULTS)
def test_a_fault_at_some_requests(world, story, number, fault):
    # Each fault begins elsewhere, so that together they meet every request.
    strike(world, STORIES[story], fault, count(1 + number % STEP, STEP))


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_every_request(world, story, fault):
    strike(world, STORIES[story], fault, count(1))


def strike(world, story, fault, occurrences):
    for occurrence in occurrences:
        world.reset()
        story.prepare(world)
        wanted = story.wanted(world)
        world.emulator.add_faults([read_fault(f"*#{occurrence}: {fault}")])
        seen = world.emulator.requests_seen
        first = attempt(world, wanted)
        if world.emulator.requests_seen - seen < occurrence:
            return
        struck = [record.operation for record in world.emulator.requests if record.fault]
        world.emulator.faults.clear()
        try:
            repeated_in_peace(world, story, wanted)
        except AssertionError as error:
            raise AssertionError(f"request {occurrence}, {struck}: {first}\n{error}") from error


def attempt(world, wanted):
    """How an apply ended, which may fail in words of ours, and within an hour."""
    began = world.time.now()
    try:
        outcome = world.apply(wanted)
        ended = [str(each.failure or each.outcome) for each in outcome.instances]
    except GraphError as error:
        ended = str(error)
    assert world.time.now() - began < AN_HOUR
    return ended


def repeated_in_peace(world, story, wanted):
    """A second apply completes the first, and a third has nothing to do."""
    outcome = world.apply(wanted)
    assert [str(each.failure) for each in outcome.instances if each.failure] == []
    assert_all_is_well(world, story)
    world.forget()
    world.apply(wanted)
    assert world.requests(writes=True) == []
