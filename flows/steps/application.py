"""Creating the application of an instance exactly once."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from flows.errors import StepFailed
from flows.plan.outcome import ApplicationIds
from flows.plan.plan import InstancePlan
from flows.steps.idempotency import create_once, find_existing
from flows.steps.readiness import ReadyApplication
from flows.tenant.observe import duplicate_hint
from flows.tenant.ownership_tag import OwnershipTag, tag_prefix
from graph_client import GraphClient, Resources
from graph_client.errors import NotFound
from graph_client.models import Application
from graph_client.parallel import gather
from graph_client.protocol import text_literal

_FIELDS = ("id", "appId", "createdDateTime")


async def create_application(graph: GraphClient, plan: InstancePlan) -> ApplicationIds:
    """Create the application and its service principal from the template, unless they exist.

    Instantiate is not idempotent and its answer may be lost, so the application is created under a unique name and
    looked up by that name before each attempt.

    Raises:
        StepFailed: More than one application matches this instance.
        GraphError: Graph refused, or the outcome is unknown.

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

    # Before the request: how long the search takes to show the application is measured from here.
    requested_at = asyncio.get_running_loop().time()
    # Graph is known to answer 404 although it created the application.
    placed = await create_once(instantiate, lambda: _look_again(graph, plan), misleading=NotFound)
    # If the answer was lost, the client has not learned from it that these objects are new.
    graph.note_created(placed.application_id, placed.service_principal_id)
    return replace(placed, requested_at=requested_at)


async def find_application(graph: GraphClient, plan: InstancePlan) -> ApplicationIds:
    """Return the ids of an existing instance, looking up what the plan did not have.

    Raises:
        StepFailed: It no longer exists, or more than one application matches this instance.
    """
    if plan.application_id and plan.service_principal_id:
        return ApplicationIds(plan.application_id, plan.service_principal_id, plan.app_id)
    # It may have a former tag, or have been created under another name than the file has now.
    app_id = plan.app_id
    found = await (find_existing(graph, lambda: _find_by_app_id(graph, app_id)) if app_id else _look_again(graph, plan))
    if found:
        return found
    if plan.application_id:
        raise StepFailed(
            "ServicePrincipalMissing",
            f"The application {plan.application_id} of {plan.key} has no service principal.",
            "If it was created minutes ago, apply again. Otherwise it is gone for good: remove the rest, then apply: "
            f"entra-fleet retire FLEET --only {plan.key}",
        )
    raise StepFailed("ApplicationGone", f"The application of {plan.key} no longer exists.", "Apply again.")


async def name_and_tag(
    graph: GraphClient, plan: InstancePlan, placed: ApplicationIds, ready: ReadyApplication | None = None
) -> None:
    """Set display name, ownership tag and notes of the application in one write.

    Args:
        graph: A signed-in client.
        plan: For the instance.
        placed: Its application.
        ready: The same, if it was read just now.

    Raises:
        StepFailed: Another fleet has tagged it since the plan.

    Source: https://learn.microsoft.com/graph/api/application-update
    """
    # Read again, although the plan has them: the tags may have changed since, and PATCH replaces all of them.
    tags = ready.tags if ready else await _read_tags(graph, placed)
    tag = OwnershipTag(plan.fleet, plan.key).tag
    ours = {tag, *(change.before for change in plan.changes if change.field == "mark")}
    # PATCH replaces the whole collection, and other tags control where the application appears.
    others = [other for other in tags if other not in ours and not other.startswith(tag_prefix(plan.fleet))]
    if taken := OwnershipTag.in_tags(others):
        raise StepFailed(
            "MarkedByAnother",
            f"The application {placed.application_id} of {plan.key} has the ownership tag {taken.tag}.",
            "Another fleet has tagged it since the plan; it was not changed.",
        )
    description = {
        "displayName": plan.instance.display_name,
        "tags": [*others, tag],
        "notes": plan.instance.notes,
        "serviceManagementReference": plan.instance.service_management_reference,
    }
    # What the file does not name stays as it is; null would erase it.
    changes = {name: value for name, value in description.items() if value is not None}
    await graph.applications.patch(placed.application_id, changes)


async def _read_tags(graph: GraphClient, placed: ApplicationIds) -> tuple[str, ...]:
    return tuple((await graph.batched.applications.get(placed.application_id, select=("id", "tags"))).tags or ())


async def ensure_sole_application(graph: GraphClient, plan: InstancePlan, placed: ApplicationIds) -> None:
    """Check that no other run created the same instance, before creating its job.

    A lease excludes concurrent runs with the same store; runs with other stores show only in the directory, with a
    delay. What this run has created is looked up until the search shows it.

    Raises:
        StepFailed: Another application has the same tag; both are named.
    """
    if placed.requested_at is None:
        await _look_for_another(graph, plan, placed)
    else:
        # Until the search shows our own: by then it would also show one that another run created earlier.
        await find_existing(graph, lambda: _look_for_another(graph, plan, placed))


async def ensure_still_sole(
    graph: GraphClient, plan: InstancePlan, placed: ApplicationIds, look_again_at: float
) -> None:
    """Check again for another run's application before the job is started; usually without having to wait.

    Raises:
        StepFailed: Another application has the same tag; both are named.
    """
    await asyncio.sleep(max(look_again_at - asyncio.get_running_loop().time(), 0.0))
    await _look_for_another(graph, plan, placed)


async def _look_for_another(graph: GraphClient, plan: InstancePlan, placed: ApplicationIds) -> bool | None:
    tagged = await _find_tagged(graph, plan)
    if tagged.keys() - {placed.application_id}:
        raise _two(plan, {placed.application_id, *tagged})
    # None while the search lags: the caller looks again.
    return placed.application_id in tagged or None


async def _find(graph: GraphClient, plan: InstancePlan) -> ApplicationIds | None:
    tagged = await _find_tagged(graph, plan)
    if len(tagged) > 1:
        raise _two(plan, tagged)
    for application in tagged.values():
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
    """Look for the instance until it appears, or until it is certain that it was never created."""
    return await find_existing(graph, lambda: _find(graph, plan))


async def _find_tagged(graph: GraphClient, plan: InstancePlan) -> dict[str, Application]:
    """Return the applications with the unique name or the tag of an instance, by object id."""
    mark = OwnershipTag(plan.fleet, plan.key)
    name = text_literal(mark.unique_name(plan.instance.display_name))
    # Two searches: an application has the unique name until it is tagged, and the tag from then on.
    conditions = (f"displayName eq {name}", f"tags/any(t:t eq {text_literal(mark.tag)})")
    found = await gather(*(_applications(graph.batched, condition) for condition in conditions))
    return {application.id: application for part in found for application in part}


async def _applications(graph: Resources, condition: str) -> list[Application]:
    return [each async for each in graph.applications.list(filter=condition, select=_FIELDS)]


def _two(plan: InstancePlan, application_ids: Iterable[str]) -> StepFailed:
    ids = sorted(application_ids)
    # Cause: Two runs with separate stores were at work at the same time.
    return StepFailed(
        "TwoApplications",
        f"{len(ids)} applications match {plan.key}: {' and '.join(ids)}.",
        f"A run with another store created one of them; this run did not start its job.  {duplicate_hint(plan.key)}",
    )
