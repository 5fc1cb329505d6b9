"""A fleet that is spread over deployment runs, on a real server with real workers."""

import pytest

from flows.environment import with_variables
from flows.store import open_store
from tests.e2e.processes import Processes
from tests.estates import estate, fleet, instance
from tests.proof import invariants

WRITES, SECONDS = 90, 15.0


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A throttled tenant, a server and two workers."""
    directory = tmp_path_factory.mktemp("shards")
    limits = {"throttling": True, "writes_per_window": WRITES, "write_window_seconds": SECONDS}
    with estate(directory / "tenant", **limits) as tenant:
        made = Processes(directory, {"ENTRA_FLEET_WRITE_BUDGET": f"{WRITES}/{SECONDS}"})
        try:
            made.start_server()
            made.deploy()
            made.start_worker()
            made.tenant = tenant
            made.store = f"sqlite:///{directory / 'tenant' / 'store.db'}"
            yield made
        finally:
            made.stop()


def wanted(count, **fields):
    return fleet(*(instance(f"k{n}", **fields) for n in range(count)))


def test_a_large_fleet_is_provisioned_by_shards(site):
    run_id = site.run({"fleet": wanted(7), "shard_size": 3, "shards_at_once": 2})
    run = site.ended(run_id)
    assert (run["state"]["name"], run["state"]["message"]) == ("Completed", "7 created"), site.log()
    invariants.assert_one_application_a_key(site.tenant, [f"k{n}" for n in range(7)])
    assert [shard["name"] for shard in site.shards()] == ["contoso 1 of 3", "contoso 2 of 3", "contoso 3 of 3"]
