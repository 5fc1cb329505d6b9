"""Runs that are cancelled, whose worker is killed, or whose server is gone for a while: what is left is finished."""

import asyncio

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.configuration.sign_in import open_client
from flows.fleet_file.loader import fleet_from_object
from flows.plan.diff import diff_fleet
from flows.tenant.observe import observe_fleet
from graph_emulator import Emulator, EmulatorSettings
from tests.e2e.processes import Processes, descendants, kill, kill_all
from tests.e2e.runs import wait_until
from tests.e2e.worker_here import worker_here
from tests.estates import QUICK, Estate, a_minute_behind, fleet, instance
from tests.proof import invariants
from tests.proof.looks import states_of_jobs

# Some processes of Prefect are started in each, at two seconds of work apiece and more.
pytestmark = pytest.mark.timeout(900)

KEYS = [f"k{n}" for n in range(4)]
ALONE = {"shard_size": 100}
SPLIT = {"shard_size": 2, "shards_at_once": 2}
MIDDLE = 3 * len(KEYS)
"""The write at which it happens: half of them are done by then."""


class Eventful(Emulator):
    """A tenant where something happens at the n-th write: it is done, but not answered before, nor is anything else."""

    happened = True

    def at_a_write(self, number, happen):
        self._left, self._happen, self.happened = number, happen, False

    def handle(self, request):
        answer = super().handle(request)
        writes = request.method != "GET" and request.path.startswith("/v1.0/") and request.path != "/v1.0/$batch"
        if writes and not self.happened:
            self._left -= 1
            if self._left == 0:
                self._happen()
                self.happened = True
        return answer


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A tenant at whose n-th request something happens, and a server."""
    directory = tmp_path_factory.mktemp("cut")
    emulator = Eventful(EmulatorSettings(**QUICK), a_minute_behind())
    with emulator.serve(port=0, directory=directory) as served:
        store = f"sqlite:///{directory / 'store.db'}"
        variables = {**served.environment, "ENTRA_FLEET_STORE": store, "TOKEN": "good"}
        with add_prefect_variables(variables):
            made = Processes(directory, {})
            try:
                made.start_server()
                made.deploy()
                made.tenant = Estate(emulator, served)
                yield made
            finally:
                made.stop()


@pytest.fixture(autouse=True)
def new_tenant(site):
    site.tenant.emulator.controls.reset()
    site.tenant.forget()
    yield
    site.kill_workers()


def here(site, limit=None):
    """A worker that nobody kills."""
    return worker_here(site.api_url, site.pool, limit)


def in_the_middle(site, happen):
    """Have something happen in the middle of the next run; call what is returned to wait for it."""
    site.tenant.emulator.at_a_write(MIDDLE, happen)
    return lambda: wait_until(lambda: site.tenant.emulator.happened, "it happens")


def wanted(name):
    return fleet(*map(instance, KEYS), fleet=name)


def retried(site, run_id):
    """A run after its Retry button was pressed, once it has ended."""
    count = site.read(run_id)["run_count"]
    site.set_state(run_id, "SCHEDULED")
    wait_until(lambda: site.read(run_id)["run_count"] > count, "it runs again")
    return site.ended(run_id)


def assert_finished(site, run, name):
    """All is there once, in its order, and running; and there is nothing more to do."""
    assert (run["state"]["name"], run["state_type"]) == ("Completed", "COMPLETED"), (run["state"], site.log())
    invariants.assert_one_application_a_key(site.tenant, KEYS, name)
    invariants.assert_one_job_each(site.tenant)
    invariants.assert_in_order(site.tenant)
    assert states_of_jobs(site.tenant) == dict.fromkeys(KEYS, "Active")
    assert asyncio.run(planned(name)).writes == 0


async def planned(name):
    """What an apply would do."""
    document = fleet_from_object(wanted(name))
    async with open_client(None) as (graph, _):
        return diff_fleet(document, await observe_fleet(graph, document))


@pytest.mark.proof  # the one after it kills a worker
def test_a_killed_worker_is_made_good_by_the_retry_of_its_run(site):
    worker = site.start_worker()
    killed = in_the_middle(site, lambda: kill_all(worker))
    run_id = site.run({"fleet": wanted("alone")} | ALONE)
    killed()
    # Nobody is left to say so: in production that is the automation for runs without a heartbeat.
    site.set_state(run_id, "CRASHED")
    site.start_worker()
    assert_finished(site, retried(site, run_id), "alone")


# tests/cli/test_killed.py kills an apply, and test_dead_runs.py has the runs of a killed worker.
@pytest.mark.long
def test_a_killed_worker_costs_its_shards_time_and_the_apply_goes_on(site):
    with here(site, limit=1):
        run_id = site.run({"fleet": wanted("split")} | SPLIT)
        wait_until(lambda: len(site.shards("split")) == 2, "a worker has the apply, and none is left for its shards")
        worker = site.start_worker()
        killed = in_the_middle(site, lambda: kill_all(worker))
        killed()
        shards = site.shards("split")
        for shard in shards:
            site.set_state(shard["id"], "CRASHED")
        with here(site):
            assert_finished(site, site.ended(run_id), "split")
    assert len(site.shards("split")) == 2 * len(shards)


@pytest.mark.proof  # the ones before it kill a worker, and its shards
def test_the_retry_of_an_apply_waits_for_the_shards_it_has_already(site):
    first = site.start_worker(limit=1)
    run_id = site.run({"fleet": wanted("attached")} | SPLIT)
    wait_until(lambda: len(site.shards("attached")) == 2, "the shards are started")

    def lose_the_apply():
        for pid in descendants(first.pid):
            kill(pid)

    killed = in_the_middle(site, lose_the_apply)
    site.start_worker()
    killed()
    wait_until(lambda: site.read(run_id)["state_type"] == "CRASHED", "the worker says that its run is gone")
    # It says so twice, half a second apart, and the second time would crash a retry.
    kill_all(first)
    assert_finished(site, retried(site, run_id), "attached")
    assert {shard["state"]["name"] for shard in site.shards("attached")} == {"Completed"}
    assert len(site.shards("attached")) == 2


@pytest.mark.long
def test_a_cancelled_apply_takes_its_shards_with_it_and_a_new_one_finishes(site):
    site.start_worker()

    def cancel():
        site.set_state(run_id, "CANCELLING")
        for each in (run_id, *(shard["id"] for shard in site.shards("cancelled"))):
            site.ended(each)

    cancelled = in_the_middle(site, cancel)
    run_id = site.run({"fleet": wanted("cancelled")} | SPLIT)
    cancelled()
    assert site.read(run_id)["state_type"] == "CANCELLED"
    assert {shard["state_type"] for shard in site.shards("cancelled")} == {"CANCELLED"}
    site.kill_workers()
    with here(site):
        assert_finished(site, site.ended(site.run({"fleet": wanted("cancelled")} | ALONE)), "cancelled")


@pytest.mark.long
def test_a_server_that_is_gone_for_a_while_stops_nothing(site):
    def restart():
        site.kill_server()
        site.start_server()

    restarted = in_the_middle(site, restart)
    with here(site):
        run_id = site.run({"fleet": wanted("restarted")} | SPLIT)
        restarted()
        assert_finished(site, site.ended(run_id), "restarted")
