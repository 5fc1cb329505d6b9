"""Two real applies at once, in a tenant that shows new applications late."""

import json
import os

import pytest

from flows.configuration.environment import environment
from flows.store import LeaseHolder, open_store
from graph_emulator import Emulator
from tests.cli.conftest import finished, started
from tests.estates import TENANT, estate, fleet, instance
from tests.proof.looks import states_of_jobs
from tests.proof.world import world

WANTED = fleet(instance("box"), instance("crate"))


class Twins(Emulator):
    """A tenant where nothing new is seen before each of the two runs has created everything."""

    pass_time = staticmethod(lambda: None)

    def handle(self, request):
        answer = super().handle(request)
        creations = sum(record.operation == "instantiate" for record in self.requests)
        if creations == 2 * len(WANTED["instances"]):
            self.pass_time()
        return answer


@pytest.fixture
def tenant(tmp_path):
    with (
        world(tmp_path, Twins, replication_lag_seconds=4.0, propagation_seconds=3.0) as made,
        made.emulator.serve(port=0, directory=tmp_path) as served,
    ):
        made.served = served
        made.emulator.pass_time = lambda: made.time.leap(0.5)
        yield made


def test_doubles_are_named_by_who_sees_them_and_left_alone_by_later_runs(tenant, tmp_path, write_fleet, prefect_server):
    path = write_fleet(WANTED)
    variables = {**tenant.served.environment, "PREFECT_API_URL": prefect_server.api_url}
    runs = [
        started(
            "apply", path, "--yes", "--output", "json", ENTRA_FLEET_STORE=f"sqlite:///{tenant.new_store()}", **variables
        )
        for _ in range(2)
    ]
    results = [finished(run) for run in runs]
    ids = {mark: {each["id"] for each in found} for mark, found in tenant.applications().items()}
    assert sorted(map(len, ids.values())) == [2, 2]
    refusals = [
        (each["key"], each["error"])
        for result in results
        for each in json.loads(result.out)["instances"]
        if each["outcome"] == "failed"
    ]
    assert states_of_jobs(tenant) == {}
    for key in ("box", "crate"):
        errors = [error for named, error in refusals if named == key]
        assert len(errors) == 2
        for error in errors:
            assert error["code"] == "TwoApplications"
            assert all(application in error["message"] for application in ids[f"entra-fleet:contoso:{key}"])
    tenant.forget()
    later = finished(started("apply", path, "--yes", ENTRA_FLEET_STORE=f"sqlite:///{tenant.store}", **variables))
    assert later.code == 1
    assert tenant.requests(writes=True) == []


@pytest.fixture
def late(tmp_path):
    """A tenant that is reached over TLS only, and shows new applications late."""
    with estate(tmp_path / "late", replication_lag_seconds=1.0, propagation_seconds=1.0) as served:
        yield served


def test_with_one_store_one_of_them_waits_for_the_other(late, write_fleet, prefect_server):
    path = write_fleet(WANTED)
    variables = {"PREFECT_API_URL": prefect_server.api_url, "TOKEN": "good"}
    runs = [started("apply", path, "--yes", "--output", "json", **variables) for _ in range(2)]
    results = [finished(run) for run in runs]
    assert [result.code for result in results] == [0, 0]
    created = [json.loads(result.out)["summary"]["created"] for result in results]
    assert sorted(created) == [0, 2]
    assert sorted(map(len, late.applications().values())) == [1, 1]
    # The one that waited said for whom.
    waited = results[created.index(0)]
    assert f"process {runs[created.index(2)].pid}" in waited.err


def test_while_another_run_writes_the_exit_code_is_3(entra_fleet, late, write_fleet):
    with open_store(environment().store_url) as store:
        other = LeaseHolder(tenant_id=TENANT, fleets=frozenset({"contoso"}), command="rotate")
        assert store.leases.take(other) is None
        variables = {"PREFECT_API_URL": "", "TOKEN": "good"}
        ended = entra_fleet("apply", write_fleet(WANTED), "--yes", "--wait", "0", **variables)
        store.leases.release(other.holder)
    assert (ended.code, ended.out) == (3, "")
    assert f"process {os.getpid()}" in ended.err
    assert len(ended.err.splitlines()) <= 3
    assert late.requests(writes=True) == []
