"""Creating, starting and pausing the synchronization job of an instance."""

from collections.abc import Sequence

from flows.monitoring.health import JobState, assess, job_of
from flows.reconcile.plan import InstancePlan
from flows.reconcile.steps.application import Placed, ensure_sole_bearer
from flows.reconcile.steps.failure import StepFailed
from flows.reconcile.steps.lookup import look_for
from flows.reconcile.steps.once import once
from graph_client import GraphClient
from graph_client.errors import BadRequest, Conflict, NotFound
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
    obvious = ids if len(ids) == 1 else [template.id for template in templates if template.default]
    if len(obvious) == 1:
        return obvious[0]
    raise StepFailed(
        "SynchronizationTemplateUnclear",
        f"{plan.instance.template} has {len(ids)} synchronization templates and no single default.",
        f"Set synchronization_template in the fleet file to one of {', '.join(ids)}.",
    )


async def create_job(graph: GraphClient, plan: InstancePlan, placed: Placed, template_id: str) -> str:
    """Create the provisioning job, unless there is one of this template, and return its id.

    Raises:
        StepFailed: A second run made the same instance, or there is a job that has been started before.
        GraphError: Graph refused, or the outcome stayed unknown.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronization-post-jobs
    """
    service_principal_id = placed.service_principal_id
    _, found = await gather(ensure_sole_bearer(graph, plan, placed), _find(graph, service_principal_id, template_id))
    if found:
        return _never_started(plan, found)

    async def create() -> str:
        return (await graph.synchronization.create_job(service_principal_id, template_id)).id

    async def look_again() -> str | None:
        made = await _look_again(graph, service_principal_id, template_id)
        return _never_started(plan, made) if made else None

    job_id = await once(create, look_again, misleading=Conflict)
    graph.note_created(job_id)
    return job_id


async def start_job(graph: GraphClient, service_principal_id: str, job_id: str) -> str:
    """Start the job, unless it has been started, and return its state.

    A start whose answer was lost is not repeated blindly: starting a running job again can stop it for good.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-start
    """

    async def start() -> str:
        await graph.synchronization.start(service_principal_id, job_id)
        return "initial-cycle"

    async def started() -> str | None:
        state = assess(await graph.synchronization.get_job(service_principal_id, job_id)).state
        return None if state in {"created", "paused"} else state

    return await once(start, started)


async def pause_job(graph: GraphClient, service_principal_id: str, job_id: str) -> str:
    """Pause the job; the cycle in progress finishes.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-pause
    """
    await graph.synchronization.pause(service_principal_id, job_id)
    return "paused"


async def restart_job(graph: GraphClient, service_principal_id: str, job_id: str, reset_scope: str) -> None:
    """Restart the job; twice where an answer is lost, which comes to the same.

    Args:
        graph: A signed-in client.
        service_principal_id: Object id of the service principal.
        job_id: Its job.
        reset_scope: What to forget, in Graph's words.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-restart
    """

    async def restart() -> None:
        await graph.synchronization.restart(service_principal_id, job_id, reset_scope=reset_scope)

    async def not_to_be_told() -> None:
        return None

    await once(restart, not_to_be_told)


async def validate_before_start(graph: GraphClient, key: str, service_principal_id: str, job_id: str) -> None:
    """Have the saved credentials tried, before a job is started that never ran.

    Raises:
        StepFailed: There are none, or the target system rejected them.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-validatecredentials
    """
    try:
        await graph.synchronization.validate_saved_credentials(service_principal_id, job_id)
    except BadRequest as error:
        raise StepFailed(
            error.code or "CredentialsRejected",
            f"The credentials saved for {key} do not work: {error.message}",
            "The job was not started. Correct them, then: entra-fleet apply --save-credentials.",
            request_id=error.request_id,
        ) from None


async def state_of(graph: GraphClient, service_principal_id: str, job_id: str) -> JobState:
    """Return how the job is doing now."""
    return assess(await graph.batched.synchronization.get_job(service_principal_id, job_id)).state


async def _find(graph: GraphClient, service_principal_id: str, template_id: str) -> SynchronizationJob | None:
    try:
        jobs = await graph.batched.synchronization.jobs(service_principal_id)
    except NotFound:
        # A service principal without jobs was seen to answer so: its readiness has been waited for before.
        return None
    return job_of(jobs, template_id)


async def _look_again(graph: GraphClient, service_principal_id: str, template_id: str) -> SynchronizationJob | None:
    return await look_for(graph, lambda: _find(graph, service_principal_id, template_id))


def _never_started(plan: InstancePlan, found: SynchronizationJob) -> str:
    """Return the id of a job that the plan did not know of, unless somebody has started it: it may be held since."""
    state = assess(found).state
    if state == "created":
        return found.id
    raise StepFailed(
        "JobUnforeseen",
        f"The tenant showed no job of {plan.key} when the plan was made; it has one, and its state is {state}.",
        "Apply again: the next plan knows of it.",
    )
