"""What makes a function a task of a run, or a step of an instance: a step is repeated after a crash only."""

import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.tasks import Task

from flows.errors import KNOWN_ERRORS, StepFailed
from flows.run.redaction import redact_errors


class Keyed(Protocol):
    """What is to be done to one instance."""

    @property
    def key(self) -> str:
        """The key of the instance."""


Item = TypeVar("Item", bound=Keyed)


P = ParamSpec("P")


R = TypeVar("R")


StepFunction = Callable[Concatenate[Item, P], Coroutine[Any, Any, R]]


AsyncFunction = Callable[P, Coroutine[Any, Any, R]]


def redacted_task(name: str, **options: Any) -> Callable[[AsyncFunction[P, R]], Task[P, Coroutine[Any, Any, R]]]:
    """Make a function a task of which nothing is cached or persisted, and whose errors hold no secret.

    Args:
        name: Of the task.
        options: Of Prefect's `task`.
    """

    def decorate(function: AsyncFunction[P, R]) -> Task[P, Coroutine[Any, Any, R]]:
        @functools.wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            # Prefect keeps the text of an error as the state of the task run.
            with redact_errors():
                return await function(*args, **kwargs)

        # The truth is in Graph, and results would be pickled to disk.
        return task(name=name, cache_policy=NO_CACHE, persist_result=False, **options)(run)

    return decorate


def _crash_like(_task: Task[..., Any], _run: TaskRun, state: State) -> bool:
    """Tell whether a task may run again: a failure that we worded is final, the client has retried what may heal."""
    return not isinstance(state.data, StepFailed)


def step(name: str) -> Callable[[StepFunction[Item, P, R]], StepFunction[Item, P, R]]:
    """Make a function whose first argument is the `plan` for one instance a task, in the UI as `name · key`."""
    as_task: Callable[[Any], Any] = redacted_task(
        name,
        task_run_name=f"{name} · {{plan.key}}",
        retries=2,
        retry_delay_seconds=1,
        retry_condition_fn=_crash_like,
    )

    def decorate(function: StepFunction[Item, P, R]) -> StepFunction[Item, P, R]:
        @functools.wraps(function)
        async def run(plan: Item, *args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return await function(plan, *args, **kwargs)
            except KNOWN_ERRORS as error:
                raise StepFailed.of(name, error) from None

        made: StepFunction[Item, P, R] = as_task(run)
        return made

    return decorate


def log() -> logging.LoggerAdapter[logging.Logger] | logging.Logger:
    """Return the logger of the running task."""
    return get_run_logger()
