"""Creating the application of an instance exactly once."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from flows.errors import StepFailed
from flows.plan.outcome import ApplicationIds
from flows.plan.plan import InstancePlan
from flows.steps.idempotency import create_once, find_existing
from flows.steps.wait_limits import wait_limits
from flows.tenant.owned_applications import duplicate_hint
from flows.tenant.ownership_tag import OwnershipTag, tag_prefix
from graph_client import GraphClient, Resources
from graph_client.errors import NotFound
from graph_client.models import Application, SynchronizationTemplate
from graph_client.odata import text_literal
from graph_client.parallel import gather

_FIELDS = ("id", "appId", "createdDateTime")

_SECOND_LOOK_SECONDS_MAX = 15.0


async def create_application(graph: GraphClient, plan: InstancePlan) -> ApplicationIds:
    """Create the application and its service principal from the template, unless they are there.

    Instantiate is not idempotent and its answer may be lost, so the application is created under a name that nothing
    else bears, and looked for by it before each attempt.

    Raises:
        StepFailed: More than one application is this instance.
        GraphError: Graph refused, or the outcome stayed unknown.

    Source: https://learn.microsoft.com/graph/api/applicationtemplate-instantiate
    """
    unique_name = OwnershipTag(plan.fleet, plan.key).unique_name(plan.instance.display_name)
    if found := await _find(graph, plan):
        return found

    async def instantiate() -> ApplicationIds:
        made = await graph.application_templates.instantiate(
            plan.template_id,
            display_name=unique_name,
            service_management_reference=plan.instance.service_management_reference,
        )
        return ApplicationIds(made.application.id, made.service_principal.id, made.application.app_id)

    requested_at = asyncio.get_running_loop().time()
    # Graph is known to answer 404 although it made the application.
    placed = await create_once(instantiate, lambda: _look_again(graph, plan), misleading=NotFound)
    graph.note_created(placed.application_id, placed.service_principal_id)
    return replace(placed, requested_at=requested_at)


async def find_application(graph: GraphClient, plan: InstancePlan) -> ApplicationIds:
    """Return the ids of an instance that the plan has seen, looking up what it had not seen of it.

    Raises:
        StepFailed: It is gone, or more than one application is this instance.
    """
    if plan.application_id and plan.service_principal_id:
        return ApplicationIds(plan.application_id, plan.service_principal_id, plan.app_id)
    # It may bear a former mark, or be created under another name than the file gives it now.
    app_id = plan.app_id
    found = await (find_existing(graph, lambda: _find_by_app_id(graph, app_id)) if app_id else _look_again(graph, plan))
    if found:
        return found
    if plan.application_id:
        raise StepFailed(
            "ServicePrincipalMissing",
            f"The application {plan.application_id} of {plan.key} has no service principal.",
            "If it was made minutes ago, apply again. If not, it is gone for good: take away what is left, then apply: "
            f"entra-fleet retire FLEET --only {plan.key}",
        )
    raise StepFailed("ApplicationGone", f"The application of {plan.key} is no longer there.", "Apply again.")


async def wait_until_ready(graph: GraphClient, placed: ApplicationIds) -> list[SynchronizationTemplate]:
    """Wait until the tenant's replicas agree that both objects and the synchronization templates are there.

    Returns:
        The synchronization templates of the service principal.

    Raises:
        WaitExpired: They did not show within ten minutes.

    Source: https://learn.microsoft.com/graph/application-saml-sso-configure-api
    """

    async def look() -> list[SynchronizationTemplate] | None:
        _, _, templates = await gather(
            graph.batched.applications.get(placed.application_id, select=("id",)),
            graph.batched.service_principals.get(placed.service_principal_id, select=("id",)),
            graph.batched.synchronization.templates(placed.service_principal_id),
        )
        return templates or None

    bounds = wait_limits()
    return await graph.wait_until(
        look,
        seen=bounds.good_reads,
        within_seconds=bounds.ready_seconds,
        interval_seconds=bounds.interval_seconds,
    )


async def name_and_tag(graph: GraphClient, plan: InstancePlan, placed: ApplicationIds) -> None:
    """Give the application its display name, its mark and its notes in one write.

    Raises:
        StepFailed: Another fleet has marked it since the plan.

    Source: https://learn.microsoft.com/graph/api/application-update
    """
    application = await graph.batched.applications.get(placed.application_id, select=("id", "tags"))
    tag = OwnershipTag(plan.fleet, plan.key).tag
    ours = {tag, *(change.before for change in plan.changes if change.field == "mark")}
    # PATCH replaces the whole collection; the tags of others decide where the application shows.
    others = [
        other for other in application.tags or () if other not in ours and not other.startswith(tag_prefix(plan.fleet))
    ]
    if taken := OwnershipTag.in_tags(others):
        raise StepFailed(
            "MarkedByAnother",
            f"The application {placed.application_id} of {plan.key} bears the mark {taken.tag}.",
            "Another fleet took it since the plan; it was left alone.",
        )
    description = {
        "displayName": plan.instance.display_name,
        "tags": [*others, tag],
        "notes": plan.instance.notes,
        "serviceManagementReference": plan.instance.service_management_reference,
    }
    changes = {name: value for name, value in description.items() if value is not None}
    await graph.applications.patch(placed.application_id, changes)


async def ensure_sole_application(graph: GraphClient, plan: InstancePlan, placed: ApplicationIds) -> float | None:
    """Make sure that no second run created the same instance, before its job is created.

    Runs with one store exclude each other by a lease; of runs with several the directory tells, late. What this run has
    created is looked for until the search shows it.

    Returns:
        When to look again, by the loop's clock: by now another run may have created its own without having seen this
        one, and the search may take as long to show that. None if this run has created nothing.

    Raises:
        StepFailed: Another application has the mark; both are named.
    """
    if placed.requested_at is None:
        await _look_for_another(graph, plan, placed)
        return None
    await find_existing(graph, lambda: _look_for_another(graph, plan, placed))
    now = asyncio.get_running_loop().time()
    return now + min(max(now - placed.requested_at, wait_limits().second_look_seconds), _SECOND_LOOK_SECONDS_MAX)


async def ensure_still_sole(
    graph: GraphClient, plan: InstancePlan, placed: ApplicationIds, look_again_at: float
) -> None:
    """Look for a second run's application once more, before the job is started; mostly its moment has passed by then.

    Raises:
        StepFailed: Another application has the mark; both are named.
    """
    await asyncio.sleep(max(look_again_at - asyncio.get_running_loop().time(), 0.0))
    await _look_for_another(graph, plan, placed)


async def _look_for_another(graph: GraphClient, plan: InstancePlan, placed: ApplicationIds) -> bool | None:
    bearers = await _bearers(graph, plan)
    if bearers.keys() - {placed.application_id}:
        raise _two(plan, {placed.application_id, *bearers})
    return placed.application_id in bearers or None


async def _find(graph: GraphClient, plan: InstancePlan) -> ApplicationIds | None:
    bearers = await _bearers(graph, plan)
    if len(bearers) > 1:
        raise _two(plan, bearers)
    for application in bearers.values():
        return await _with_principal(graph, application)
    return None


async def _find_by_app_id(graph: GraphClient, app_id: str) -> ApplicationIds | None:
    for application in await _applications(graph, f"appId eq {text_literal(app_id)}"):
        return await _with_principal(graph, application)
    return None


async def _with_principal(graph: GraphClient, application: Application) -> ApplicationIds | None:
    condition = f"appId eq {text_literal(application.app_id or '')}"
    async for principal in graph.service_principals.list(filter=condition, select=("id", "appId")):
        return ApplicationIds(application.id, principal.id, application.app_id)
    return None


async def _look_again(graph: GraphClient, plan: InstancePlan) -> ApplicationIds | None:
    """Look for the instance until it shows or it is safe to say that it was never made."""
    return await find_existing(graph, lambda: _find(graph, plan))


async def _bearers(graph: GraphClient, plan: InstancePlan) -> dict[str, Application]:
    """Return the applications with the unique name or the mark of an instance, by object id."""
    mark = OwnershipTag(plan.fleet, plan.key)
    name = text_literal(mark.unique_name(plan.instance.display_name))
    conditions = (f"displayName eq {name}", f"tags/any(t:t eq {text_literal(mark.tag)})")
    found = await gather(*(_applications(graph.batched, condition) for condition in conditions))
    return {application.id: application for part in found for application in part}


async def _applications(graph: Resources, condition: str) -> list[Application]:
    return [each async for each in graph.applications.list(filter=condition, select=_FIELDS)]


def _two(plan: InstancePlan, application_ids: Iterable[str]) -> StepFailed:
    ids = sorted(application_ids)
    return StepFailed(
        "TwoApplications",
        f"{len(ids)} applications are {plan.key}: {' and '.join(ids)}.",
        f"Another run, with another store, made one of them; this run started no job of it. {duplicate_hint(plan.key)}",
    )
