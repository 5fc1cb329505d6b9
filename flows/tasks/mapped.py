"""One task for each instance of a fleet, and the state a run ends in when some of them fail."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from prefect import unmapped
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from prefect.tasks import Task
from prefect.utilities.annotations import quote

from flows.errors import KNOWN_ERRORS, StepFailed
from flows.formatting import format_count
from flows.plan.outcome import InstanceOutcome
from flows.run import journal
from flows.run.artifacts import ProgressArtifact, name_flows
from flows.run.context import name_fleet_run
from flows.run.journal import FleetOutcome
from flows.run.progress import STEP, Progress, report_progress
from flows.run.redaction import redact_errors
from flows.run.task_runner import (
    RETRIES,
    RETRY_DELAY_SECONDS,
    LoopFuture,
    are_steps_recorded,
    is_worth_retrying,
    limit_concurrency,
    run_unrecorded,
)


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


class WholeTask(Task[P, R]):
    """A task that takes its arguments as they are.

    Prefect looks for futures in every part of every argument, twice a call: on a plan of thousands that takes seconds.
    """

    _OPTIONS = frozenset({"return_state", "wait_for"})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task in the running flow; see `Task`."""
        named = {name: each if name in self._OPTIONS else quote(each) for name, each in kwargs.items()}
        call: Any = super().__call__
        return call(*map(quote, args), **named)


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
        return WholeTask(run, name=name, cache_policy=NO_CACHE, persist_result=False, **options)

    return decorate


def _crash_like(_task: Task[..., Any], _run: TaskRun, state: State) -> bool:
    """Tell whether a task may run again."""
    return is_worth_retrying(state.data)


def step(name: str) -> Callable[[StepFunction[Item, P, R]], StepFunction[Item, P, R]]:
    """Make a function whose first argument is the `plan` for one instance a task, in the UI as `name · key`."""
    as_task: Callable[[Any], Any] = redacted_task(
        name,
        task_run_name=f"{name} · {{plan.key}}",
        retries=RETRIES,
        retry_delay_seconds=RETRY_DELAY_SECONDS,
        # Not for Graph: the client has its own retries. These are for a task that crashed.
        retry_condition_fn=_crash_like,
    )

    def decorate(function: StepFunction[Item, P, R]) -> StepFunction[Item, P, R]:
        @functools.wraps(function)
        async def run(plan: Item, *args: P.args, **kwargs: P.kwargs) -> R:
            report_progress(Progress(STEP, 0, 0, name, plan.key))
            try:
                return await function(plan, *args, **kwargs)
            except KNOWN_ERRORS as error:
                # Without the cause, whose traceback Prefect would log.
                raise StepFailed.of(name, error) from None

        made: Task[..., Coroutine[Any, Any, R]] = as_task(run)

        async def call(plan: Item, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if not are_steps_recorded():
                return await run_unrecorded(lambda: made.fn(plan, *args, **kwargs))
            return await made(plan, *args, **kwargs)

        return functools.update_wrapper(call, function)

    return decorate


def log() -> logging.LoggerAdapter[logging.Logger] | logging.Logger:
    """Return the logger of the running task."""
    return get_run_logger()


class InstanceWork(Keyed, journal.Planned, Protocol):
    """What is to be done to one instance, and the outcome if all goes well."""

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""

    def outcome(self) -> InstanceOutcome:
        """Return the outcome if all goes well; one that cannot be begun has failed already."""


Work = TypeVar("Work", bound=InstanceWork)


InstanceFunction = Callable[Concatenate[Work, InstanceOutcome, str, P], Coroutine[Any, Any, None]]

InstanceTask = Task[Concatenate[Work, str, P], Coroutine[Any, Any, State | InstanceOutcome]]


def instance_task(name: str) -> Callable[[InstanceFunction[Work, P]], InstanceTask[Work, P]]:
    """Make a function the task of an instance: its steps, of which the first that fails ends it.

    The function is given the plan for the instance, the outcome to fill in, the id of the run in the journal, and what
    else the task is given. The task writes the outcome in the journal, and fails in Prefect if a step failed.

    Args:
        name: Of the task; each run is called by the key of its instance.
    """

    def decorate(function: InstanceFunction[Work, P]) -> InstanceTask[Work, P]:
        async def run(plan: Work, run_id: str, *args: P.args, **kwargs: P.kwargs) -> State | InstanceOutcome:
            outcome = plan.outcome()
            try:
                await function(plan, outcome, run_id, *args, **kwargs)
            except StepFailed as failure:
                outcome.fail(failure)
            # Also after a failure, and before Prefect knows: the journal is what a restarted run reads.
            await journal.record_instance(run_id, plan, outcome)
            # A state, not an exception: the outcome has to come back with it.
            return Failed(message=str(outcome.failure), data=outcome) if outcome.failure else outcome

        # Not functools.wraps: Prefect would take the parameters of the function for those of the task.
        run.__name__, run.__qualname__, run.__doc__ = function.__name__, function.__qualname__, function.__doc__
        return redacted_task(name, task_run_name="{plan.key}")(run)

    return decorate


async def map_instances(
    work: InstanceTask[Work, []], plans: Sequence[Work], run_id: str, *, phase: str, width: int
) -> list[InstanceOutcome]:
    """Run a task for each instance that needs one, and return the outcome of all; a failure stops no other.

    Args:
        work: The task of an instance.
        plans: What is to be done to each instance.
        run_id: Of the run in the journal.
        phase: What to call it in the progress.
        width: How many instances are worked on at once.
    """
    outcomes = {each.key: each.outcome() for each in plans}
    pending = [each for each in plans if each.needed]
    if not pending:
        return list(outcomes.values())
    report_progress(Progress(phase, 0, len(pending)))
    bar = await ProgressArtifact.start(name_fleet_run() or phase, phase, len(pending))
    async with limit_concurrency(width):
        # Quoted, as in `WholeTask`.
        mapped: Any = work.map([quote(each) for each in pending], unmapped(run_id))
        futures = [cast("LoopFuture", future) for future in mapped]
        # In the order in which they end, so that the progress does not wait for the slowest.
        finishing = [_finish(each, future) for each, future in zip(pending, futures, strict=True)]
        for done, finished in enumerate(asyncio.as_completed(finishing), start=1):
            outcome = await finished
            outcomes[outcome.key] = outcome
            report_progress(Progress(phase, done, len(pending), outcome.key, outcome.key))
            await bar.show(done)
    return list(outcomes.values())


async def run_instance(
    work: InstanceTask[Work, P], plan: Work, run_id: str, *args: P.args, **kwargs: P.kwargs
) -> InstanceOutcome:
    """Run the task of one instance, whether it needs anything or not, and return its outcome."""
    running: Any = work(plan, run_id, *args, **kwargs, return_state=True)
    return await _finish(plan, running)


async def _finish(plan: InstanceWork, running: Awaitable[State]) -> InstanceOutcome:
    state = await running
    result = await state.aresult(raise_on_failure=False)
    if isinstance(result, InstanceOutcome):
        return result
    outcome = plan.outcome()
    # Cause: A defect. The other instances are not affected.
    outcome.fail(StepFailed("Crashed", f"{type(result).__name__}: {result}", "See the task run's log.", step="run"))
    return outcome


def final_state(outcome: FleetOutcome) -> State:
    """Return how a run ends: it has failed only if every instance has."""
    text = format_count(outcome.summary) or "no instances"
    if outcome.rollout and outcome.rollout.held:
        return Failed(name="CanaryHeld", message=name_flows("\n".join(outcome.rollout.why())), data=outcome)
    if not outcome.failed:
        return Completed(message=text, data=outcome)
    if outcome.failed < len(outcome.instances):
        return Completed(name="PartiallyCompleted", message=text, data=outcome)
    return Failed(message=text, data=outcome)
