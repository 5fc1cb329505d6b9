"""Creating, starting and pausing the synchronization job of an instance."""

from flows.errors import StepFailed
from flows.monitoring.health import JobState, assess_job
from flows.monitoring.own_job import find_own_job
from flows.plan.outcome import ApplicationIds
from flows.plan.plan import InstancePlan
from flows.steps.application import ensure_sole_application
from flows.steps.credentials import Start, validate_saved
from flows.steps.idempotency import create_once, find_existing
from graph_client import GraphClient
from graph_client.errors import Conflict
from graph_client.models import SynchronizationJob
from graph_client.parallel import gather


async def create_job(graph: GraphClient, plan: InstancePlan, placed: ApplicationIds, template_id: str) -> str:
    """Create the provisioning job, unless there is one for this template, and return its id.

    Raises:
        StepFailed: Another run created the same instance, or there is a job that has already been started.
        GraphError: Graph refused, or the outcome stayed unknown.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronization-post-jobs
    """
    # Both questions at once: each is a round trip, and neither depends on the other.
    service_principal_id = placed.service_principal_id
    _, found = await gather(
        ensure_sole_application(graph, plan, placed), _find(graph, service_principal_id, template_id)
    )
    if found:
        return _never_started(plan, found)

    async def create() -> str:
        return (await graph.synchronization.create_job(service_principal_id, template_id)).id

    async def look_again() -> str | None:
        made = await _look_again(graph, service_principal_id, template_id)
        return _never_started(plan, made) if made else None

    # Whether a second POST is a conflict is not documented: after one, the job that is there is taken.
    job_id = await create_once(create, look_again, misleading=Conflict)
    graph.note_created(job_id)
    return job_id


async def start_job(graph: GraphClient, start: Start) -> str:
    """Start or resume the job and return its state; a job that never ran starts only if its credentials work.

    Every start goes through here: Graph starts even a job without credentials or with unvalidated ones. A start whose
    answer was lost is not repeated blindly: starting a running job again can stop it permanently.

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
        # Any other state is one that only a start leads to.
        return None if state in {"created", "paused"} else state

    return await create_once(attempt, started)


async def _ensure_validated(graph: GraphClient, start: Start) -> None:
    """Validate the credentials in the tenant, unless this run has, or the job has run before."""
    if not (start.validated or start.has_run):
        await validate_saved(graph, start)


async def pause_job(graph: GraphClient, service_principal_id: str, job_id: str) -> str:
    """Pause the job; a cycle in progress still finishes.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-pause
    """
    await graph.synchronization.pause(service_principal_id, job_id)
    return "paused"


async def restart_job(graph: GraphClient, start: Start, reset_scope: str) -> None:
    """Restart the job; repeated if an answer is lost, which is harmless.

    Args:
        graph: A signed-in client.
        start: The job; if it never ran, a restart starts it.
        reset_scope: Reset scope, in Graph's terms.

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

    # A job does not show whether it was restarted, so there is nothing to look for.
    await create_once(restart, not_to_be_told)


async def read_job_state(graph: GraphClient, service_principal_id: str, job_id: str) -> JobState:
    """Return the current state of the job."""
    return assess_job(await graph.batched.synchronization.get_job(service_principal_id, job_id)).state


async def _find(graph: GraphClient, service_principal_id: str, template_id: str) -> SynchronizationJob | None:
    return (await find_own_job(graph.batched, service_principal_id, template_id)).job


async def _look_again(graph: GraphClient, service_principal_id: str, template_id: str) -> SynchronizationJob | None:
    return await find_existing(graph, lambda: _find(graph, service_principal_id, template_id))


def _never_started(plan: InstancePlan, found: SynchronizationJob) -> str:
    """Return the id of a job that the plan did not have, unless it has been started: it may be on hold since."""
    state = assess_job(found).state
    if state == "created":
        return found.id
    # Cause: A job was created between plan and step.
    raise StepFailed(
        "JobUnforeseen",
        f"The tenant showed no job for {plan.key} when the plan was made, but now it has one, in state {state}.",
        "Apply again: the next plan includes it.",
    )
