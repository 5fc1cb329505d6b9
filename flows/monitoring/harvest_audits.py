"""Harvest the directory audit log: every record of the provisioning service once, none lost.

Windows, overlap, gaps and progress are those of the provisioning log; what differs is what is asked for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flows.monitoring.harvest import OVERLAP, PARCEL, RETENTION, HarvestResult, LogReader, begin_harvest
from flows.monitoring.windows import Window
from flows.store import Gap, Store
from graph_client import GraphClient
from graph_client.models import DirectoryAudit
from graph_client.resources.audit_logs import ACCOUNT_PROVISIONING

_CATEGORY = "ProvisioningManagement"
_DOUBTED = timedelta(days=1)
"""How much is read without the filter where the filter found nothing."""


async def harvest_audits(
    graph: GraphClient,
    store: Store,
    *,
    tenant_id: str,
    now: datetime,
    since: datetime | None = None,
    overlap: timedelta = OVERLAP,
    retention: timedelta = RETENTION,
    top: int | None = None,
    parcel: int = PARCEL,
    on_stored: Callable[[HarvestResult], None] | None = None,
) -> HarvestResult:
    """Read what the audit log has of provisioning, from where the last harvest ended up to now, and store it.

    Graph filters by service. In 2018 that filter found nothing (microsoft-graph-docs issue 3648), and nobody said
    that this was mended: so where nothing is found, the last day is read without it, and if there is something, all.

    Args: as of `harvest`.

    Raises:
        GraphError: Graph failed, or the end of the log could not be read. What was read before is stored.
        StoreError: The store cannot be written.

    Source: https://learn.microsoft.com/graph/api/directoryaudit-list
    """
    span, begun = await asyncio.to_thread(begin_harvest, store, tenant_id, "audits", now, since, overlap, retention)
    log = _AuditLog(graph, store, tenant_id)
    result = await LogReader(log, span, begun, on_stored, top, parcel).read()
    # Something was found, so the filter works.
    if result.read:
        return result
    unfiltered = replace(log, service=None)
    if not await unfiltered.has_records(Window(max(span.start, span.end - _DOUBTED), span.end)):
        return result
    return await LogReader(unfiltered, span, replace(begun, gaps=result.gaps), on_stored, top, parcel).read()


@dataclass(frozen=True)
class _AuditLog:
    """The audit log of one tenant."""

    graph: GraphClient
    store: Store
    tenant_id: str
    service: str | None = ACCOUNT_PROVISIONING

    def pages(self, window: Window, top: int | None) -> AsyncIterator[list[DirectoryAudit]]:
        # Graph's page names `ge` and `le`, so a bound belongs to two windows; what is read twice is stored once.
        return self.graph.directory_audits.pages(start=window.start, end=window.end, service=self.service, top=top)

    def keeps(self, record: DirectoryAudit) -> bool:
        return record.logged_by_service == ACCOUNT_PROVISIONING or record.category == _CATEGORY

    def save(self, records: Sequence[DirectoryAudit], finished: Window | None, gaps: Sequence[Gap]) -> int:
        return self.store.audits.save(
            self.tenant_id,
            records,
            watermark=finished.end if finished else None,
            read_from=finished.start if finished else None,
            gaps=gaps,
        )

    async def has_records(self, window: Window) -> bool:
        """Return whether there is anything to keep in a window."""
        async for page in self.pages(window, None):
            if any(self.keeps(record) for record in page):
                return True
        return False
