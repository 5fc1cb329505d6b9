"""The provisioning events: each stored once, and counted."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, func, select

from flows.store.database import Database
from flows.store.tables import PROVISIONING_EVENT

if TYPE_CHECKING:
    from graph_client.models import ProvisioningEvent


def build_event_row(event: "ProvisioningEvent", tenant_id: str, harvested_at: datetime) -> dict[str, Any]:
    """Return the row of an event, in the shape of v1.0 or beta.

    Source: https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary
    """
    raw, error = event.raw, event.error.raw
    source, target = event.source_identity.raw, event.target_identity.raw
    columns = {
        "id": event.id,
        "tenant_id": tenant_id,
        "service_principal_id": fold_text(event.service_principal_id or ""),
        "service_principal_name": event.service_principal.display_name,
        "job_id": raw.get("jobId"),
        "cycle_id": raw.get("cycleId"),
        "change_id": raw.get("changeId"),
        "action": event.action,
        "status": event.status,
        "error_code": error.get("errorCode"),
        "error_category": error.get("errorCategory"),
        "reason": error.get("reason"),
        "recommended_action": error.get("recommendedAction"),
        "source_id": source.get("id"),
        "source_name": source.get("displayName"),
        "source_type": source.get("identityType"),
        "target_id": target.get("id"),
        "target_name": target.get("displayName"),
        "target_type": target.get("identityType"),
    }
    return {
        **{name: storable(value) for name, value in columns.items()},
        "activity_at": event.activity_date_time,
        "duration_milliseconds": event.duration_in_milliseconds,
        "harvested_at": harvested_at,
        "raw": event.raw,
    }


def fold_text(service_principal_id: str) -> str:
    """Return a service principal's id for comparison: Graph's case varies."""
    return service_principal_id.lower()


def storable(value: Any) -> str | None:
    """Return a value as a text that both databases accept; None for an empty one."""
    if not isinstance(value, str):
        # Some records have a number where the documentation has a text.
        return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    # A name from a target system may contain NUL, which PostgreSQL rejects, or half a surrogate pair, which
    # UTF-8 lacks; such an event must not stop the harvest. `raw` keeps both, escaped.
    if not value:
        return None
    if value.isascii() and value.isprintable():
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


_EVENT = PROVISIONING_EVENT.c


@dataclass(frozen=True)
class EventFilter:
    """Which events of a tenant to read.

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
        """Return the conditions for a query of the table."""
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
    """The number of events of one application with one status."""

    service_principal_id: str | None
    service_principal_name: str | None
    status: str | None
    count: int


@dataclass(frozen=True)
class ErrorCount:
    """The number of events with an error code, with the newest one as example."""

    error_code: str
    count: int
    service_principals: int
    example_id: str
    example_reason: str | None
    example_recommended_action: str | None


def tenant_ids(database: Database) -> Iterator[str]:
    """Yield the tenants that have events, in order."""
    last: str | None = ""
    # One index lookup for each, where DISTINCT would read the whole index.
    while last is not None:
        with database.read() as connection:
            last = connection.scalar(select(func.min(_EVENT.tenant_id)).where(_EVENT.tenant_id > last))
        if last is not None:
            yield last


@dataclass(frozen=True)
class ActionCount:
    """How many events of one application were of an action and ended in one way."""

    tenant_id: str
    service_principal_id: str | None
    action: str | None
    status: str | None
    count: int


class ProvisioningEvents:
    """Every harvested provisioning event."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, events: EventFilter) -> list[EventCount]:
        """Return the number of events by application and status, by name."""
        # An aggregate cannot return the newest name; any name of the application will do.
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

    def counts_by_action(self, since: datetime) -> list[ActionCount]:
        """Return the number of events since a moment by tenant, application, action and status."""
        groups = (_EVENT.tenant_id, _EVENT.service_principal_id, _EVENT.action, _EVENT.status)
        found: list[ActionCount] = []
        # Tenant by tenant, as the index of the moments is.
        for tenant_id in tenant_ids(self._database):
            statement = (
                select(*groups, func.count().label("count"))
                .where(_EVENT.tenant_id == tenant_id, _EVENT.activity_at >= since)
                .group_by(*groups)
                .order_by(*groups)
            )
            with self._database.read() as connection:
                found += [ActionCount(**row) for row in connection.execute(statement).mappings()]
        return found

    def top_error_codes(self, events: EventFilter, limit: int = 10) -> list[ErrorCount]:
        """Return the most common error codes of failed events, in order."""
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
