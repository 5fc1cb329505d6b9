"""Harvest the provisioning log: every event of our applications once, none lost.

One stream for the whole tenant, window by window: asking application by application would take a request
for each of them under Graph's limit of 5 per 10 seconds. What has been read is stored page by page, and the
watermark moves with the last page of a window, in the same transaction; so whatever is interrupted is read
again, and what is read again is stored once.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flows.monitoring.garbage import rarely_collected
from flows.monitoring.iso import iso
from flows.monitoring.windows import FIRST_LENGTH, Window, whole_second
from flows.store import Gap, Scope, Store
from graph_client import GraphClient
from graph_client.models import ProvisioningEvent

OVERLAP = timedelta(minutes=30)
"""How far before the watermark is read again: events reach the log up to minutes after they happened."""

RETENTION = timedelta(days=30)
"""How long Graph keeps the log with an Entra ID P1 or P2 licence; 7 days without."""


@dataclass(frozen=True)
class HarvestResult:
    """What a harvest did, or has done so far.

    Args:
        read: Events that Graph sent, those of other applications and those sent twice included.
        new: Events that were not in the store.
        watermark: The moment before which every event is stored.
        gaps: Spans that the log had forgotten before they were read.
        dropped: Events of other applications, not stored.
    """

    read: int = 0
    new: int = 0
    watermark: datetime | None = None
    gaps: tuple[Gap, ...] = ()
    dropped: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return what `harvest --output json` prints."""
        gaps = [{"reason": gap.reason, "start": iso(gap.start), "end": iso(gap.end)} for gap in self.gaps]
        return {"read": self.read, "new": self.new, "watermark": iso(self.watermark), "gaps": gaps}


async def harvest(
    graph: GraphClient,
    store: Store,
    *,
    tenant_id: str,
    service_principal_ids: Collection[str] | None,
    now: datetime,
    since: datetime | None = None,
    overlap: timedelta = OVERLAP,
    retention: timedelta = RETENTION,
    top: int | None = None,
    on_page: Callable[[HarvestResult], None] | None = None,
) -> HarvestResult:
    """Read the provisioning log from where the last harvest ended up to now, and store it.

    Args:
        graph: A signed-in client.
        store: Where the events go.
        tenant_id: The tenant the client is signed in to.
        service_principal_ids: The applications whose events are kept; None for all of the tenant. One that
            joins later has its events from then on, less `overlap`; `since` reads the earlier ones.
        now: Where to stop. A clock that is wrong by more than `overlap` loses events.
        since: Read again from here. It never skips what has not been read yet.
        overlap: How far before the watermark to read again, for events that came late.
        retention: How long Graph keeps events: how far a first harvest goes back, and when a gap is reported.
        top: Events a page; None for the client's setting.
        on_page: Called with the result so far, after each page that was stored.

    Raises:
        GraphError: A page could not be read. Pages before it are stored, and the next harvest takes up there.
        StoreError: The store cannot be written.

    Source: https://learn.microsoft.com/graph/api/provisioningobjectsummary-list
    """
    scope: Scope = "tenant" if service_principal_ids is None else "fleet"
    kept = None if service_principal_ids is None else {given.lower() for given in service_principal_ids}
    end = whole_second(now)
    watermark = await asyncio.to_thread(store.harvests.watermark, tenant_id, scope)
    start = _start(watermark, end, since=since, overlap=overlap, retention=retention)
    gaps = _gaps(watermark, end - retention)
    for gap in gaps:
        await asyncio.to_thread(store.harvests.record_gap, tenant_id, gap, scope=scope)
    log = _Log(graph, store, tenant_id, scope, kept, top, on_page, HarvestResult(watermark=watermark, gaps=gaps))
    length = FIRST_LENGTH
    with rarely_collected():
        while start < end:
            window = Window(start, min(whole_second(start + length), end))
            length = window.next_length(await log.read(window))
            start = window.end
    return log.result


def _start(
    watermark: datetime | None,
    end: datetime,
    *,
    since: datetime | None,
    overlap: timedelta,
    retention: timedelta,
) -> datetime:
    if watermark is None:
        return end - retention if since is None else whole_second(since)
    # A watermark ahead of now was set by a clock that was wrong.
    resumed = min(watermark, end) - overlap
    # Past the retention too: Graph may have kept more than is promised.
    return whole_second(resumed if since is None else min(resumed, since))


def _gaps(watermark: datetime | None, remembered_from: datetime) -> tuple[Gap, ...]:
    if watermark is None or watermark >= remembered_from:
        return ()
    return (Gap("retention", watermark, remembered_from),)


@dataclass
class _Log:
    """The log of one tenant on its way into the store."""

    graph: GraphClient
    store: Store
    tenant_id: str
    scope: Scope
    kept: Collection[str] | None
    top: int | None
    on_page: Callable[[HarvestResult], None] | None
    result: HarvestResult

    async def read(self, window: Window) -> int:
        """Store the window page by page, the watermark with the last one; return the number of pages."""
        pages = 0
        held: Sequence[ProvisioningEvent] = ()
        stream = self.graph.provisioning_logs.pages(after=window.after, before=window.before, top=self.top)
        async for page in stream:
            if pages:
                await self._save(held, None)
            pages += 1
            held = page
        await self._save(held, window.end)
        return pages

    async def _save(self, page: Sequence[ProvisioningEvent], watermark: datetime | None) -> None:
        ours = [event for event in page if self._is_ours(event)]
        new = await asyncio.to_thread(
            self.store.harvests.save, self.tenant_id, ours, scope=self.scope, watermark=watermark
        )
        so_far = self.result
        self.result = replace(
            so_far,
            read=so_far.read + len(page),
            new=so_far.new + new,
            watermark=max(filter(None, (so_far.watermark, watermark)), default=None),
            dropped=so_far.dropped + len(page) - len(ours),
        )
        if self.on_page is not None:
            self.on_page(self.result)

    def _is_ours(self, event: ProvisioningEvent) -> bool:
        return self.kept is None or (event.service_principal_id or "").lower() in self.kept
