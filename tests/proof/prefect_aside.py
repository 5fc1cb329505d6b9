"""Our flows without Prefect's engine: a task is its function, a hundred times as fast and in one order of events.

What is left out is only Prefect's: runs in its database, retries after a crash, artifacts. tests/flows has those.
"""

from contextlib import asynccontextmanager, contextmanager
from functools import cache
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext, SettingsContext, get_settings_context
from prefect.flows import Flow
from prefect.logging import disable_run_logger
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, exception_to_failed_state
from prefect.tasks import Task
from prefect.utilities.annotations import quote
from prefect.utilities.callables import get_call_parameters

from flows.run import artifacts, events, task_runner
from flows.run.task_runner import LoopTaskRunner
from flows.tasks import mapped as mapping


@contextmanager
def prefect_aside():
    """Have flows and tasks called as what they are, and nothing sent to Prefect's API."""
    with pytest.MonkeyPatch.context() as patched, disable_run_logger():
        patched.setattr(Flow, "__call__", _call_flow)
        patched.setattr(Task, "__call__", _call)
        patched.setattr(task_runner, "run_task_async", _run_task)
        # It asks the server about a run that it does not know.
        patched.setattr(mapping, "name_fleet_run", lambda: None)
        patched.setattr(events, "get_client", _no_client)
        patched.setattr(events, "send_events", _nothing)
        for module in (artifacts,):
            for name in vars(module):
                if name.startswith(("acreate_", "aupdate_")):
                    patched.setattr(module, name, _nothing)
        yield


@contextmanager
def prefect_api_at(url):
    """Have Prefect's API at a URL, or none; Prefect's own `temporary_settings` takes a tenth of a second each time."""
    made = _settings_with(url)
    with SettingsContext(profile=made.profile, settings=made.settings):
        yield


@cache
def _settings_with(url):
    with temporary_settings({PREFECT_API_URL: url}):
        return get_settings_context()


async def run_flow(flow, *args, **parameters):
    """The result of a flow's function; mapped tasks run on the task runner it was made for."""
    with _in_a_run():
        state = await flow.fn(*args, **parameters)
        return await state.aresult(raise_on_failure=False)


@contextmanager
def _in_a_run():
    flow_run = FlowRun(flow_id=uuid4())
    with (
        LoopTaskRunner() as runner,
        FlowRunContext.model_construct(task_runner=runner, flow_run=flow_run, parameters={}),
    ):
        yield


async def _call_flow(flow, *args, return_state=False, **parameters):
    state = await _flow_state(flow, *args, **parameters)
    return state if return_state else await state.aresult()


async def _flow_state(flow, *args, **parameters):
    try:
        validated = flow.validate_parameters(get_call_parameters(flow.fn, args, parameters))
        with _in_a_run():
            return await _state_of(flow.fn(**validated))
    except Exception as error:  # noqa: BLE001  # Prefect makes a state of it, whatever it is
        return await exception_to_failed_state(error, message="Flow run encountered an exception:")


def _call(task, *args, return_state=False, **named):
    args, named = map(_unquoted, args), {name: _unquoted(each) for name, each in named.items()}
    return _state_of(task.fn(*args, **named)) if return_state else task.fn(*args, **named)


async def _state_of(running):
    result = await running
    return result if isinstance(result, State) else Completed(data=result)


async def _run_task(task, parameters, **_):
    return await _state_of(task.fn(**{name: _unquoted(each) for name, each in parameters.items()}))


def _unquoted(argument):
    return argument.unquote() if isinstance(argument, quote) else argument


async def _nothing(*_, **__):
    return None


@asynccontextmanager
async def _no_client():
    yield None
