"""Two runs with one store: one of them writes at a time."""

import asyncio

import pytest

from flows.control_jobs import control_jobs
from flows.errors import FLEET_BUSY, StepFailed
from flows.on_demand import provision_on_demand
from flows.provision import provision_fleet
from flows.restore import restore_schema
from flows.retire import retire_instances
from flows.rotate import rotate_credentials
from flows.shard import provision_shard
from flows.store import LeaseHolder, open_store
from tests.estates import TENANT, fleet, instance
from tests.proof.looks import assert_all_is_well
from tests.proof.world import world as a_world
from tests.store.databases import postgres_database, postgres_url

__all__ = ["postgres_database", "postgres_url"]

KEYS = [f"k{number}" for number in range(6)]
WANTED = fleet(*map(instance, KEYS))
LAG = {"replication_lag_seconds": 4.0, "propagation_seconds": 3.0, "templates_lag_seconds": 6.0}
NO_WAIT = {"wait_minutes": 0}
WRITING = {
    "apply": (provision_fleet, NO_WAIT),
    "canary": (provision_fleet, NO_WAIT | {"canary": 1}),
    "shard": (provision_shard, {"run_id": "a run"}),
    "rotate": (rotate_credentials, NO_WAIT | {"only": KEYS[:1]}),
    "start": (control_jobs, NO_WAIT | {"action": "start"}),
    "pause": (control_jobs, NO_WAIT | {"action": "pause"}),
    "restart": (control_jobs, NO_WAIT | {"action": "restart"}),
    "retire": (retire_instances, NO_WAIT | {"only": KEYS[:1]}),
    "restore": (restore_schema, NO_WAIT | {"key": KEYS[0]}),
}


@pytest.fixture(params=[{}, LAG], ids=["calm", "late"])
def tenant(tmp_path, request):
    with a_world(tmp_path, **request.param) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def store(tenant, request):
    """The one store of both runs."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tenant.new_store()}"


def test_the_second_of_two_applies_finds_everything_done(tenant, store):
    async def both():
        return await asyncio.gather(*(tenant.doing(provision_fleet, WANTED, store=store) for _ in range(2)))

    outcomes = tenant.run(both())
    assert [outcome.failed for outcome in outcomes] == [0, 0]
    assert sorted(outcome.summary["created"] for outcome in outcomes) == [0, 6]
    # The service principals show their tags a little later.
    tenant.time.leap(60)
    assert_all_is_well(tenant, dict.fromkeys(KEYS, "Active"))


@pytest.fixture
def busy(world):
    """A tenant whose fleet another run writes for."""
    world.reset()
    with open_store(f"sqlite:///{world.store}") as opened:
        other = LeaseHolder(tenant_id=TENANT, fleets=frozenset({"contoso"}), command="rotate")
        assert opened.leases.take(other) is None
        yield world
        assert [each.holder for each in opened.leases.holders(TENANT, "contoso")] == [other.holder]


@pytest.mark.parametrize("name", WRITING)
def test_what_writes_ends_while_another_run_writes(busy, name):
    flow, parameters = WRITING[name]
    with pytest.raises(StepFailed) as refused:
        busy.run(busy.doing(flow, WANTED, **parameters))
    assert refused.value.code == FLEET_BUSY
    assert "rotate" in refused.value.message
    assert busy.requests(writes=True) == []


def test_what_writes_nothing_goes_on(busy):
    assert busy.plan(WANTED).has_changes
    with pytest.raises(StepFailed) as refused:
        busy.run(busy.doing(provision_on_demand, WANTED, only=KEYS[:1], users=["nobody"]))
    assert refused.value.code != FLEET_BUSY


def test_a_run_that_lost_its_lease_stops_writing(world):
    world.reset()

    async def take_away(request, graph):
        if request.url.path.endswith("/instantiate"):
            # Longer than the others wait for a renewal: this machine slept, and another one took over.
            with open_store(f"sqlite:///{world.store}") as opened:
                for each in opened.leases.holders(TENANT, "contoso"):
                    opened.leases.release(each.holder)
            await asyncio.sleep(60)
        return await graph.handle_async_request(request)

    world.on_request = take_away
    with pytest.raises(StepFailed) as stopped:
        world.apply(WANTED)
    assert stopped.value.code == "LeaseLost"
    assert world.requests(writes=True) == []
    world.on_request = None
    assert world.apply(WANTED).failed == 0
