"""Creating, starting and pausing the synchronization job of an instance."""

from collections.abc import Sequence
from dataclasses import dataclass

from flows.errors import StepFailed
from flows.monitoring.health import JobState, assess_job
from flows.monitoring.own_job import default_template, find_own_job
from flows.plan.outcome import ApplicationIds
from flows.plan.plan import InstancePlan
from flows.steps.application import ensure_sole_application
from flows.steps.credentials import Start, validate_saved
from flows.steps.idempotency import create_once, find_existing
from graph_client import GraphClient
from graph_client.errors import Conflict
from graph_client.models import SynchronizationJob, SynchronizationTemplate
from graph_client.parallel import gather


def choose_template(plan: InstancePlan, templates: Sequence[SynchronizationTemplate]) -> str:
    """Return the id of the synchronization template to use: the one named, the only one, or the default.

    Raises:
        StepFailed: The one named does not exist, or none is named and none is the obvious one.
    """
    ids = [template.id for template in templates]
    named = plan.instance.synchronization_template
    if named:
        if named in ids:
            return named
        raise StepFailed(
            "SynchronizationTemplateNotFound",
            f"{plan.instance.template} has no synchronization template {named!r}.",
            f"It has {', '.join(ids)}; correct synchronization_template in the fleet file.",
        )
    if obvious := default_template(templates):
        return obvious
    raise StepFailed(
        "SynchronizationTemplateUnclear",
        f"{plan.instance.template} has {len(ids)} synchronization templates and no single default.",
        f"Set synchronization_template in the fleet file to one of {', '.join(ids)}.",
    )


@dataclass(frozen=True)
class CreatedJob:
    """A job that was created, or found where an earlier run had created it."""

    id: str
    look_again_at: float | None
    """When to look again for a second run's application, by the loop's clock."""


async def create_job(graph: GraphClient, plan: InstancePlan, placed: ApplicationIds, template_id: str) -> CreatedJob:
    """Create the provisioning job, unless there is one of this template.

    Raises:
        StepFailed: A second run made the same instance, or there is a job that has been started before.
        GraphError: Graph refused, or the outcome stayed unknown.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronization-post-jobs
    """
    service_principal_id = placed.service_principal_id
    look_again_at, found = await gather(
        ensure_sole_application(graph, plan, placed), _find(graph, service_principal_id, template_id)
    )
    if found:
        return CreatedJob(_never_started(plan, found), look_again_at)

    async def create() -> str:
        return (await graph.synchronization.create_job(service_principal_id, template_id)).id

    async def look_again() -> str | None:
        made = await _look_again(graph, service_principal_id, template_id)
        return _never_started(plan, made) if made else None

    job_id = await create_once(create, look_again, misleading=Conflict)
    graph.note_created(job_id)
    return CreatedJob(job_id, look_again_at)


async def start_job(graph: GraphClient, start: Start) -> str:
    """Start the job, or resume it, and return its state; one that never ran only with credentials that work.

    Every start goes through here: Graph starts a job whose credentials were never validated, or that has none. A start
    whose answer was lost is not repeated blindly: starting a running job again can stop it for good.

    Raises:
        StepFailed: The credentials in the tenant do not work; nothing was started.
        GraphError: Graph refused, or the outcome stayed unknown.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-start
    """
    await _ensure_validated(graph, start)

    async def attempt() -> str:
        await graph.synchronization.start(start.service_principal_id, start.job_id)
        return "initial-cycle"

    async def started() -> str | None:
        state = assess_job(await graph.synchronization.get_job(start.service_principal_id, start.job_id)).state
        return None if state in {"created", "paused"} else state

    return await create_once(attempt, started)


async def _ensure_validated(graph: GraphClient, start: Start) -> None:
    """Have the credentials in the tenant tried, unless this run has, or the job has run with some."""
    if not (start.validated or start.has_run):
        await validate_saved(graph, start)


async def pause_job(graph: GraphClient, service_principal_id: str, job_id: str) -> str:
    """Pause the job; the cycle in progress finishes.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-pause
    """
    await graph.synchronization.pause(service_principal_id, job_id)
    return "paused"


async def restart_job(graph: GraphClient, start: Start, reset_scope: str) -> None:
    """Restart the job; twice where an answer is lost, which comes to the same.

    Args:
        graph: A signed-in client.
        start: The job; if it never ran, a restart is a start.
        reset_scope: What to forget, in Graph's words.

    Raises:
        StepFailed: It never ran, and the credentials in the tenant do not work; nothing was restarted.
        GraphError: Graph refused.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-restart
    """
    await _ensure_validated(graph, start)

    async def restart() -> None:
        await graph.synchronization.restart(start.service_principal_id, start.job_id, reset_scope=reset_scope)

    async def not_to_be_told() -> None:
        return None

    await create_once(restart, not_to_be_told)


async def read_job_state(graph: GraphClient, service_principal_id: str, job_id: str) -> JobState:
    """Return how the job is doing now."""
    return assess_job(await graph.batched.synchronization.get_job(service_principal_id, job_id)).state


async def _find(graph: GraphClient, service_principal_id: str, template_id: str) -> SynchronizationJob | None:
    return (await find_own_job(graph.batched, service_principal_id, template_id)).job


async def _look_again(graph: GraphClient, service_principal_id: str, template_id: str) -> SynchronizationJob | None:
    return await find_existing(graph, lambda: _find(graph, service_principal_id, template_id))


def _never_started(plan: InstancePlan, found: SynchronizationJob) -> str:
    """Return the id of a job that the plan did not know of, unless somebody has started it: it may be held since."""
    state = assess_job(found).state
    if state == "created":
        return found.id
    raise StepFailed(
        "JobUnforeseen",
        f"The tenant showed no job of {plan.key} when the plan was made; it has one, and its state is {state}.",
        "Apply again: the next plan knows of it.",
    )
