"""watch-tenant: find every provisioning job of the tenant, and watch them all."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed
from pydantic import Field

from flows.artifacts import publish_health
from flows.formatting import format_count
from flows.run.context import name_run, open_run_context
from flows.run.redaction import install_log_filter
from flows.tasks.inventory import look_through_tenant, record_jobs
from flows.tasks.jobs import triage_quarantines


@flow(name="watch-tenant", flow_run_name=name_run("watch"), persist_result=False)
async def watch_tenant(tenant: str | None = None, full_every_hours: Annotated[float, Field(ge=0)] = 24) -> State:
    """Check every job of the tenant, managed or not, and record changes. Only reads.

    Args:
        tenant: EntraTenant block to sign in with; empty to use the environment.
        full_every_hours: How often to read all service principals again, rather than what has changed.
    """
    install_log_filter()
    async with open_run_context(tenant):
        inventory = await look_through_tenant(full_every_hours)
        for each in inventory.unreadable:
            get_run_logger().warning("%s: Graph does not show its jobs: %s", each.display_name, each.error_code)
        seen = await triage_quarantines(await record_jobs(inventory))
        await publish_health(seen)
    text = format_count(seen.count()) or "no jobs"
    if seen.unwell:
        return Completed(name="PartiallyCompleted", message=text, data=seen)
    return Completed(message=text, data=seen)
