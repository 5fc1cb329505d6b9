"""Retiring an instance; each step looks before it deletes, and what is already gone is not a failure."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from flows.errors import StepFailed
from flows.plan.retirement import Retirement
from flows.steps.idempotency import find_existing, wait_limits
from flows.tenant.ownership_tag import OwnershipTag
from graph_client import GraphClient
from graph_client.errors import NotFound, WaitExpired

_ATTEMPTS = 3


async def pause_job(graph: GraphClient, service_principal_id: str, job_id: str) -> None:
    """Pause the job, so that no cycle begins during the removal.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-pause
    """
    with suppress(NotFound):
        await graph.synchronization.pause(service_principal_id, job_id)


async def delete_job(graph: GraphClient, service_principal_id: str, job_id: str) -> None:
    """Delete the job and its state.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-delete
    """
    jobs = graph.synchronization
    await _delete(
        graph,
        partial(jobs.delete_job, service_principal_id, job_id),
        partial(jobs.get_job, service_principal_id, job_id),
    )


async def delete_application(graph: GraphClient, plan: Retirement) -> None:
    """Move the application and its service principal to the recycle bin.

    Raises:
        StepFailed: It no longer has the fleet's tag, or it still shows after repeated deletion.
        GraphError: Graph refused.

    Source: https://learn.microsoft.com/graph/api/application-delete
    """
    application_id = plan.application_id
    if application_id is None:
        # Only the application was deleted; its service principal still has the tag.
        with suppress(NotFound):
            await graph.service_principals.delete(plan.service_principal_id or "")
        return
    for _ in range(_ATTEMPTS):
        # One replica without it proves nothing: it may be the last to receive a new application.
        if not await find_existing(graph, lambda: _is_ours(graph, plan, application_id)):
            return
        with suppress(NotFound):
            await graph.applications.delete(application_id)
            if await _is_gone(graph, application_id):
                return
    raise StepFailed(
        "StillThere",
        f"The application {application_id} of {plan.key} still exists after {_ATTEMPTS} deletions.",
        "Retire it again later.",
    )


async def purge(graph: GraphClient, plan: Retirement) -> None:
    """Permanently delete the application and its service principal from the recycle bin.

    The application goes last: its tag identifies an interrupted purge.

    Source: https://learn.microsoft.com/graph/api/directory-deleteditems-delete
    """
    for object_id in filter(None, (plan.service_principal_id, plan.application_id)):
        # What was just deleted may take a moment to appear in the bin.
        await _delete(graph, partial(graph.deleted_items.purge, object_id), partial(graph.deleted_items.get, object_id))


async def _delete(
    graph: GraphClient, delete: Callable[[], Awaitable[None]], find: Callable[[], Awaitable[object]]
) -> None:
    """Delete what may be gone already: a 404 is believed once `find` does not find it either."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            await delete()
        except NotFound:
            if not await find_existing(graph, find):
                return
            if attempt == _ATTEMPTS:
                raise
        else:
            return


async def _is_ours(graph: GraphClient, plan: Retirement, application_id: str) -> bool:
    found = await graph.batched.applications.get(application_id, select=("id", "displayName", "tags"))
    # Read once more just before the deletion: a person may have taken the application over since the plan.
    mark = OwnershipTag.in_tags(found.tags) or OwnershipTag.in_name(found.display_name or "")
    if mark is None or mark.fleet not in plan.fleets:
        raise StepFailed(
            "NotOurs",
            f"The application {application_id} of {plan.key} no longer has the fleet's tag.",
            "Its tags were changed in the meantime; it was not deleted.",
        )
    return True


async def _is_gone(graph: GraphClient, application_id: str) -> bool:
    """Wait until all replicas show it as gone, so that a following apply does not find it."""

    async def look() -> bool | None:
        try:
            await graph.batched.applications.get(application_id, select=("id",))
        except NotFound:
            return True
        return None

    bounds = wait_limits()
    try:
        return await graph.wait_until(
            look,
            seen=bounds.good_reads,
            within_seconds=bounds.lookup_seconds,
            interval_seconds=bounds.interval_seconds,
        )
    except WaitExpired:
        return False
