"""harvest-logs: every provisioning event of our applications, once, into the store."""

from datetime import UTC, datetime
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows import artifacts
from flows.connection import connected, connection
from flows.logs import quiet_expected_failures
from flows.monitoring import harvest as harvesting
from flows.monitoring.harvest import HarvestResult
from flows.names import name_of_run
from flows.progress import Progress, report
from flows.reconcile.observe import find_applications


@flow(name="harvest-logs", flow_run_name=name_of_run("harvest"), persist_result=False)
async def harvest_logs(
    tenant: Annotated[str | None, Field(description="EntraTenant block; empty for the environment.")] = None,
    since: Annotated[datetime | None, Field(description="Read again from here; empty for where it ended.")] = None,
) -> State:
    """Read the tenant's provisioning log from where the last harvest ended, and keep what is ours."""
    quiet_expected_failures()
    async with connected(tenant):
        result = await read_log(await find_service_principals(), since)
        await artifacts.publish_harvest(result)
    text = f"{result.new} new of {result.read} events"
    if result.gaps:
        return Completed(name="PartiallyCompleted", message=f"{text}, {len(result.gaps)} gaps", data=result)
    return Completed(message=text, data=result)


@task(name="find-service-principals", cache_policy=NO_CACHE, persist_result=False)
async def find_service_principals() -> list[str]:
    """Find the service principals that bear the mark of any fleet."""
    found = await find_applications(connection().graph, None)
    return [item.service_principal_id for item in found if item.mark and item.service_principal_id]


@task(name="read-provisioning-log", cache_policy=NO_CACHE, persist_result=False)
async def read_log(service_principal_ids: list[str], since: datetime | None) -> HarvestResult:
    """Read the log window by window and store its events."""
    run = connection()
    return await harvesting.harvest(
        run.graph,
        run.store,
        tenant_id=run.tenant_id,
        service_principal_ids=service_principal_ids,
        now=datetime.now(UTC),
        since=since if since is None or since.tzinfo else since.replace(tzinfo=UTC),
        on_page=lambda so_far: report(Progress("harvest", so_far.new, so_far.read)),
    )
