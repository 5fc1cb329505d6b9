"""How many events there were, by day, application and error, and how long the cycles took."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, func, select

from flows.store.database import Database
from flows.store.failures import EXAMPLE_COLUMNS, Failure, example_of
from flows.store.tables import PROVISIONING_EVENT

_EVENT = PROVISIONING_EVENT.c


@dataclass(frozen=True)
class Period:
    """Events of a tenant from `since` until before `until`."""

    tenant_id: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Tally:
    """How many events of one application, day, status and error code there were."""

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
        """How long it took."""
        return (self.ended_at - self.began_at).total_seconds()


class EventStatistics:
    """Counts over the events; an index has all that they need, so that the wide rows stay unread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tallies(self, period: Period) -> Iterator[Tally]:
        """Yield how many events there were by day, application, status and error code."""
        day = func.date(_EVENT.activity_at)
        groups = (day, _EVENT.service_principal_id, _EVENT.status, _EVENT.error_code)
        statement = select(*groups, func.count()).where(*_within(period)).group_by(*groups)
        with self._database.read() as connection:
            for found, *rest in connection.execute(statement):
                yield Tally(found if isinstance(found, date) else date.fromisoformat(found), *rest)

    def cycles(self, period: Period) -> Iterator[Cycle]:
        """Yield the cycles that had events; one that reaches beyond the period shows what is within."""
        groups = (_EVENT.service_principal_id, _EVENT.cycle_id)
        spans = (func.min(_EVENT.activity_at), func.max(_EVENT.activity_at), func.count())
        statement = select(*groups, *spans).where(*_within(period), _EVENT.cycle_id.is_not(None)).group_by(*groups)
        with self._database.read() as connection:
            for row in connection.execute(statement):
                yield Cycle(*row)

    def example(self, period: Period, service_principal_id: str, error_code: str | None, count: int) -> Failure:
        """Return an application's newest failure with an error code, beside the count that is known of it."""
        code = _EVENT.error_code.is_(None) if error_code is None else _EVENT.error_code == error_code
        # Of a tenant's own id; asked for the tenant too, SQLite would walk through all of the tenant's events.
        of_application = _EVENT.service_principal_id == service_principal_id
        if not service_principal_id:
            of_application = and_(_EVENT.tenant_id == period.tenant_id, _EVENT.service_principal_id.is_(None))
        within = (_EVENT.activity_at >= period.since, _EVENT.activity_at < period.until)
        failed = select(*EXAMPLE_COLUMNS).where(of_application, *within, _EVENT.status == "failure", code)
        with self._database.read() as connection:
            newest = connection.execute(failed.order_by(_EVENT.activity_at.desc()).limit(1)).mappings().first()
        return Failure(error_code, count, **(example_of(newest) if newest else {}))

    def names(self, service_principal_ids: list[str]) -> dict[str, str]:
        """Return the applications' names, as their newest events have them."""
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
