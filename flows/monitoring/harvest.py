"""Harvest the provisioning log: every event of our applications once, none lost.

One stream for the whole tenant, window by window: asking application by application would take a request
for each of them under Graph's limit of 5 per 10 seconds. What has been read is stored in parcels of some
pages, while the next page is on its way, and the watermark moves with the last of a window, in the same
transaction; so whatever is interrupted is read again, and what is read again is stored once. A window that
cannot be read to its end is read in halves.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from flows.formatting import format_iso
from flows.monitoring.windows import FIRST_LENGTH, UnreadableWindows, Window, lies_in_the_window, whole_second
from flows.store import Gap, Scope, Store, join_gaps
from graph_client import GraphClient
from graph_client.errors import GraphError
from graph_client.models import DirectoryAudit, ProvisioningEvent
from graph_client.resources.audit_logs import ACCOUNT_PROVISIONING

_OBJECTS = 10_000


_thresholds: list[tuple[int, int, int]] = []
"""What is usual, once for each who has raised it."""


@contextmanager
def raise_gc_threshold() -> Iterator[None]:
    """Look for garbage less often for a while.

    A page of 500 events is some fifteen thousand dictionaries and lists, and none is garbage: looking through them
    after every 700 takes as long as parsing them. In an apply it takes an eighth of the time. Not to look at all would
    let the memory grow page by page.
    """
    if not _thresholds:
        _thresholds.append(gc.get_threshold())
        gc.set_threshold(_OBJECTS, *_thresholds[0][1:])
    else:
        _thresholds.append(_thresholds[0])
    try:
        yield
    finally:
        # Runs side by side end in any order: the last one restores what was there before the first.
        before = _thresholds.pop()
        if not _thresholds:
            gc.set_threshold(*before)


T = TypeVar("T")


@asynccontextmanager
async def prefetch(items: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Give the items in their order, with the next one always on its way; leaving gives that one up.

    Args:
        items: What takes its time; an error it raises comes after the items before it.
    """
    upcoming = _next(items)

    async def each() -> AsyncIterator[T]:
        nonlocal upcoming
        while True:
            try:
                item = await upcoming
            except StopAsyncIteration:
                return
            upcoming = _next(items)
            yield item

    try:
        yield each()
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)


def _next(items: AsyncIterator[T]) -> asyncio.Task[T]:
    async def fetch() -> T:
        return await anext(items)

    return asyncio.create_task(fetch())


@dataclass(frozen=True)
class HarvestResult:
    """What a harvest did, or has done so far.

    Args:
        read: Events that Graph sent, those of other applications and those sent twice included.
        new: Events that were not in the store.
        watermark: The moment before which every event is stored.
        gaps: Spans that the log had forgotten before they were read, or that could not be read.
        dropped: Events of other applications, not stored.
        rewound_from: A watermark in the future, set by a wrong clock, that was taken back to the last event stored.
        progress: How much of the time from where it began up to now has been read, between 0 and 1.
    """

    read: int = 0
    new: int = 0
    watermark: datetime | None = None
    gaps: tuple[Gap, ...] = ()
    dropped: int = 0
    rewound_from: datetime | None = None
    progress: float = field(default=0.0, compare=False)

    def as_json(self) -> dict[str, Any]:
        """Return what `harvest --output json` prints."""
        gaps = [
            {"reason": gap.reason, "start": format_iso(gap.start), "end": format_iso(gap.end), "detail": gap.detail}
            for gap in self.gaps
        ]
        return {
            "read": self.read,
            "new": self.new,
            "watermark": format_iso(self.watermark),
            "gaps": gaps,
            "rewound_from": format_iso(self.rewound_from),
        }


class LogSource(Protocol[T]):
    """A log of Graph's, and where its records go."""

    def pages(self, window: Window, top: int | None) -> AsyncIterator[list[T]]:
        """The records of a window, page by page."""

    def keeps(self, record: T) -> bool:
        """Whether a record belongs into the store."""

    def save(self, records: Sequence[T], finished: Window | None, gaps: Sequence[Gap]) -> int:
        """Store records, and the watermark with the last of a window; return how many were new."""


OVERLAP = timedelta(minutes=30)
"""How far before the watermark is read again: events reach the log up to minutes after they happened.

Microsoft names no bound. Where events are seen to come later, read again from farther back, at least now and then.
"""

PARCEL = 2000
"""How many events are stored at once, at least: ids are random, each transaction touches most pages of their index."""

RETENTION = timedelta(days=30)
"""How long Graph keeps the log with an Entra ID P1 or P2 licence; 7 days without."""

CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far a watermark may lie in the future: `Date` has whole seconds, and Graph has many clocks."""


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
    parcel: int = PARCEL,
    on_stored: Callable[[HarvestResult], None] | None = None,
) -> HarvestResult:
    """Read the provisioning log from where the last harvest ended up to now, and store it.

    Args:
        graph: A signed-in client.
        store: Where the events go.
        tenant_id: The tenant the client is signed in to.
        service_principal_ids: The applications whose events are kept; None for all of the tenant. One that
            joins later has its events from then on, less `overlap`; `since` reads the earlier ones.
        now: Where to stop, by Graph's clock. A watermark that lies later was set by a wrong one: what follows the
            last event that is stored is read again.
        since: Read again from here. It never skips what has not been read yet.
        overlap: How far before the watermark to read again, for events that came late.
        retention: How long Graph keeps events: how far a first harvest goes back, and when a gap is reported.
        top: Events a page; None for the client's setting.
        parcel: How many events, at least, are stored in one transaction; fewer at the end of a window.
        on_stored: Called with the result so far, each time that some were stored.

    Raises:
        GraphError: Graph failed, or the end of the log could not be read. What was read before is stored, and the
            next harvest takes up there.
        StoreError: The store cannot be written.

    Source: https://learn.microsoft.com/graph/api/provisioningobjectsummary-list
    """
    scope: Scope = "tenant" if service_principal_ids is None else "fleet"
    kept = None if service_principal_ids is None else {given.lower() for given in service_principal_ids}
    span, begun = await asyncio.to_thread(begin_harvest, store, tenant_id, scope, now, since, overlap, retention)
    reader = LogReader(_ProvisioningLog(graph, store, tenant_id, scope, kept), span, begun, on_stored, top, parcel)
    return await reader.read()


@dataclass(frozen=True)
class _ProvisioningLog:
    """The provisioning log of one tenant, and whose events of it are kept."""

    graph: GraphClient
    store: Store
    tenant_id: str
    scope: Scope
    kept: Collection[str] | None

    def pages(self, window: Window, top: int | None) -> AsyncIterator[list[ProvisioningEvent]]:
        return self.graph.provisioning_logs.pages(after=window.after, before=window.before, top=top)

    def keeps(self, record: ProvisioningEvent) -> bool:
        return self.kept is None or (record.service_principal_id or "").lower() in self.kept

    def save(self, records: Sequence[ProvisioningEvent], finished: Window | None, gaps: Sequence[Gap]) -> int:
        return self.store.harvests.save(
            self.tenant_id,
            records,
            scope=self.scope,
            watermark=finished.end if finished else None,
            read_from=finished.start if finished else None,
            gaps=gaps,
        )


def begin_harvest(
    store: Store,
    tenant_id: str,
    scope: Scope,
    now: datetime,
    since: datetime | None = None,
    overlap: timedelta = OVERLAP,
    retention: timedelta = RETENTION,
) -> tuple[Window, HarvestResult]:
    """Return what a harvest has to read, and its result before that; what the log has forgotten is stored as a gap."""
    end = whole_second(now)
    watermark, rewound_from = _watermark(store, tenant_id, scope, end)
    start = _start(watermark, end, since=since, overlap=overlap, retention=retention)
    gaps = _gaps(since if watermark is None else watermark, end - retention)
    for gap in gaps:
        store.harvests.record_gap(tenant_id, gap, scope=scope)
    return Window(start, end), HarvestResult(watermark=watermark, gaps=gaps, rewound_from=rewound_from)


def _watermark(store: Store, tenant_id: str, scope: Scope, end: datetime) -> tuple[datetime | None, datetime | None]:
    """Return how far the log has been read, and the watermark in the future that said otherwise."""
    watermark = store.harvests.watermark(tenant_id, scope)
    if watermark is None or watermark <= end + CLOCK_TOLERANCE:
        return watermark, None
    # Left alone, it would skip everything up to that moment.
    return store.harvests.rewind(tenant_id, scope, end), watermark


def _start(
    watermark: datetime | None,
    end: datetime,
    *,
    since: datetime | None,
    overlap: timedelta,
    retention: timedelta,
) -> datetime:
    if watermark is None:
        # A first harvest takes all that Graph may still have.
        return end - retention if since is None else whole_second(since)
    resumed = min(watermark, end) - overlap
    # Past the retention too: Graph may have kept more than is promised.
    return whole_second(resumed if since is None else min(resumed, since))


def _gaps(wanted_from: datetime | None, remembered_from: datetime) -> tuple[Gap, ...]:
    if wanted_from is None or wanted_from >= remembered_from:
        return ()
    return (Gap("retention", wanted_from, remembered_from),)


@dataclass
class LogReader(Generic[T]):
    """The log of one tenant on its way into the store."""

    source: LogSource[T]
    span: Window
    result: HarvestResult
    on_stored: Callable[[HarvestResult], None] | None = None
    top: int | None = None
    parcel: int = PARCEL
    trouble: UnreadableWindows = field(default_factory=UnreadableWindows)

    async def read(self) -> HarvestResult:
        """Read the span window by window; one that cannot be read in halves, and in the end not at all.

        Raises:
            GraphError: It failed, and not by what is in the log at one time.
        """
        with raise_gc_threshold():
            await self._windows()
        self.trouble.raise_if_unfinished()
        return self.result

    async def _windows(self) -> None:
        start, end, length = self.span.start, self.span.end, FIRST_LENGTH
        upcoming: list[Window] = []
        while start < end:
            window = upcoming.pop() if upcoming else Window(start, min(whole_second(start + length), end))
            pages = await self._pages(window)
            if pages is None and window.length > self.trouble.shortest:
                # A stack: the earlier half is on top, because the watermark only moves forward.
                upcoming += reversed(window.halves())
                continue
            if pages is None:
                self.trouble.skip(window)
            else:
                length = window.next_length(pages)
            start = window.end

    async def _pages(self, window: Window) -> int | None:
        """Store the window in parcels of some pages, the watermark with the last one.

        Returns:
            How many pages it has; None if it cannot be read to its end.
        """
        pages = 0
        held: list[T] = []
        try:
            async with prefetch(self.source.pages(window, self.top)) as arriving:
                async for page in arriving:
                    pages += 1
                    if len(held) >= self.parcel:
                        await self._save(held)
                        held = []
                    held += page
        except GraphError as error:
            # What was read is kept, though without the watermark; the next attempt stores it once more.
            if held:
                await self._save(held)
            if not lies_in_the_window(error, pages):
                raise
            if self.trouble.met(error):
                await self._ensure_it_answers(error)
            return None
        # Also an empty window: its end moves the watermark.
        await self._save(held, window)
        return pages

    async def _ensure_it_answers(self, error: GraphError) -> None:
        """Fail if nothing of the log can be read, not even a time in which nothing has happened yet."""
        # A time without events: if even that fails, the log as a whole is the problem.
        tomorrow = self.span.end + timedelta(days=1, seconds=1)
        try:
            async for _ in self.source.pages(Window(tomorrow, tomorrow), 1):
                pass
        except GraphError:
            raise error from None

    async def _save(self, page: Sequence[T], finished: Window | None = None) -> None:
        ours = [record for record in page if self.source.keeps(record)]
        skipped = self.trouble.over() if finished else []
        new = await asyncio.to_thread(self.source.save, ours, finished, skipped)
        so_far = self.result
        reached = [so_far.watermark, finished.end if finished else None]
        self.result = replace(
            so_far,
            read=so_far.read + len(page),
            new=so_far.new + new,
            watermark=max(filter(None, reached), default=None),
            dropped=so_far.dropped + len(page) - len(ours),
            gaps=join_gaps((*so_far.gaps, *skipped)),
            progress=(finished.end - self.span.start) / self.span.length if finished else so_far.progress,
        )
        if self.on_stored is not None:
            self.on_stored(self.result)


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

    Graph filters by service. In 2018 that filter found nothing (microsoft-graph-docs issue 3648), and no repair was
    reported: so where nothing is found, the last day is read without it, and if there is
    something, all.

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
