"""Which part of the log the store has: how far each harvest came, and what it could not read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from flows.store.database import Database
from flows.store.harvests import Gap, Harvests
from flows.store.tables import HARVEST_WATERMARK


@dataclass(frozen=True)
class Coverage:
    """How far the log of a tenant is in the store."""

    tenant_id: str
    scope: str
    """Whose events: fleet or tenant."""
    watermark: datetime
    """Every event before this moment is there, but for the gaps."""
    gaps: Sequence[Gap] = ()


def coverage(database: Database) -> list[Coverage]:
    """Return how far each harvest of the store came, by tenant and scope."""
    mark = HARVEST_WATERMARK.c
    statement = select(mark.tenant_id, mark.scope, mark.watermark).order_by(mark.tenant_id, mark.scope)
    with database.read() as connection:
        marks = connection.execute(statement).all()
    harvests = Harvests(database)
    return [
        Coverage(row.tenant_id, row.scope, row.watermark, tuple(harvests.gaps(row.tenant_id, row.scope)))
        for row in marks
    ]
