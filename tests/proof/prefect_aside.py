"""Our flows without Prefect's engine: a task is its function, a hundred times as fast and in one order of events.

What is left out is only Prefect's: runs in its database, retries after a crash, artifacts. tests/flows has those.
"""

from contextlib import contextmanager
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.logging import disable_run_logger
from prefect.states import Completed
from prefect.tasks import Task

from flows import artifacts, mapping, progress_artifact, rollout_artifact, shard_runs, task_runner, trial_artifact
from flows.task_runner import LoopTaskRunner


@contextmanager
def prefect_aside():
    """Have tasks called as what they are, and nothing sent to Prefect's API."""
    with pytest.MonkeyPatch.context() as patched, disable_run_logger():
        patched.setattr(Task, "__call__", _call)
        patched.setattr(task_runner, "run_task_async", _run_task)
        # Both ask the server about a run that it does not know.
        patched.setattr(shard_runs, "deployed", lambda: False)
        patched.setattr(mapping, "fleet_of_run", lambda: None)
        for module in (artifacts, progress_artifact, rollout_artifact, trial_artifact):
            for name in vars(module):
                if name.startswith(("acreate_", "aupdate_")):
                    patched.setattr(module, name, _nothing)
        yield


async def run_flow(flow, *args, **parameters):
    """The result of a flow's function; mapped tasks run on the task runner it was made for."""
    flow_run = FlowRun(flow_id=uuid4())
    with (
        LoopTaskRunner() as runner,
        FlowRunContext.model_construct(task_runner=runner, flow_run=flow_run, parameters={}),
    ):
        state = await flow.fn(*args, **parameters)
        return await state.aresult(raise_on_failure=False)


def _call(task, *args, return_state=False, **named):
    return _state_of(task.fn(*args, **named)) if return_state else task.fn(*args, **named)


async def _state_of(running):
    result = await running
    return result if isinstance(result, State) else Completed(data=result)


async def _run_task(task, parameters, **_):
    return await _state_of(task.fn(**parameters))


async def _nothing(*_, **__):
    return None
