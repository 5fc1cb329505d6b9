"""One task for each instance of a fleet, and the state a run ends in when some of them fail."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from prefect import unmapped
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.tasks import Task

from flows.artifacts.progress import ProgressArtifact
from flows.errors import StepFailed
from flows.formatting.text import format_count
from flows.plan.outcome import InstanceOutcome
from flows.run.names import name_fleet_run
from flows.run.outcome import FleetOutcome
from flows.run.progress import Progress, report_progress
from flows.run.task_runner import LoopFuture, limit_concurrency


async def map_instances(
    work: Task[..., Any], pending: Sequence[tuple[Any, InstanceOutcome]], run_id: str, *, phase: str, width: int
) -> list[InstanceOutcome]:
    """Run a task for each instance, and return what came of each; one that fails never stops another.

    Args:
        work: Takes what is to be done and the id of the run in the journal; returns an `InstanceOutcome`.
        pending: What is to be done to each instance, with the outcome to blame if its task crashes.
        run_id: Of the run in the journal.
        phase: What to call it in the progress.
        width: How many instances are worked on at once.
    """
    if not pending:
        return []
    report_progress(Progress(phase, 0, len(pending)))
    bar = await ProgressArtifact.start(name_fleet_run() or phase, phase, len(pending))
    outcomes = []
    async with limit_concurrency(width):
        futures = list(work.map([item for item, _ in pending], unmapped(run_id)))
        finishing = [
            _outcome(each, cast("LoopFuture", future)) for (_, each), future in zip(pending, futures, strict=True)
        ]
        for done, finished in enumerate(asyncio.as_completed(finishing), start=1):
            outcome = await finished
            outcomes.append(outcome)
            report_progress(Progress(phase, done, len(pending), outcome.key))
            await bar.show(done)
    return outcomes


async def _outcome(expected: InstanceOutcome, future: LoopFuture) -> InstanceOutcome:
    state = await future
    result = await state.aresult(raise_on_failure=False)
    if isinstance(result, InstanceOutcome):
        return result
    expected.fail(StepFailed("Crashed", f"{type(result).__name__}: {result}", "See the task run's log.", step="run"))
    return expected


def final_state(outcome: FleetOutcome) -> State:
    """Return how a run ends: it has failed only if every instance has."""
    text = format_count(outcome.summary) or "no instances"
    if outcome.rollout and outcome.rollout.held:
        return Failed(name="CanaryHeld", message="\n".join(outcome.rollout.why()), data=outcome)
    if not outcome.failed:
        return Completed(message=text, data=outcome)
    if outcome.failed < len(outcome.instances):
        return Completed(name="PartiallyCompleted", message=text, data=outcome)
    return Failed(message=text, data=outcome)
