"""The objects that a job created in its target system and has not removed, according to the provisioning log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from flows.store.database import Database
from flows.store.provisioning_events import fold_text
from flows.store.tables import PROVISIONING_EVENT
from graph_client.models import ProvisioningEvent

_EVENT = PROVISIONING_EVENT.c
_ADDED = ("create", "update")
# Users who leave the scope are soft-deleted, which some connectors log as `disable`.
_REMOVED = ("delete", "disable")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class AccountChange:
    """The last change that succeeded for one user or group in the target system."""

    source_id: str
    name: str | None
    action: str
    activity_at: datetime | None

    @property
    def is_present(self) -> bool:
        """Whether the account is still in the target system."""
        return self.action in _ADDED

    @property
    def label(self) -> str:
        """What to call it."""
        return self.name or self.source_id


class ProvisionedAccounts:
    """The last successful change of each user or group, from the stored events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, tenant_id: str, service_principal_id: str) -> dict[str, AccountChange]:
        """Return the last change of each user and group of an application, by their id in the source."""
        newest = func.row_number().over(
            partition_by=(_EVENT.tenant_id, _EVENT.source_id), order_by=(_EVENT.activity_at.desc(), _EVENT.id.desc())
        )
        columns = (_EVENT.source_id, _EVENT.source_name.label("name"), _EVENT.action, _EVENT.activity_at)
        # With a condition on the tenant inside, SQLite would scan all of the tenant's events.
        ranked = (
            select(_EVENT.tenant_id, *columns, newest.label("rank"))
            .where(
                _EVENT.service_principal_id == fold_text(service_principal_id),
                _EVENT.status == "success",
                _EVENT.action.in_((*_ADDED, *_REMOVED)),
                _EVENT.source_id.is_not(None),
            )
            .subquery()
        )
        names = AccountChange.__dataclass_fields__
        statement = select(ranked).where(ranked.c.rank == 1)
        with self._database.read() as connection:
            found: Iterable[Mapping[Any, Any]] = connection.execute(statement).mappings().all()
        mine = (row for row in found if row["tenant_id"] == tenant_id)
        return {row["source_id"]: AccountChange(**{name: row[name] for name in names}) for row in mine}


def add_events(known: dict[str, AccountChange], events: Iterable[ProvisioningEvent]) -> None:
    """Add events as Graph returned them; the later change of an account counts."""
    for event in events:
        source_id, action = event.source_identity.id, event.action
        if event.status != "success" or not source_id or action not in (*_ADDED, *_REMOVED):
            continue
        change = AccountChange(source_id, event.source_identity.display_name, action, event.activity_date_time)
        before = known.get(source_id)
        if before is None or _moment(before) <= _moment(change):
            known[source_id] = change


def _moment(change: AccountChange) -> datetime:
    return change.activity_at or _LONG_AGO
