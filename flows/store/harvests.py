"""The progress of harvests: events and watermark in one transaction, and gaps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Delete, Table, Text, cast, delete, func, select, update

from flows.store.database import Database, Upsert
from flows.store.provisioning_events import build_event_row
from flows.store.tables import DIRECTORY_AUDIT, HARVEST_GAP, HARVEST_WATERMARK, INSTANCE, PROVISIONING_EVENT
from flows.store.user_history import IdentityWriter

if TYPE_CHECKING:
    from graph_client.models import ProvisioningEvent


Scope = Literal["fleet", "tenant", "audits"]
"""What is kept: the events of our applications, those of all the tenant, or the tenant's directory audits.

Each has a watermark of its own, as what one scope has read the other may not have kept.
"""


@dataclass(frozen=True)
class Gap:
    """A period of the log that may be missing in the store: from `start` until before `end`.

    Args:
        reason: retention (the log had forgotten it) or unreadable (Graph's answer could not be read).
        start: First moment that may be missing.
        end: First moment that is present again.
        detail: What Graph answered, for Microsoft's support.
    """

    reason: str
    start: datetime
    end: datetime
    detail: str | None = None


def join_gaps(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Merge adjacent gaps of one reason, the oldest first."""
    found: list[Gap] = []
    for gap in sorted(gaps, key=lambda gap: (gap.reason, gap.start)):
        if found and found[-1].reason == gap.reason and gap.start <= found[-1].end:
            found[-1] = replace(found[-1], end=max(found[-1].end, gap.end))
        else:
            found.append(gap)
    return tuple(sorted(found, key=lambda gap: (gap.start, gap.reason)))


class Harvests:
    """How far the provisioning log of each tenant has been read, and its gaps."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._identities = IdentityWriter(database)

    def watermark(self, tenant_id: str, scope: Scope = "fleet") -> datetime | None:
        """Return the moment before which every event is stored; None before the first harvest."""
        table = HARVEST_WATERMARK.c
        statement = select(table.watermark).where(table.tenant_id == tenant_id, table.scope == scope)
        with self._database.read() as connection:
            return connection.scalar(statement)

    def rewind(self, tenant_id: str, scope: Scope, before: datetime) -> datetime | None:
        """Move a watermark in the future back to the last event that this scope stored before a moment.

        Returns:
            The watermark now; None if there is no such event, as before the first harvest.
        """
        event, mark = (DIRECTORY_AUDIT if scope == "audits" else PROVISIONING_EVENT).c, HARVEST_WATERMARK.c
        last = select(func.max(event.activity_at)).where(event.tenant_id == tenant_id, event.activity_at < before)
        if scope == "tenant":
            # The stored events of a fleet's applications say nothing about those of others.
            last = last.where(event.service_principal_id.not_in(select(INSTANCE.c.service_principal_id)))
        mine = (mark.tenant_id == tenant_id, mark.scope == scope)
        with self._database.write() as connection:
            found: datetime | None = connection.scalar(last)
            if found is None:
                connection.execute(delete(HARVEST_WATERMARK).where(*mine))
            else:
                connection.execute(update(HARVEST_WATERMARK).where(*mine).values(watermark=found))
        return found

    def save(
        self,
        tenant_id: str,
        events: Sequence["ProvisioningEvent"],
        *,
        scope: Scope = "fleet",
        watermark: datetime | None = None,
        read_from: datetime | None = None,
        gaps: Sequence[Gap] = (),
    ) -> int:
        """Store events, move the watermark and record gaps in one transaction.

        Args:
            tenant_id: The tenant they were read from.
            events: Events, also such as are stored already: those are brought up to date.
            scope: Whose events were kept.
            watermark: The moment before which everything is stored now; it never moves back. None leaves it.
            read_from: The log was read whole from here up to the watermark: what was unreadable in it is a gap no more.
            gaps: Spans before the watermark that could not be read.

        Returns:
            How many of the events were not in the store.
        """
        now = datetime.now(UTC)
        # In the order of the index: then each of its pages is written once.
        rows = {
            event.id: build_event_row(event, tenant_id, now) for event in sorted(events, key=lambda event: event.id)
        }
        # One harvester at a time: an event must not be inserted by another one between the check and the insert.
        with self._database.write(lock="provisioning events") as connection:
            new = upsert_records(self._database, connection, PROVISIONING_EVENT, rows)
            met = self._identities.keep(connection, tenant_id, rows.values())
            self.note_progress(connection, tenant_id, scope, watermark, read_from, gaps)
        self._identities.remember(met)  # after the commit: a rolled back identity has to be written again
        return new

    def note_progress(
        self,
        connection: Connection,
        tenant_id: str,
        scope: Scope,
        watermark: datetime | None,
        read_from: datetime | None,
        gaps: Sequence[Gap],
    ) -> None:
        """Move the watermark and record gaps, in the transaction of the read events; arguments as for `save`."""
        now = datetime.now(UTC)
        if watermark is not None:
            self._move(connection, tenant_id, scope, watermark, now)
            if read_from is not None:
                connection.execute(_filled(tenant_id, scope, read_from, watermark))
        for gap in gaps:
            self._record_gap(connection, tenant_id, scope, gap, now)

    def record_gap(self, tenant_id: str, gap: Gap, *, scope: Scope = "fleet") -> None:
        """Store a gap; one with the same start is extended."""
        with self._database.write() as connection:
            self._record_gap(connection, tenant_id, scope, gap, datetime.now(UTC))

    def gaps(self, tenant_id: str, scope: Scope = "fleet") -> list[Gap]:
        """Return the gaps of a tenant's log, adjacent ones merged, the oldest first."""
        table = HARVEST_GAP.c
        statement = select(table.reason, table.start, table.end, table.detail).where(
            table.tenant_id == tenant_id, table.scope == scope
        )
        with self._database.read() as connection:
            return list(join_gaps(Gap(**row) for row in connection.execute(statement).mappings()))

    def _record_gap(self, connection: Connection, tenant_id: str, scope: Scope, gap: Gap, now: datetime) -> None:
        keys = [column.name for column in HARVEST_GAP.primary_key]
        found = {"tenant_id": tenant_id, "scope": scope, "found_at": now, **asdict(gap)}
        # The same gap is found by every harvest: a row for each start, which only grows.
        insert = self._database.insert(HARVEST_GAP).values(**found)
        grown = insert.on_conflict_do_update(
            index_elements=keys,
            set_={"end": insert.excluded.end},
            where=insert.excluded.end > HARVEST_GAP.c.end,
        )
        connection.execute(grown)

    def _move(self, connection: Connection, tenant_id: str, scope: Scope, watermark: datetime, now: datetime) -> None:
        row = {"tenant_id": tenant_id, "scope": scope, "watermark": watermark, "moved_at": now}
        insert = self._database.insert(HARVEST_WATERMARK).values(**row)
        forward = insert.on_conflict_do_update(
            index_elements=["tenant_id", "scope"],
            set_={"watermark": insert.excluded.watermark, "moved_at": insert.excluded.moved_at},
            # A slower harvest must not move it back.
            where=insert.excluded.watermark > HARVEST_WATERMARK.c.watermark,
        )
        connection.execute(forward)


def upsert_records(
    database: Database, connection: Connection, table: Table, rows: Mapping[str, Mapping[str, Any]]
) -> int:
    """Store the records of a log by id, each once and as last read; return the number of new ones."""
    if not rows:
        return 0
    key = table.c.id
    # Read first: an upsert does not return how many of its rows are new.
    known = set(connection.scalars(select(key).where(key.in_(list(rows)))))
    new = [row for id_, row in rows.items() if id_ not in known]
    if new:
        connection.execute(database.insert(table), new)
    if known:
        connection.execute(_update(database, table), [rows[id_] for id_ in known])
    return len(new)


def _update(database: Database, table: Table) -> Upsert:
    insert = database.insert(table)
    kept = {"id", "harvested_at"}
    later = {column.name: insert.excluded[column.name] for column in table.c if column.name not in kept}
    # Windows overlap, so most of what is read again is unchanged; it is not written again.
    changed = cast(insert.excluded.raw, Text) != cast(table.c.raw, Text)
    return insert.on_conflict_do_update(index_elements=["id"], set_=later, where=changed)


def _filled(tenant_id: str, scope: Scope, start: datetime, end: datetime) -> Delete:
    # Expired parts of the log remain gaps, whatever is read later: nothing proves that they were complete.
    gap = HARVEST_GAP.c
    which = (gap.tenant_id == tenant_id, gap.scope == scope, gap.reason == "unreadable")
    return delete(HARVEST_GAP).where(*which, gap.start >= start, gap.end <= end)


@dataclass(frozen=True)
class Coverage:
    """How far the log of a tenant is stored."""

    tenant_id: str
    scope: str
    """Whose events: fleet or tenant; or audits."""
    watermark: datetime
    """Every event before this moment is stored, except for the gaps."""
    gaps: Sequence[Gap] = ()


EVENT_SCOPES: tuple[Scope, ...] = ("fleet", "tenant")


def coverage(database: Database, scopes: Sequence[Scope] = EVENT_SCOPES) -> list[Coverage]:
    """Return how far each harvest has read, by tenant and scope; by default those of events."""
    mark = HARVEST_WATERMARK.c
    statement = select(mark.tenant_id, mark.scope, mark.watermark).where(mark.scope.in_(scopes))
    statement = statement.order_by(mark.tenant_id, mark.scope)
    with database.read() as connection:
        marks = connection.execute(statement).all()
    harvests = Harvests(database)
    return [
        Coverage(row.tenant_id, row.scope, row.watermark, tuple(harvests.gaps(row.tenant_id, row.scope)))
        for row in marks
    ]
