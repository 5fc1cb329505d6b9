"""The tasks that retire instances: a log line and one call each."""

import asyncio
from collections.abc import Sequence

from flows.fleet_file.models import Fleet
from flows.plan.retirement import Retirement, plan_retirements
from flows.run.context import run_context
from flows.steps import retire
from flows.tasks.mapped import log, redacted_task, step


@redacted_task("plan-retirements")
async def plan_retirement(
    fleet: Fleet, keys: Sequence[str], application_id: str | None, purge: bool, force: bool
) -> list[Retirement]:
    """Find what bears the marks of the keys."""
    found = await plan_retirements(
        run_context().graph, fleet, keys, application_id=application_id, purge=purge, force=force
    )
    log().info("%s: %d of %d instances to retire", fleet.fleet, sum(each.needed for each in found), len(found))
    return found


@step("pause-job")
async def pause_job(plan: Retirement, job_id: str) -> None:
    """Pause the job, so that no cycle begins meanwhile."""
    log().info("%s: pausing job %s", plan.key, job_id)
    await retire.pause_job(run_context().graph, plan.service_principal_id or "", job_id)


@step("delete-job")
async def delete_job(plan: Retirement, job_id: str) -> None:
    """Delete the job."""
    log().info("%s: deleting job %s", plan.key, job_id)
    await retire.delete_job(run_context().graph, plan.service_principal_id or "", job_id)


@step("delete-application")
async def delete_application(plan: Retirement) -> None:
    """Move the application to the recycle bin."""
    log().info("%s: deleting application %s (%s)", plan.key, plan.application_id, plan.display_name)
    await retire.delete_application(run_context().graph, plan)


@step("forget-fingerprints")
async def forget_fingerprints(plan: Retirement) -> None:
    """Forget what the store knows of the credentials and mappings that are gone."""
    link, principal_id = run_context(), plan.service_principal_id or ""
    await asyncio.to_thread(link.store.fingerprints.forget, link.tenant_id, principal_id)
    await asyncio.to_thread(link.store.schemas.forget_applied, link.tenant_id, principal_id)


@step("purge-application")
async def purge_application(plan: Retirement) -> None:
    """Remove the application from the recycle bin."""
    log().info("%s: purging application %s (%s)", plan.key, plan.application_id, plan.display_name)
    await retire.purge(run_context().graph, plan)
