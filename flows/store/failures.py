"""Failed events by error code, with an example of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from flows.store.database import Database
from flows.store.event_rows import fold_text
from flows.store.tables import PROVISIONING_EVENT
from graph_client.models import ProvisioningEvent

_EVENT = PROVISIONING_EVENT.c
_BEFORE_A_QUARANTINE = timedelta(hours=24)
"""A quarantine is imposed at the end of a cycle that may have run for hours."""


@dataclass(frozen=True)
class Failure:
    """How often events failed with one error code, and the newest of them."""

    error_code: str | None
    count: int
    activity_at: datetime | None = None
    source_id: str | None = None
    source_name: str | None = None
    reason: str | None = None
    recommended_action: str | None = None
    additional_details: str | None = None


EXAMPLE_COLUMNS = (
    *(_EVENT.activity_at, _EVENT.source_id, _EVENT.source_name, _EVENT.reason, _EVENT.recommended_action),
    _EVENT.raw,
)


def example_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the fields of a failure that an event with `EXAMPLE_COLUMNS` fills."""
    fields = {column.name: row[column.name] for column in EXAMPLE_COLUMNS if column is not _EVENT.raw}
    return fields | {"additional_details": ProvisioningEvent(row["raw"]).error.additional_details}


class Failures:
    """The failed events, by error code."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_quarantine(self, service_principal_id: str, since: datetime | None, limit: int = 5) -> list[Failure]:
        """Return the commonest failures of the cycles around the beginning of a quarantine and after it.

        Args:
            service_principal_id: The application's.
            since: When the quarantine began; None for the last cycle.
            limit: How many error codes.
        """
        # Its id is its tenant's alone; asked for the tenant too, SQLite would walk through all of the tenant's events.
        of_application = (_EVENT.service_principal_id == fold_text(service_principal_id),)
        with self._database.read() as connection:
            cycles = _cycles(connection, of_application, since)
            return _commonest(connection, [*of_application, _EVENT.cycle_id.in_(cycles)], limit) if cycles else []


def _cycles(connection: Connection, of_application: Sequence[ColumnElement[bool]], since: datetime | None) -> list[str]:
    of_application = (*of_application, _EVENT.cycle_id.is_not(None))
    newest = select(_EVENT.cycle_id).where(*of_application).order_by(_EVENT.activity_at.desc()).limit(1)
    if since is None:
        return list(connection.scalars(newest))
    around = select(_EVENT.cycle_id).distinct().where(*of_application)
    found = list(connection.scalars(around.where(_EVENT.activity_at >= since - _BEFORE_A_QUARANTINE)))
    return found or list(connection.scalars(newest))


def _commonest(connection: Connection, conditions: Sequence[ColumnElement[bool]], limit: int) -> list[Failure]:
    counted = (
        select(_EVENT.error_code, func.count())
        .where(*conditions, _EVENT.status == "failure")
        .group_by(_EVENT.error_code)
        .order_by(func.count().desc(), _EVENT.error_code)
        .limit(limit)
    )
    return [Failure(row[0], row[1], **_example(connection, conditions, row[0])) for row in connection.execute(counted)]


def _example(connection: Connection, conditions: Sequence[ColumnElement[bool]], code: str | None) -> dict[str, Any]:
    same_code = _EVENT.error_code.is_(None) if code is None else _EVENT.error_code == code
    statement = select(*EXAMPLE_COLUMNS).where(*conditions, _EVENT.status == "failure", same_code)
    newest = statement.order_by(_EVENT.activity_at.desc(), _EVENT.id).limit(1)
    return example_of(connection.execute(newest).mappings().one())
