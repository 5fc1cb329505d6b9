"""Running a flow from the command line."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogHandler, PrefectConsoleHandler

from flows.cli.prefect_server import PrefectApi, prefect_api
from flows.cli.progress_bar import progress_shown

AnyFlow = Callable[..., Awaitable[Any]]


def run_flow(flow: AnyFlow, parameters: Mapping[str, Any]) -> Any:
    """Run a flow in this process, with live progress, and return what it returned.

    Raises:
        Exception: What the flow raised.
        KeyboardInterrupt: It was interrupted; what was begun is in the store.
    """
    with progress_shown("starting Prefect"), prefect_api() as api:
        return run_flow_against(api, flow, parameters)


def run_flow_against(api: PrefectApi, flow: AnyFlow, parameters: Mapping[str, Any]) -> Any:
    """Run a flow in this process against a server, and return what it returned; raises as `run_flow`."""
    _keep_off_the_terminal()
    with api.used():
        result = asyncio.run(_run(flow, parameters))
    if isinstance(result, BaseException):
        raise result
    return result


async def _run(flow: AnyFlow, parameters: Mapping[str, Any]) -> Any:
    try:
        state = await flow(**parameters, return_state=True)
        return await state.aresult(raise_on_failure=False)
    finally:
        await _drain()


async def _drain() -> None:
    """Send what Prefect still holds of logs and events, for the run to be complete in its UI."""
    await APILogHandler.aflush()
    drained: Any = EventsWorker.drain_all(timeout=10)
    if inspect.isawaitable(drained):
        await drained


def _keep_off_the_terminal() -> None:
    """Leave the terminal to the progress bar: the same records are in Prefect's UI."""
    for logger in (logging.getLogger(name) for name in ("", "prefect", *logging.root.manager.loggerDict)):
        for handler in list(logger.handlers):
            if isinstance(handler, PrefectConsoleHandler):
                logger.removeHandler(handler)
