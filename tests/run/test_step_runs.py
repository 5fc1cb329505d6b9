"""Steps of a command without a Prefect server: plain functions, tried again as Prefect would."""

from types import SimpleNamespace

import pytest
from prefect.logging import disable_run_logger

from flows.errors import StepFailed
from flows.run.redaction import Redacted
from flows.run.task_runner import RETRY_DELAY_SECONDS, leave_steps_unrecorded
from flows.tasks.mapped import step
from graph_client.errors import BadSettings, GraphError
from graph_client.redaction import learn_secrets
from tests.proof.quick_loop import QuickTime, run

PLAN = SimpleNamespace(key="one")


def run_step(function):
    """The result of a step of that function, its failure, and the seconds it took."""
    quick_time = QuickTime()
    with leave_steps_unrecorded(), disable_run_logger():
        try:
            result = run(quick_time, step("try-it")(function)(PLAN))
        except Exception as error:  # noqa: BLE001  # the test looks at it, whatever it is
            result = error
    return result, quick_time.now()


def failing(*errors):
    """A step that raises each of these in turn, and then returns how often it was tried."""
    left = list(errors)

    async def attempt(plan):
        assert plan is PLAN
        if left:
            raise left.pop(0)
        return 1 + len(errors)

    return attempt


def test_what_crashes_twice_succeeds_at_the_third_attempt():
    assert run_step(failing(OSError("once"), KeyError("twice"))) == (3, 2 * RETRY_DELAY_SECONDS)


def test_what_crashes_three_times_fails_of_the_last():
    errors = OSError("once"), OSError("twice"), OSError("for good")
    assert run_step(failing(*errors))[0] is errors[-1]


@pytest.mark.parametrize(
    "error", [BadSettings("no"), StepFailed("Code", "No.", "Do.", step="try-it"), GraphError("no")]
)
def test_a_failure_that_we_worded_is_final(error):
    failure, seconds = run_step(failing(error))
    assert isinstance(failure, StepFailed)
    assert (failure.step, seconds) == ("try-it", 0)


def test_no_error_carries_a_secret():
    learn_secrets("hunter2-hunter2")
    failure, _ = run_step(failing(*[OSError("hunter2-hunter2")] * 3))
    assert isinstance(failure, Redacted)
    assert "hunter2" not in str(failure)
