"""A run that is cut short anywhere is finished by the next, and nothing is made twice."""

import signal
import time

import pytest

from flows.environment import with_variables
from tests.cli.conftest import finished, started
from tests.estates import DATABRICKS, estate, fleet, instance

KEYS = [f"k{n}" for n in range(6)]
FLEET = fleet(*(instance(key, ["Box", DATABRICKS][n % 2]) for n, key in enumerate(KEYS)))


@pytest.fixture
def slow_tenant(tmp_path):
    with estate(tmp_path / "tenant", latency_seconds=0.05) as served, with_variables({"TOKEN": "good"}):
        yield served


def wait_for_writes(tenant, count, process):
    deadline = time.monotonic() + 60
    while len(tenant.requests(writes=True)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline


def one_running_application_for_each_key(tenant):
    assert {tag: len(found) for tag, found in tenant.applications().items()} == {
        f"entra-fleet:contoso:{key}": 1 for key in KEYS
    }
    assert [len(jobs) for jobs in tenant.jobs().values()] == [1] * len(KEYS)
    assert {jobs[0]["schedule"]["state"] for jobs in tenant.jobs().values()} == {"Active"}
    for operations in tenant.operations_by_principal().values():
        assert (
            operations.index("validate_credentials") < operations.index("put_secrets") < operations.index("start_job")
        )


@pytest.mark.parametrize("writes", [1, 8, 20])
def test_ctrl_c_ends_with_130_and_the_next_apply_completes(
    slow_tenant, write_fleet, prefect_server, entra_fleet, writes
):
    path = write_fleet(FLEET)
    process = started("apply", path, "--yes", "--concurrency", "3", PREFECT_API_URL=prefect_server.api_url)
    wait_for_writes(slow_tenant, writes, process)
    process.send_signal(signal.SIGINT)
    result = finished(process)
    assert result.code == 130
    assert "Traceback" not in result.err
    assert len(result.err.splitlines()) <= 3
    completed = entra_fleet("apply", path, "--yes", PREFECT_API_URL=prefect_server.api_url)
    assert (completed.err, completed.code) == ("", 0)
    one_running_application_for_each_key(slow_tenant)


@pytest.mark.parametrize("writes", [1, 2, 5, 9, 14, 25])
def test_a_killed_run_is_completed_by_the_next(slow_tenant, write_fleet, prefect_server, entra_fleet, writes):
    path = write_fleet(FLEET)
    process = started("apply", path, "--yes", "--concurrency", "3", PREFECT_API_URL=prefect_server.api_url)
    wait_for_writes(slow_tenant, writes, process)
    process.kill()
    assert finished(process).code == -9
    completed = entra_fleet("apply", path, "--yes", PREFECT_API_URL=prefect_server.api_url)
    assert (completed.err, completed.code) == ("", 0)
    one_running_application_for_each_key(slow_tenant)
    slow_tenant.forget()
    entra_fleet("apply", path, "--yes", PREFECT_API_URL=prefect_server.api_url)
    assert slow_tenant.requests(writes=True) == []
