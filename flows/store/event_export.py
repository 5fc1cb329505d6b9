"""Stored events one by one, however many, for use in other systems."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, or_, select

from flows.store.database import Database
from flows.store.provisioning_events import tenant_ids
from flows.store.tables import IDENTITY, INSTANCE, PROVISIONING_EVENT
from flows.store.user_history import plain

_EVENT = PROVISIONING_EVENT.c
_ROWS_AT_ONCE = 500

COLUMNS = (
    "activity_at",
    "fleet",
    "key",
    *(column.name for column in _EVENT if column.name not in {"activity_at", "raw"}),
)
"""The columns of an exported event, in addition to the event as Graph sent it."""


@dataclass(frozen=True, kw_only=True)
class EventExport:
    """Which events to export; None for no restriction.

    Args:
        since: Activity at this moment or later.
        until: Activity before this moment.
        service_principal_ids: The applications.
        status: success, failure, skipped or warning.
        action: create, update, delete, disable, stagedDelete or other.
        user: Id or user principal name of a user or group, or a part of its display name, in source or target system.
    """

    since: datetime | None = None
    until: datetime | None = None
    service_principal_ids: Sequence[str] | None = None
    status: str | None = None
    action: str | None = None
    user: str | None = None

    def rows(self, database: Database) -> Iterator[dict[str, Any]]:
        """Yield the events with `COLUMNS`, and `raw` as text, the oldest first for each application or tenant.

        Raises:
            StoreError: The store cannot be read.
        """
        # Part by part in the order of an index: sorting all events would need as much space as they do.
        for part in self._parts(database):
            named = INSTANCE.c.service_principal_id == _EVENT.service_principal_id
            columns = [column for column in _EVENT if column.name != "raw"]
            statement = (
                select(*columns, INSTANCE.c.fleet, INSTANCE.c.key, cast(_EVENT.raw, Text).label("raw"))
                .outerjoin_from(PROVISIONING_EVENT, INSTANCE, named)
                .where(part, *self._conditions())
                .order_by(_EVENT.activity_at, _EVENT.id)
                .execution_options(yield_per=_ROWS_AT_ONCE)
            )
            with database.read() as connection, connection.execute(statement) as result:
                for row in result:
                    yield row._asdict()

    def _parts(self, database: Database) -> Iterator[ColumnElement[bool]]:
        if self.service_principal_ids is None:
            yield from (_EVENT.tenant_id == tenant_id for tenant_id in tenant_ids(database))
        else:
            yield from (_EVENT.service_principal_id == id_ for id_ in self.service_principal_ids)

    def _conditions(self) -> Iterator[ColumnElement[bool]]:
        if self.since is not None:
            yield _EVENT.activity_at >= self.since
        if self.until is not None:
            yield _EVENT.activity_at < self.until
        if self.status is not None:
            yield _EVENT.status == self.status
        if self.action is not None:
            yield _EVENT.action == self.action
        if self.user is not None:
            yield _is_about(self.user)


def _is_about(user: str) -> ColumnElement[bool]:
    sought = user.lower()
    details = _EVENT.raw["sourceIdentity"]["details"]
    principal_names = (details[name].as_string() for name in ("UserPrincipalName", "userPrincipalName"))
    # SQLite ignores case only for ASCII; the table of identities has case-folded names.
    folded = plain(user)
    named = or_(IDENTITY.c.plain_name.contains(folded, autoescape=True), IDENTITY.c.plain_user_principal_name == folded)
    return or_(
        _EVENT.source_id.in_(select(IDENTITY.c.id).where(named)),
        *(func.lower(column) == sought for column in (_EVENT.source_id, _EVENT.target_id, *principal_names)),
        *(func.lower(name).contains(sought, autoescape=True) for name in (_EVENT.source_name, _EVENT.target_name)),
    )
