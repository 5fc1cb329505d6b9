"""Two applies at once that know nothing of each other: what they cannot prevent, they notice."""

import asyncio
import random
from contextvars import ContextVar
from dataclasses import replace

import pytest

from flows.run import context as connection
from flows.steps.idempotency import use_wait_limits
from flows.store import open_store
from tests.estates import DATABRICKS, HASTY, fleet, instance
from tests.proof.looks import mark_of, states_of_jobs
from tests.proof.world import world as a_world

WANTED = fleet(instance("box"), instance("bricks", DATABRICKS))
# Some requests take a second here, a hundred times as long as others.
PATIENT = replace(HASTY, second_look_seconds=3.0)
LAG = {"replication_lag_seconds": 4.0, "propagation_seconds": 3.0, "templates_lag_seconds": 6.0}

chance = ContextVar("chance")
store = ContextVar("store")


@pytest.fixture(scope="module", params=[{}, LAG], ids=["at once", "late"])
def world(tmp_path_factory, request):
    with a_world(tmp_path_factory.mktemp("world"), **request.param) as made, pytest.MonkeyPatch.context() as patched:
        # The environment has one store for the process; here are two.
        patched.setattr(connection, "open_store", lambda url: open_store(store.get(url)))
        with use_wait_limits(PATIENT):
            yield made


@pytest.mark.parametrize("seed", range(12))
def test_of_two_neither_is_started(world, seed):
    race(world, seed)


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(10))
def test_of_two_neither_is_started_in_any_order_of_events(world, part):
    for seed in range(100 + part * 50, 150 + part * 50):
        race(world, seed)


def race(world, seed):
    world.reset()
    # In half of the races nobody may create before both have looked.
    world.on_request = Course(together=seed % 2 == 0)
    outcomes = world.run(both(world, seed))
    doubles = check_what_they_left(world, outcomes)
    world.on_request = None
    check_a_later_run(world, doubles)


async def both(world, seed):
    dice = random.Random(seed)
    return await asyncio.gather(
        one(world, dice.random(), delay_seconds=0.0), one(world, dice.random(), delay_seconds=dice.random() / 2)
    )


async def one(world, seed, delay_seconds):
    chance.set(random.Random(seed))
    store.set(f"sqlite:///{world.new_store()}")
    await asyncio.sleep(delay_seconds)
    return await world.applying(WANTED)


class Course:
    """Lets each request take its own time, and the first creations of both runs happen at once."""

    def __init__(self, *, together):
        self._together = asyncio.Event()
        self._creations = 0 if together else 2

    async def __call__(self, request, graph):
        dice = chance.get()
        await asyncio.sleep(dice.random() * dice.choice([0.01, 0.1, 1.0]))
        if request.url.path.endswith("/instantiate"):
            await self._meet()
        return await graph.handle_async_request(request)

    async def _meet(self):
        self._creations += 1
        if self._creations >= 4:
            self._together.set()
        await self._together.wait()


def check_what_they_left(world, outcomes):
    """The keys that got two applications: neither started, and both named by both runs."""
    started = world.operations_by_principal()
    doubles = {}
    for mark, applications in world.applications().items():
        key = mark.rpartition(":")[2].rstrip("]")
        doubles.setdefault(key, []).extend(applications)
    for key, applications in doubles.items():
        failures = [each.failure for outcome in outcomes for each in outcome.instances if each.key == key]
        if len(applications) == 1:
            continue
        assert len(applications) == 2
        running = [name for name in principals_of(world, applications) if "start_job" in started[name]]
        refusals = [failure for failure in failures if failure]
        assert running == []
        assert len(refusals) == 2
        for refusal in refusals:
            assert refusal.code == "TwoApplications"
            assert all(application["id"] in refusal.message for application in applications)
    return {key: applications for key, applications in doubles.items() if len(applications) > 1}


def principals_of(world, applications):
    ids = {application["appId"] for application in applications}
    return [each["id"] for each in world.emulator.controls.state()["servicePrincipals"] if each["appId"] in ids]


def check_a_later_run(world, doubles):
    """It leaves doubles alone, and names them; once somebody has deleted one of them, it completes the other."""
    world.time.leap(60)
    world.forget()
    for each in world.apply(WANTED).instances:
        assert (each.failure is not None) == (each.key in doubles)
        for application in doubles.get(each.key, ()):
            assert each.failure.code == "TwoApplications"
            assert application["id"] in each.failure.message
    left_alone = {principal for applications in doubles.values() for principal in principals_of(world, applications)}
    assert not left_alone & world.operations_by_principal().keys()
    for applications in doubles.values():
        world.emulator.controls.delete(applications[1]["id"])
    assert world.apply(WANTED).failed == 0
    assert states_of_jobs(world) == {"box": "Active", "bricks": "Active"}
    assert sorted(filter(None, map(mark_of, world.emulator.controls.state()["applications"]))) == ["box", "bricks"]
