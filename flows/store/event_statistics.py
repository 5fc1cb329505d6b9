"""The number of events by day, application and error, and the length of cycles."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from flows.store.database import Database
from flows.store.provisioning_events import fold_text
from flows.store.tables import PROVISIONING_EVENT
from flows.store.versions import OPEN_FAILURES
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


@dataclass(frozen=True)
class OpenFailure:
    """A user or group whose newest event in an application is a failure."""

    fleet: str | None
    key: str | None
    service_principal_id: str
    source_id: str
    source_name: str | None
    source_type: str | None
    failing_since: datetime
    activity_at: datetime
    action: str | None
    error_code: str | None
    reason: str | None
    recommended_action: str | None


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

    def of_quarantine(
        self, service_principal_id: str, since: datetime | None, limit: int = 5, *, job_id: str | None = None
    ) -> list[Failure]:
        """Return the most common failures of the cycles around the beginning of a quarantine and after it.

        Args:
            service_principal_id: The application's.
            since: When the quarantine began; None for the last cycle.
            limit: How many error codes.
            job_id: Only those of this job, where the application has several; None for all.
        """
        # The id is unique; with a condition on the tenant, SQLite would scan all of the tenant's events.
        of_application = [_EVENT.service_principal_id == fold_text(service_principal_id)]
        if job_id is not None:
            # A record that names no job may be about this one.
            of_application.append(or_(_EVENT.job_id.is_(None), _EVENT.job_id == job_id))
        with self._database.read() as connection:
            cycles = _cycles(connection, of_application, since)
            return _commonest(connection, [*of_application, _EVENT.cycle_id.in_(cycles)], limit) if cycles else []

    def open(self, fleet: str | None = None, since: datetime | None = None) -> list[OpenFailure]:
        """Return who is failing now, the longest first.

        Args:
            fleet: Only in this fleet; None for every application.
            since: Only with a failure at this moment or later.
        """
        view = OPEN_FAILURES.c
        statement = select(*(view[each.name] for each in fields(OpenFailure))).order_by(
            view.failing_since, view.source_id
        )
        if fleet is not None:
            statement = statement.where(view.fleet == fleet)
        if since is not None:
            statement = statement.where(view.activity_at >= since)
        with self._database.read() as connection:
            return [OpenFailure(**row) for row in connection.execute(statement).mappings()]


def _cycles(connection: Connection, of_application: Sequence[ColumnElement[bool]], since: datetime | None) -> list[str]:
    of_application = (*of_application, _EVENT.cycle_id.is_not(None))
    newest = select(_EVENT.cycle_id).where(*of_application).order_by(_EVENT.activity_at.desc()).limit(1)
    if since is None:
        return list(connection.scalars(newest))
    around = select(_EVENT.cycle_id).distinct().where(*of_application)
    found = list(connection.scalars(around.where(_EVENT.activity_at >= since - _BEFORE_A_QUARANTINE)))
    # Nothing was logged around it: the last cycle is the best there is.
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


@dataclass(frozen=True)
class Period:
    """Events of a tenant from `since` until before `until`."""

    tenant_id: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Tally:
    """The number of events of one application, day, status and error code."""

    day: date
    service_principal_id: str | None
    status: str | None
    error_code: str | None
    count: int


@dataclass(frozen=True)
class Cycle:
    """One cycle of an application's job, from its first event to its last."""

    service_principal_id: str | None
    cycle_id: str
    began_at: datetime
    ended_at: datetime
    events: int

    @property
    def seconds(self) -> float:
        """The length of the cycle."""
        return (self.ended_at - self.began_at).total_seconds()


class EventStatistics:
    """Statistics of the events, from an index, without reading the wide rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tallies(self, period: Period) -> Iterator[Tally]:
        """Yield the number of events by day, application, status and error code."""
        day = func.date(_EVENT.activity_at)
        groups = (day, _EVENT.service_principal_id, _EVENT.status, _EVENT.error_code)
        statement = select(*groups, func.count()).where(*_within(period)).group_by(*groups)
        with self._database.read() as connection:
            for found, *rest in connection.execute(statement):
                # PostgreSQL returns a date, SQLite its text.
                yield Tally(found if isinstance(found, date) else date.fromisoformat(found), *rest)

    def cycles(self, period: Period) -> Iterator[Cycle]:
        """Yield the cycles with events; a longer cycle is cut off at the period."""
        groups = (_EVENT.service_principal_id, _EVENT.cycle_id)
        spans = (func.min(_EVENT.activity_at), func.max(_EVENT.activity_at), func.count())
        statement = select(*groups, *spans).where(*_within(period), _EVENT.cycle_id.is_not(None)).group_by(*groups)
        with self._database.read() as connection:
            for row in connection.execute(statement):
                yield Cycle(*row)

    def example(self, period: Period, service_principal_id: str, error_code: str | None, count: int) -> Failure:
        """Return an application's newest failure with an error code, with its known count."""
        code = _EVENT.error_code.is_(None) if error_code is None else _EVENT.error_code == error_code
        # The id is unique; with a condition on the tenant, SQLite would scan all of the tenant's events.
        of_application = _EVENT.service_principal_id == service_principal_id
        if not service_principal_id:
            of_application = and_(_EVENT.tenant_id == period.tenant_id, _EVENT.service_principal_id.is_(None))
        within = (_EVENT.activity_at >= period.since, _EVENT.activity_at < period.until)
        failed = select(*EXAMPLE_COLUMNS).where(of_application, *within, _EVENT.status == "failure", code)
        with self._database.read() as connection:
            newest = connection.execute(failed.order_by(_EVENT.activity_at.desc()).limit(1)).mappings().first()
        return Failure(error_code, count, **(example_of(newest) if newest else {}))

    def names(self, service_principal_ids: list[str]) -> dict[str, str]:
        """Return the applications' names, from their newest events."""
        found = {}
        with self._database.read() as connection:
            for id_ in service_principal_ids:
                newest = select(_EVENT.service_principal_name).where(_EVENT.service_principal_id == id_)
                name = connection.scalar(newest.order_by(_EVENT.activity_at.desc()).limit(1))
                if name:
                    found[id_] = name
        return found


def _within(period: Period) -> tuple[Any, ...]:
    return (
        _EVENT.tenant_id == period.tenant_id,
        _EVENT.activity_at >= period.since,
        _EVENT.activity_at < period.until,
    )
