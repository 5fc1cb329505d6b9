"""The provisioning events: stored once each, counted and explained."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from flows.store.database import Database
from flows.store.event_rows import fold_text
from flows.store.tables import PROVISIONING_EVENT

_EVENT = PROVISIONING_EVENT.c


@dataclass(frozen=True)
class EventFilter:
    """Which events of a tenant are meant.

    Args:
        tenant_id: The tenant.
        service_principal_ids: The applications; None for all.
        since: Activity at this moment or later.
        until: Activity before this moment.
    """

    tenant_id: str
    service_principal_ids: Collection[str] | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a query of the table has to ask for."""
        found: list[ColumnElement[bool]] = [_EVENT.tenant_id == self.tenant_id]
        if self.service_principal_ids is not None:
            ids = sorted({fold_text(given) for given in self.service_principal_ids})
            found.append(_EVENT.service_principal_id.in_(ids))
        if self.since is not None:
            found.append(_EVENT.activity_at >= self.since)
        if self.until is not None:
            found.append(_EVENT.activity_at < self.until)
        return found


@dataclass(frozen=True)
class EventCount:
    """How many events of one application ended in one way."""

    service_principal_id: str | None
    service_principal_name: str | None
    status: str | None
    count: int


@dataclass(frozen=True)
class ErrorCount:
    """How often an error code came, with its newest event as the example."""

    error_code: str
    count: int
    service_principals: int
    example_id: str
    example_reason: str | None
    example_recommended_action: str | None


def tenant_ids(database: Database) -> Iterator[str]:
    """Yield the tenants that have events, in order."""
    last: str | None = ""
    # One look at the index for each, where DISTINCT would read all of it.
    while last is not None:
        with database.read() as connection:
            last = connection.scalar(select(func.min(_EVENT.tenant_id)).where(_EVENT.tenant_id > last))
        if last is not None:
            yield last


class ProvisioningEvents:
    """Every harvested provisioning event."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, events: EventFilter) -> list[EventCount]:
        """Return the number of events by application and status, by name."""
        # The newest name is unknown to an aggregate; any one name of the application will do.
        name = func.max(_EVENT.service_principal_name).label("service_principal_name")
        groups = (_EVENT.service_principal_id, _EVENT.status)
        statement: Select[Any] = (
            select(groups[0], name, groups[1], func.count().label("count"))
            .where(*events.conditions())
            .group_by(*groups)
            .order_by(name, *groups)
        )
        with self._database.read() as connection:
            return [EventCount(**row) for row in connection.execute(statement).mappings()]

    def top_error_codes(self, events: EventFilter, limit: int = 10) -> list[ErrorCount]:
        """Return the commonest error codes of failed events, the commonest first."""
        failed = (*events.conditions(), _EVENT.status == "failure", _EVENT.error_code.is_not(None))
        counted = (
            select(
                _EVENT.error_code,
                func.count().label("count"),
                func.count(_EVENT.service_principal_id.distinct()).label("service_principals"),
            )
            .where(*failed)
            .group_by(_EVENT.error_code)
            .order_by(func.count().desc(), _EVENT.error_code)
            .limit(limit)
            .subquery()
        )
        newest = func.row_number().over(partition_by=_EVENT.error_code, order_by=(_EVENT.activity_at.desc(), _EVENT.id))
        examples = select(
            _EVENT.error_code,
            _EVENT.id.label("example_id"),
            _EVENT.reason.label("example_reason"),
            _EVENT.recommended_action.label("example_recommended_action"),
            newest.label("rank"),
        )
        example = examples.where(*failed).subquery()
        statement = (
            select(counted, *(column for column in example.c if column.name.startswith("example_")))
            .join(example, (example.c.error_code == counted.c.error_code) & (example.c.rank == 1))
            .order_by(counted.c.count.desc(), counted.c.error_code)
        )
        with self._database.read() as connection:
            return [ErrorCount(**row) for row in connection.execute(statement).mappings()]
