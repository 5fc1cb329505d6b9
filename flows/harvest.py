"""harvest-logs and harvest-audits: store every provisioning event, and who changed what, exactly once."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed
from pydantic import Field

from flows.formatting import format_iso
from flows.monitoring import harvest as harvesting
from flows.monitoring.harvest import OVERLAP, HarvestResult
from flows.report.content import Report, build_report
from flows.run.artifacts import publish_harvest, publish_report
from flows.run.context import name_run, open_run_context, run_context
from flows.run.progress import Progress, report_progress
from flows.run.redaction import install_log_filter
from flows.store import KnownInstance
from flows.tasks.mapped import redacted_task
from flows.tenant.observe import find_applications

OVERLAP_MINUTES = OVERLAP.total_seconds() / 60
_REPORT_DAYS = 7
"""Short enough to be rebuilt after every harvest; the command builds longer ones."""


@flow(name="harvest-logs", flow_run_name=name_run("harvest"), persist_result=False)
async def harvest_logs(
    tenant: str | None = None,
    since: datetime | None = None,
    overlap_minutes: Annotated[float, Field(ge=0)] = OVERLAP_MINUTES,
    all_applications: bool = False,
) -> State:
    """Read the tenant's provisioning log from where the last harvest ended, and store the events of our applications.

    Args:
        tenant: EntraTenant block to sign in with; empty to use the environment.
        since: Read again from this time; empty to continue where the last harvest ended.
        overlap_minutes: Overlap with the previous harvest, to catch late events.
        all_applications: Also keep events of applications that no fleet manages.
    """
    install_log_filter()
    async with open_run_context(tenant):
        # First: an application that is new since the last harvest is ours from its first event on.
        await find_owned_applications()
        # Graph's clock dates the events, and this machine's may be wrong.
        result = await read_log(run_context().graph.now(), since, timedelta(minutes=overlap_minutes), all_applications)
        await publish_harvest(result)
        await publish_report(await gather_report())
    text = f"{result.new} new of {result.read} events"
    if result.gaps:
        return Completed(name="PartiallyCompleted", message=f"{text}, {len(result.gaps)} gaps", data=result)
    return Completed(message=text, data=result)


@flow(name="harvest-audits", flow_run_name=name_run("harvest-audits"), persist_result=False)
async def harvest_audits(
    tenant: str | None = None,
    since: datetime | None = None,
    overlap_minutes: Annotated[float, Field(ge=0)] = OVERLAP_MINUTES,
) -> State:
    """Read who changed what about provisioning, from where the last harvest of the audit log ended, and store it.

    Args:
        tenant: EntraTenant block to sign in with; empty to use the environment.
        since: Read again from this time; empty to continue where the last harvest ended.
        overlap_minutes: Overlap with the previous harvest, to catch late records.
    """
    install_log_filter()
    async with open_run_context(tenant):
        result = await read_audits(await ask_the_time(), since, timedelta(minutes=overlap_minutes))
        await publish_harvest(result, audits=True)
    text = f"{result.new} new of {result.read} records"
    if result.gaps:
        return Completed(name="PartiallyCompleted", message=f"{text}, {len(result.gaps)} gaps", data=result)
    return Completed(message=text, data=result)


@redacted_task("find-service-principals")
async def find_owned_applications() -> None:
    """Record which service principals are tagged by which fleet."""
    run = run_context()
    marked = [
        KnownInstance(item.service_principal_id, item.mark.fleet, item.mark.key, item.display_name)
        for item in await find_applications(run.graph, None)
        if item.mark and item.service_principal_id
    ]
    await asyncio.to_thread(run.store.instances.keep, run.tenant_id, marked, run.graph.now())


@redacted_task("read-provisioning-log")
async def read_log(now: datetime, since: datetime | None, overlap: timedelta, all_applications: bool) -> HarvestResult:
    """Read the log up to now, window by window, and store its events."""
    run = run_context()
    result = await harvesting.harvest(
        run.graph,
        run.store,
        tenant_id=run.tenant_id,
        service_principal_ids=None if all_applications else await asyncio.to_thread(_ours, now, overlap),
        now=now,
        since=_in_utc(since),
        overlap=overlap,
        on_stored=_progress_reporter("events"),
    )
    _warn_of_rewinding(result)
    return result


@redacted_task("ask-the-time")
async def ask_the_time() -> datetime:
    """Return the time by Graph's clock, which dates the records: this machine's may be wrong."""
    graph = run_context().graph
    # The clock is known from an answer; nothing was asked yet.
    async for _ in graph.directory_audits.pages(top=1):
        break
    return graph.now()


@redacted_task("read-directory-audits")
async def read_audits(now: datetime, since: datetime | None, overlap: timedelta) -> HarvestResult:
    """Read the audit log up to now, window by window, and store its records of provisioning."""
    run = run_context()
    result = await harvesting.harvest_audits(
        run.graph,
        run.store,
        tenant_id=run.tenant_id,
        now=now,
        since=_in_utc(since),
        overlap=overlap,
        on_stored=_progress_reporter("records"),
    )
    _warn_of_rewinding(result)
    return result


def _in_utc(since: datetime | None) -> datetime | None:
    return since if since is None or since.tzinfo else since.replace(tzinfo=UTC)


def _progress_reporter(noun: str) -> Callable[[HarvestResult], None]:
    """Return what shows how far a harvest is, and logs it with each tenth."""
    logger, told_at = get_run_logger(), -1

    def tell(so_far: HarvestResult) -> None:
        nonlocal told_at
        percent = int(so_far.progress * 100)
        reached = format_iso(so_far.watermark) or "nothing yet"
        text = f"{so_far.new} new of {so_far.read} {noun}, complete up to {reached}"
        report_progress(Progress("harvest", percent, 100, text))
        if percent // 10 != told_at:
            told_at = percent // 10
            logger.info("%d %%: %s", percent, text)

    return tell


def _warn_of_rewinding(result: HarvestResult) -> None:
    if result.rewound_from:
        text = "the watermark %s was in the future, set by a wrong clock: the log was read again from the last event"
        get_run_logger().warning(text, format_iso(result.rewound_from))


def _ours(now: datetime, overlap: timedelta) -> set[str]:
    # An application retired since the last harvest is no longer tagged, but its last events are still ours.
    run = run_context()
    read_up_to = run.store.harvests.watermark(run.tenant_id) or now
    return run.store.instances.service_principal_ids(run.tenant_id, seen_since=min(read_up_to, now) - overlap)


@redacted_task("gather-report")
async def gather_report() -> Report:
    """Build the report of the last days from the store."""
    return await asyncio.to_thread(build_report, run_context().store, days=_REPORT_DAYS)
