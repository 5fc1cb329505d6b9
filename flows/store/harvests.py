"""What a harvest writes: events and watermark in one transaction, and the gaps it found."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Text, cast, select

from flows.store.database import Database, Upsert
from flows.store.event_rows import row_of
from flows.store.tables import HARVEST_GAP, HARVEST_WATERMARK, PROVISIONING_EVENT

if TYPE_CHECKING:
    from graph_client.models import ProvisioningEvent

Scope = Literal["fleet", "tenant"]
"""Whose events are kept: those of our applications, or all of the tenant.

Each has a watermark of its own, as what one scope has read the other may not have kept.
"""


@dataclass(frozen=True)
class Gap:
    """A span of the log that may be missing from the store: from `start` until before `end`."""

    reason: str
    start: datetime
    end: datetime


class Harvests:
    """How far the provisioning log of each tenant has been read, and what was lost."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def watermark(self, tenant_id: str, scope: Scope = "fleet") -> datetime | None:
        """Return the moment before which every event is stored; None before the first harvest."""
        table = HARVEST_WATERMARK.c
        statement = select(table.watermark).where(table.tenant_id == tenant_id, table.scope == scope)
        with self._database.read() as connection:
            return connection.scalar(statement)

    def save(
        self,
        tenant_id: str,
        events: Sequence["ProvisioningEvent"],
        *,
        scope: Scope = "fleet",
        watermark: datetime | None = None,
    ) -> int:
        """Store events and move the watermark in one transaction.

        Args:
            tenant_id: The tenant they were read from.
            events: Events, also such as are stored already: those are brought up to date.
            scope: Whose events were kept.
            watermark: The moment before which everything is stored now; it never moves back. None leaves it.

        Returns:
            How many of the events were not in the store.
        """
        now = datetime.now(UTC)
        # In the order of the index, each page of which is then written once.
        rows = {event.id: row_of(event, tenant_id, now) for event in sorted(events, key=lambda event: event.id)}
        # One harvester after the other: what is new to one must not become another's between its look and its insert.
        with self._database.write(lock="provisioning events") as connection:
            new = self._add(connection, rows)
            if watermark is not None:
                self._move(connection, tenant_id, scope, watermark, now)
        return new

    def record_gap(self, tenant_id: str, gap: Gap, *, scope: Scope = "fleet") -> None:
        """Store a gap; one with the same start grows instead of being stored twice."""
        keys = [column.name for column in HARVEST_GAP.primary_key]
        found = {"tenant_id": tenant_id, "scope": scope, "found_at": datetime.now(UTC), **asdict(gap)}
        insert = self._database.insert(HARVEST_GAP).values(**found)
        grown = insert.on_conflict_do_update(
            index_elements=keys,
            set_={"end": insert.excluded.end},
            where=insert.excluded.end > HARVEST_GAP.c.end,
        )
        with self._database.write() as connection:
            connection.execute(grown)

    def gaps(self, tenant_id: str, scope: Scope = "fleet") -> list[Gap]:
        """Return every gap of a tenant's log, the oldest first."""
        table = HARVEST_GAP.c
        statement = (
            select(table.reason, table.start, table.end)
            .where(table.tenant_id == tenant_id, table.scope == scope)
            .order_by(table.start, table.reason)
        )
        with self._database.read() as connection:
            return [Gap(**row) for row in connection.execute(statement).mappings()]

    def _add(self, connection: Connection, rows: dict[str, dict[str, Any]]) -> int:
        if not rows:
            return 0
        key = PROVISIONING_EVENT.c.id
        known = set(connection.scalars(select(key).where(key.in_(list(rows)))))
        new = [row for id_, row in rows.items() if id_ not in known]
        if new:
            connection.execute(self._database.insert(PROVISIONING_EVENT), new)
        if known:
            connection.execute(self._update(), [rows[id_] for id_ in known])
        return len(new)

    def _update(self) -> Upsert:
        insert = self._database.insert(PROVISIONING_EVENT)
        kept = {"id", "harvested_at"}
        later = {
            column.name: insert.excluded[column.name] for column in PROVISIONING_EVENT.c if column.name not in kept
        }
        changed = cast(insert.excluded.raw, Text) != cast(PROVISIONING_EVENT.c.raw, Text)
        return insert.on_conflict_do_update(index_elements=["id"], set_=later, where=changed)

    def _move(self, connection: Connection, tenant_id: str, scope: Scope, watermark: datetime, now: datetime) -> None:
        row = {"tenant_id": tenant_id, "scope": scope, "watermark": watermark, "moved_at": now}
        insert = self._database.insert(HARVEST_WATERMARK).values(**row)
        forward = insert.on_conflict_do_update(
            index_elements=["tenant_id", "scope"],
            set_={"watermark": insert.excluded.watermark, "moved_at": insert.excluded.moved_at},
            where=insert.excluded.watermark > HARVEST_WATERMARK.c.watermark,
        )
        connection.execute(forward)
