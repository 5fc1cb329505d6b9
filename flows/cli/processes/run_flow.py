"""Running a flow from the command line."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogHandler, PrefectConsoleHandler
from prefect.states import Cancelled

from flows.cli.errors import CommandFailed
from flows.cli.output.console import show_progress
from flows.cli.processes.prefect_server import PrefectApi, prefect_api

AnyFlow = Callable[..., Awaitable[Any]]


def run_flow(flow: AnyFlow, parameters: Mapping[str, Any]) -> Any:
    """Run a flow in this process with live progress, and return its result.

    Raises:
        CommandFailed: The run was cancelled in Prefect, or no server is available.
        Exception: What the flow raised.
        KeyboardInterrupt: It was interrupted; work so far is in the store.
    """
    with show_progress("starting Prefect"), prefect_api() as api:
        return run_flow_against(api, flow, parameters)


def run_flow_against(api: PrefectApi, flow: AnyFlow, parameters: Mapping[str, Any]) -> Any:
    """Run a flow in this process against a server, and return its result; raises as `run_flow`."""
    _keep_off_the_terminal()
    with api.used():
        result = asyncio.run(_run(flow, parameters))
    if isinstance(result, BaseException):
        raise result
    return result


async def _run(flow: AnyFlow, parameters: Mapping[str, Any]) -> Any:
    try:
        state: State[Any] = await flow(**parameters, return_state=True)
        if state.is_cancelled() or not state.is_final():
            await _leave_cancelled(state)
            # Cause: Someone cancelled the run of this command in Prefect.
            raise CommandFailed(
                f"This run was stopped in Prefect; its state there is {state.name}.",
                "Its work so far is in the store. Run the command again to finish.",
            )
        return await state.aresult(raise_on_failure=False)
    finally:
        await _drain()


async def _leave_cancelled(state: State[Any]) -> None:
    """End a run that is being cancelled: no worker would."""
    run_id = state.state_details.flow_run_id
    if run_id and not state.is_final():
        async with get_client() as client:
            # Forced: Prefect's rules leave the end of a cancellation to a worker.
            await client.set_flow_run_state(run_id, Cancelled(), force=True)


async def _drain() -> None:
    """Flush Prefect's pending logs and events, so that the run is complete in its UI."""
    await APILogHandler.aflush()
    drained: Any = EventsWorker.drain_all(timeout=10)
    if inspect.isawaitable(drained):
        await drained


def _keep_off_the_terminal() -> None:
    """Leave the terminal to the progress bar: the same records are in Prefect's UI."""
    for logger in (logging.getLogger(name) for name in ("", "prefect", *logging.root.manager.loggerDict)):
        for handler in list(logger.handlers):
            # Only Prefect's own: handlers that others have installed stay.
            if isinstance(handler, PrefectConsoleHandler):
                logger.removeHandler(handler)
