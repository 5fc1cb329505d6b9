"""Ctrl-C in a real `apply`: it says so in a line or two, and the next one completes what was begun."""

import signal

import pytest

from flows.store import open_store
from tests.cli.conftest import finished, started
from tests.cli.test_killed import STATES, killer, path
from tests.proof.looks import assert_all_is_well

__all__ = ["killer", "path"]


@pytest.mark.parametrize(
    ("request_number", "on_server"), [(3, False), pytest.param(12, True, marks=pytest.mark.proof), (20, True)]
)
def test_ctrl_c_ends_with_130_and_the_next_apply_completes(
    killer, path, entra_fleet, request, request_number, on_server
):
    killer.reset()
    killer.emulator.doom(request_number, after_commit=False, with_signal=signal.SIGINT)
    variables = {
        "PREFECT_API_URL": request.getfixturevalue("prefect_server").api_url if on_server else "",
        "ENTRA_FLEET_STORE": f"sqlite:///{killer.store}",
        **killer.served.environment,
    }
    process = killer.emulator.victim = started("apply", path, "--yes", "--concurrency", "3", **variables)
    result = finished(process)
    assert result.code == 130
    assert "Traceback" not in result.err
    assert len(result.err.splitlines()) <= 3
    killer.emulator.spare()
    completed = entra_fleet("apply", path, "--yes", **variables)
    assert (completed.err, completed.code) == ("", 0)
    assert_all_is_well(killer, STATES)
    with open_store(f"sqlite:///{killer.store}") as store:
        assert {run.outcome for run in store.journal.runs()} <= {"interrupted", "completed"}
