"""The tasks of a look at the whole tenant: a log line and one call each."""

import asyncio
import time

from flows.inventory.discovery import TenantLook
from flows.inventory.inventory import Inventory, read_inventory
from flows.inventory.watch import TenantSweep, build_sweep, record_sweep
from flows.run.context import run_context
from flows.run.job_events import emit_episode_events
from flows.run.progress import Progress, report_progress
from flows.store import Measurement
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
