"""A real `apply`, killed when it sends its n-th request: the next one completes it, and makes nothing twice."""

from itertools import count

import pytest

from tests.cli.conftest import finished, started
from tests.estates import DATABRICKS, fleet, instance
from tests.proof.deadly import DeadlyEmulator
from tests.proof.looks import assert_all_is_well
from tests.proof.world import world

STATES = {"box": "Active", "bricks": "Active"}


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    """A world whose tenant other processes reach over TLS."""
    directory = tmp_path_factory.mktemp("killer")
    with world(directory, DeadlyEmulator) as made, made.emulator.serve(port=0, directory=directory) as served:
        made.served = served
        yield made


@pytest.fixture
def path(killer, write_fleet):
    state = killer.emulator.controls.state()
    who = [{"user": state["users"][0]["id"]}, {"group": state["groups"][0]["id"]}]
    return write_fleet(wanted(who, state["users"][1]["id"]))


def wanted(who, owner):
    return fleet(instance("box"), instance("bricks", DATABRICKS, assignments=who, owners=[owner]))


@pytest.mark.parametrize(("request_number", "after_commit"), [(4, False), (9, True), (16, True)])
def test_killed_at_some_requests(killer, path, request_number, after_commit):
    assert killed(killer, path, request_number, after_commit=after_commit)


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
def test_killed_at_every_request(killer, path, after_commit):
    for request_number in count(1):
        if not killed(killer, path, request_number, after_commit=after_commit):
            break
    assert request_number > 20


def killed(killer, path, request_number, *, after_commit):
    """Whether the run had so many requests to die of; then it was completed by one in peace, and left no work."""
    killer.reset()
    killer.emulator.doom(request_number, after_commit=after_commit)
    store = f"sqlite:///{killer.store}"
    served = killer.served.environment
    process = started("apply", path, "--yes", PREFECT_API_URL="", ENTRA_FLEET_STORE=store, **served)
    killer.emulator.victim = process
    result = finished(process)
    killer.emulator.spare()
    if result.code == 0:
        return False
    assert result.code == -9, result
    outcome = killer.apply(str(path))
    assert [str(each.failure) for each in outcome.instances if each.failure] == []
    assert_all_is_well(killer, STATES)
    killer.forget()
    killer.apply(str(path))
    assert killer.requests(writes=True) == []
    return True
