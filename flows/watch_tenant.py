"""watch-tenant: find every provisioning job of the tenant, and watch them all."""

import asyncio
import time
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed
from pydantic import Field

from flows.formatting import format_count
from flows.inventory.discovery import TenantLook
from flows.inventory.inventory import Inventory, read_inventory
from flows.inventory.watch import TenantSweep, build_sweep, record_sweep
from flows.run.artifacts import publish_health
from flows.run.context import name_run, open_run_context, run_context
from flows.run.events import emit_episode_events
from flows.run.progress import Progress, report_progress
from flows.run.redaction import install_log_filter
from flows.store import Measurement
from flows.tasks.jobs import triage_quarantines
from flows.tasks.mapped import log, redacted_task


@redacted_task("look-through-tenant")
async def look_through_tenant(full_every_hours: float) -> Inventory:
    """Find every job of the tenant, or what has changed since the last look; a look that was killed goes on."""
    run, began = run_context(), time.monotonic()
    spent = run.graph.requests_sent

    def tell(what: str, done: int, total: int) -> None:
        report_progress(Progress("inventory", done, total, what))

    look = TenantLook(run.graph, run.store, run.tenant_id, full_every_hours=full_every_hours, on_progress=tell)
    await look.run()
    found = await asyncio.to_thread(
        read_inventory,
        run.store,
        run.tenant_id,
        run.graph.now(),
        requests=run.graph.requests_sent - spent,
        seconds=time.monotonic() - began,
    )
    log().info("%d jobs of %d service principals", len(found.rows), found.service_principals)
    return found


@redacted_task("record-jobs")
async def record_jobs(inventory: Inventory) -> TenantSweep:
    """Keep what differs from the last time, and tell Prefect of episodes that began or ended."""
    run = run_context()
    seen, now = build_sweep(inventory), run.graph.now()
    swept = Measurement(tenant_id=seen.tenant_id, name="sweep", value=now.timestamp(), measured_at=now)
    await asyncio.to_thread(run.store.measurements.put, [swept])
    for fleet in await asyncio.to_thread(record_sweep, run.store, seen, now):
        await emit_episode_events(run.store, seen.tenant_id, fleet)
    return seen


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
