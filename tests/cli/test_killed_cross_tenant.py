"""A real `apply` into target tenants, killed at its n-th request in any tenant: the next one completes it."""

from itertools import count

import pytest

from tests.cli.conftest import finished, started
from tests.estates import TENANT
from tests.proof.cross_tenant import cloud_world, fleet_of, is_open, jobs_by_key, mark, name_target, one, writes_of
from tests.proof.deadly import DeadlyCloud

NUMBERS = range(3)
FLEET = fleet_of(*map(one, NUMBERS))


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    """A source and three targets, which other processes reach over TLS."""
    directory = tmp_path_factory.mktemp("killer")
    with (
        cloud_world(directory, len(NUMBERS), cloud=DeadlyCloud) as made,
        made.cloud.serve(port=0, directory=directory) as served,
    ):
        made.served = served
        yield made


@pytest.fixture
def path(write_fleet):
    return write_fleet(FLEET)


@pytest.mark.parametrize(("request_number", "after_commit"), [(13, True), (21, False), (30, True)])
def test_killed_at_some_requests(killer, path, request_number, after_commit):
    assert killed(killer, path, request_number, after_commit=after_commit)


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
def test_killed_at_every_request(killer, path, after_commit):
    for request_number in count(1):
        if not killed(killer, path, request_number, after_commit=after_commit):
            break
    assert request_number > 40


def killed(killer, path, request_number, *, after_commit):
    """Whether the run had so many requests to die of; then it was completed by one in peace, and left no work."""
    killer.reset()
    killer.cloud.doom(request_number, after_commit=after_commit)
    store = f"sqlite:///{killer.store}"
    process = started("apply", path, "--yes", PREFECT_API_URL="", ENTRA_FLEET_STORE=store, **killer.served.environment)
    killer.cloud.victim = process
    result = finished(process)
    killer.cloud.spare()
    if result.code == 0:
        return False
    assert result.code == -9, result
    outcome = killer.apply(str(path))
    assert [str(each.failure) for each in outcome.instances if each.failure] == []
    assert all(is_open(killer, number) for number in NUMBERS)
    assert jobs_by_key(killer) == {f"target-{number}": "Active" for number in NUMBERS}
    assert set(killer.emulator.tenant.partners.bodies) == set(map(name_target, NUMBERS))
    for number in NUMBERS:
        assert list(killer.cloud[name_target(number)].tenant.partners.bodies) == [TENANT]
    since = mark(killer)
    killer.apply(str(path))
    assert writes_of(killer, since) == []
    return True
