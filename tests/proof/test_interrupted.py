"""A run that is interrupted when it sends its n-th request stops there; the next one completes it."""

import asyncio
from itertools import count

import pytest

from tests.proof.stories import IN_TURN, STORIES
from tests.proof.test_fault_matrix import repeated_in_peace

STEP = 13


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", IN_TURN)
def test_interrupted_at_some_requests(world, story, after_commit):
    interrupt(world, STORIES[story], count(1 + after_commit, STEP), after_commit=after_commit)


@pytest.mark.proof
@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_interrupted_at_every_request(world, story, after_commit):
    interrupt(world, STORIES[story], count(1), after_commit=after_commit)


def interrupt(world, story, occurrences, *, after_commit):
    for occurrence in occurrences:
        world.begin_with(story.prepare)
        world.on_request = Interruption(occurrence, after_commit=after_commit)
        try:
            world.run(interruptible(world.on_request, story.act(world)))
        except asyncio.CancelledError:
            pass
        else:
            return
        world.on_request = None
        repeated_in_peace(world, story)


async def interruptible(interruption, run):
    """A run that the interruption knows."""
    interruption.run = asyncio.current_task()
    return await run


class Interruption:
    """Cancels the run, as Ctrl-C does, at its n-th request."""

    def __init__(self, occurrence, *, after_commit):
        self._left = occurrence
        self._after_commit = after_commit

    async def __call__(self, request, graph):
        self._left -= 1
        if self._left:
            return await graph.handle_async_request(request)
        if self._after_commit:
            await graph.handle_async_request(request)
        self.run.cancel()
        return await asyncio.Event().wait()
