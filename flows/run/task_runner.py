"""Prefect's `.map` on the event loop of the flow itself.

Prefect's own runners give each mapped async task an event loop and an API client of its own, which costs 63 ms a
task and lets the tasks share neither a connection pool nor a write budget. Scheduled on the flow's loop they cost
about 4 ms and share both.

Await the futures inside the flow: `.result()`, or a nested `.submit`, would block the loop they run on.
"""

import asyncio
import concurrent.futures
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Self, TypeVar

from prefect.client.schemas.objects import RunInput, State
from prefect.context import FlowRunContext
from prefect.futures import PrefectConcurrentFuture, PrefectFuture
from prefect.logging import get_run_logger
from prefect.task_engine import run_task_async
from prefect.task_runners import TaskRunner
from prefect.tasks import Task
from prefect.transactions import CommitMode, atransaction

from flows.errors import StepFailed

_BEGUN_PER_PLACE = 12
"""So many may have begun for each place: replication may take a quarter of a minute."""


class Places:
    """Room for so many at work.

    Args:
        width: How many.
    """

    def __init__(self, width: int) -> None:
        # With one at a time, the caller wants the first refusal to be the only one.
        self._begun = asyncio.Semaphore(_BEGUN_PER_PLACE * width if width > 1 else 1)
        self._working = asyncio.Semaphore(width)

    @asynccontextmanager
    async def take_place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it inside the context but for what is inside `leave_place`."""
        async with self._begun, self._working:
            token = _places.set(self)
            try:
                yield
            finally:
                _places.reset(token)

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """Give a place up inside the context, and wait for one at its end."""
        self._working.release()
        try:
            yield
        finally:
            # Who is cancelled here has no place to give back, and gives one back. A run cancels all of them together,
            # so that nothing is left to take it.
            await self._working.acquire()


_places: ContextVar[Places | None] = ContextVar("places", default=None)


@asynccontextmanager
async def leave_place() -> AsyncIterator[None]:
    """Let another instance be worked on while this one only waits; outside `Places` it does nothing."""
    places = _places.get()
    if places is None:
        yield
        return
    async with places.left():
        yield


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


class LoopFuture(PrefectConcurrentFuture[Any]):
    """A task run on this event loop; awaiting it gives its final state."""

    def __await__(self) -> Generator[Any, None, State]:
        """Wait for the task run without blocking the loop."""
        return asyncio.wrap_future(self.wrapped_future).__await__()


class LoopTaskRunner(TaskRunner[LoopFuture]):
    """Runs submitted async tasks on the event loop of the flow; at most `width` of them work at once.

    One that waits inside `leave_place` does not count.
    """

    def __init__(self, width: int = 50) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Prefect left it unannotated
        self.width = width
        self._running: set[asyncio.Task[None]] = set()
        self._places: Places | None = None

    def duplicate(self) -> Self:
        """Return an unstarted runner of the same width, as Prefect asks for before each flow run."""
        return type(self)(self.width)

    def submit(
        self,
        task: Task[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: dict[str, set[RunInput]] | None = None,
    ) -> LoopFuture:
        """Schedule `task` on the running loop and return at once."""
        # Made at the first task: `limit_concurrency` sets the width after Prefect has made the runner.
        self._places = self._places or Places(self.width)
        task_run_id = uuid.uuid4()
        outcome: concurrent.futures.Future[State] = concurrent.futures.Future()
        scheduled = asyncio.get_running_loop().create_task(
            self._run(self._places, outcome, task, task_run_id, parameters, wait_for, dependencies)
        )
        # The loop holds tasks weakly: without a reference one could be collected while it runs.
        self._running.add(scheduled)
        scheduled.add_done_callback(self._running.discard)
        return LoopFuture(task_run_id=task_run_id, wrapped_future=outcome)

    async def _run(
        self,
        places: Places,
        outcome: concurrent.futures.Future[State],
        task: Task[Any, Any],
        task_run_id: uuid.UUID,
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None,
        dependencies: dict[str, set[RunInput]] | None,
    ) -> None:
        try:
            # What a step has done in the tenant stays done: else Prefect would show the steps of an instance that
            # failed later as rolled back.
            async with places.take_place(), atransaction(commit_mode=CommitMode.EAGER):
                state: State = await run_task_async(  # type: ignore[assignment]  # return_type="state"
                    task=task,
                    task_run_id=task_run_id,
                    parameters=parameters,
                    wait_for=wait_for,
                    return_type="state",
                    dependencies=dependencies,
                )
        except asyncio.CancelledError:
            outcome.cancel()
            raise
        except BaseException as error:  # the future raises it where it is awaited
            outcome.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            outcome.set_result(state)

    def cancel_all(self) -> None:
        """Cancel what still runs; each task stops at its next await."""
        for scheduled in self._running:
            scheduled.cancel()

    async def stop(self) -> None:
        """Cancel what still runs and wait until it has stopped, so that nothing of it outlives what it uses."""
        self.cancel_all()
        await asyncio.gather(*self._running, return_exceptions=True)

    def __exit__(self, *exc: object) -> None:
        self.cancel_all()
        super().__exit__(*exc)


@asynccontextmanager
async def limit_concurrency(width: int) -> AsyncIterator[None]:
    """Let the running flow's `LoopTaskRunner` run at most `width` tasks at once, and none after this ends.

    Enter it before the first `.map`. An interrupted flow leaves it while tasks still run: they are stopped here,
    because the client they share is closed next.
    """
    context = FlowRunContext.get()
    if context is None or not isinstance(context.task_runner, LoopTaskRunner):
        raise LookupError("width_limited is for flows that run on a LoopTaskRunner")
    context.task_runner.width = width
    try:
        yield
    finally:
        await context.task_runner.stop()


EXCEEDED = "Directory_QuotaExceeded"


class CallerBreaker:
    """Whether a run may begin more instances; the first refusal speaks for all.

    Args:
        permissions_known: Whether the token showed that it has every permission that the run needs. What Graph refuses
            then is a matter of the one instance, and stops no other.
    """

    def __init__(self, *, permissions_known: bool = True) -> None:
        self.permissions_known = permissions_known
        self._refusal: StepFailed | None = None

    @contextmanager
    def guard(self, key: str, *, creating: bool) -> Iterator[None]:
        """Let an instance begin, and note its failure if it is the caller's.

        Args:
            key: Of the instance.
            creating: Whether it is to be created; what is there may be withheld from the caller for its own reasons.

        Raises:
            StepFailed: It failed, or another one failed of what this one would fail of.
        """
        self.check(key)
        try:
            yield
        except StepFailed as failure:
            self.heed(failure, creating=creating)
            raise

    def heed(self, failure: StepFailed, *, creating: bool) -> None:
        """Note a failure, if it is the caller's.

        Args:
            failure: Why an instance failed.
            creating: Whether it was to be created; what is there may be withheld from the caller for its own reasons.
        """
        if failure.code == EXCEEDED or (failure.denied and creating and not self.permissions_known):
            # The first one has the hint that helps; those after it only repeat it.
            self._refusal = self._refusal or failure

    def check(self, key: str) -> None:
        """Let an instance begin.

        Raises:
            StepFailed: Another one failed of what this one would fail of.
        """
        refusal = self._refusal
        if refusal is None:
            return
        why = "the directory takes no more objects"
        if refusal.code != EXCEEDED:
            why = f"Graph refused {refusal.step} to this caller"
        # Cause: The directory accepts no more objects, or Graph refused a step of a new instance and the token does not
        # show the permission: all others would fail in the same way. The hint is that of the first that failed.
        raise StepFailed(refusal.code, f"{key} was not begun: {why}.", refusal.hint, step=refusal.step)
