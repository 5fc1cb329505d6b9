"""Waiting until Graph shows everywhere what was created a moment ago."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from flows.errors import StepFailed
from flows.monitoring.own_job import default_template
from flows.plan.outcome import ApplicationIds
from flows.plan.plan import InstancePlan
from flows.steps.idempotency import find_existing, wait_limits
from flows.tenant.ownership_tag import OwnershipTag
from graph_client import GraphClient
from graph_client.models import Application, SynchronizationTemplate
from graph_client.parallel import gather
from graph_client.protocol import text_literal

_SECOND_LOOK_SECONDS_MAX = 15.0


@dataclass(frozen=True)
class ReadyApplication:
    """An application that all replicas show.

    Args:
        template_id: Of its synchronization templates, the one to use.
        tags: What it has been tagged with.
        search_lag_seconds: How long the search took to show it; None if this run has not created it.
    """

    template_id: str
    tags: tuple[str, ...]
    search_lag_seconds: float | None

    def schedule_second_look(self) -> float | None:
        """Return when to look again for another run's application, by the loop's clock: in as long as the search lags.

        Call it once our own has its tag: another run may have created one by now without having seen ours, and under
        another display name, so that only the tag shows it. None if this run has created nothing.
        """
        if self.search_lag_seconds is None:
            return None
        seconds = max(self.search_lag_seconds, wait_limits().second_look_seconds)
        return asyncio.get_running_loop().time() + min(seconds, _SECOND_LOOK_SECONDS_MAX)


async def wait_until_ready(graph: GraphClient, plan: InstancePlan, placed: ApplicationIds) -> ReadyApplication:
    """Wait until all replicas show both objects and the synchronization templates, and the search the application.

    Raises:
        StepFailed: There is no synchronization template to use.
        WaitExpired: Both objects and the templates did not appear within ten minutes.

    Source: https://learn.microsoft.com/graph/application-saml-sso-configure-api
    """

    async def look() -> tuple[Application, list[SynchronizationTemplate]] | None:
        application, _, templates = await gather(
            graph.batched.applications.get(placed.application_id, select=("id", "tags")),
            graph.batched.service_principals.get(placed.service_principal_id, select=("id",)),
            graph.batched.synchronization.templates(placed.service_principal_id),
        )
        # An empty list is no answer yet: without a template there can be no job.
        return (application, templates) if templates else None

    bounds = wait_limits()
    (application, templates), search_lag_seconds = await gather(
        graph.wait_until(
            look,
            seen=bounds.good_reads,
            within_seconds=bounds.ready_seconds,
            interval_seconds=bounds.interval_seconds,
        ),
        _measure_search_lag(graph, plan, placed),
    )
    return ReadyApplication(choose_template(plan, templates), tuple(application.tags or ()), search_lag_seconds)


async def _measure_search_lag(graph: GraphClient, plan: InstancePlan, placed: ApplicationIds) -> float | None:
    """Return how long the search took to show what this run has created, or how long it was waited for in vain."""
    if placed.requested_at is None:
        return None
    name = OwnershipTag(plan.fleet, plan.key).unique_name(plan.instance.display_name)

    async def look() -> bool | None:
        found = graph.batched.applications.list(filter=f"displayName eq {text_literal(name)}", select=("id",))
        return placed.application_id in {each.id async for each in found} or None

    await find_existing(graph, look)
    return asyncio.get_running_loop().time() - placed.requested_at


def choose_template(plan: InstancePlan, templates: Sequence[SynchronizationTemplate]) -> str:
    """Return the id of the synchronization template to use: the named one, the only one, or the default.

    Raises:
        StepFailed: The named one does not exist, or none is named and there is no single default.
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
