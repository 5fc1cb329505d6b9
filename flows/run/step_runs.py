"""How the steps of an instance run: as task runs of Prefect, or as plain functions where nobody could look at one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from prefect.logging import get_run_logger

from flows.errors import StepFailed

R = TypeVar("R")

RETRIES = 2
RETRY_DELAY_SECONDS = 1.0

_recorded: ContextVar[bool] = ContextVar("recorded", default=True)


def are_steps_recorded() -> bool:
    """Tell whether each step is a task run in Prefect."""
    return _recorded.get()


@contextmanager
def leave_steps_unrecorded() -> Iterator[None]:
    """Make no task runs of steps inside the context: Prefect's engine takes four milliseconds for each."""
    token = _recorded.set(False)
    try:
        yield
    finally:
        _recorded.reset(token)


def is_worth_retrying(error: object) -> bool:
    """Tell whether a step may run again: a failure that we worded is final, the client has retried what may heal."""
    return not isinstance(error, StepFailed)


async def run_unrecorded(step: Callable[[], Awaitable[R]]) -> R:
    """Run a step as often as Prefect would.

    Raises:
        Exception: What its last attempt raised.
    """
    for _ in range(RETRIES):
        try:
            return await step()
        except Exception as error:
            if not is_worth_retrying(error):
                raise
            get_run_logger().exception("The step will be tried again.")
            await asyncio.sleep(RETRY_DELAY_SECONDS)
    return await step()
