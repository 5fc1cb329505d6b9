"""What this program allowed in cross-tenant access policies, so that exactly that can be withdrawn later."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, delete, select, update

from flows.store.database import Database
from flows.store.tables import GIVEN_ACCESS

Side = Literal["source", "target"]
Field = Literal["partner", "users", "groups", "redeem"]

_COLUMN = GIVEN_ACCESS.c


@dataclass(frozen=True)
class Access:
    """One thing that the policy of one side allows, for one instance."""

    tenant_id: str
    """The tenant of the fleet."""
    fleet: str
    key: str
    target_tenant_id: str
    side: Side
    field: Field

    @property
    def row(self) -> ColumnElement[bool]:
        """The condition for its row."""
        return and_(*(_COLUMN[name] == value for name, value in vars(self).items()))


@dataclass(frozen=True)
class GivenAccess:
    """Access that was given, or was about to be given when a run ended."""

    access: Access
    before: str | None
    """The value before: `true`, `false`, or None where there was none."""
    intended_at: datetime
    confirmed_at: datetime | None = None
    """When Graph had answered; None if the answer was lost, so that it may or may not have been given."""
    withdrawn_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was not withdrawn yet."""
        return self.withdrawn_at is None


class GivenAccesses:
    """The access that was given, by instance, side and field."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def intend(self, access: Access, before: str | None) -> bool:
        """Record that access is about to be given; called before the request.

        What was given before and not withdrawn keeps the value that it had before the first time.

        Returns:
            Whether it is the first time: nothing was given or about to be given before.
        """
        again = {"intended_at": datetime.now(UTC), "confirmed_at": None}
        statement = self._database.insert(GIVEN_ACCESS).values(**vars(access), before=before, **again)
        with self._database.write() as connection:
            connection.execute(delete(GIVEN_ACCESS).where(access.row, _COLUMN.withdrawn_at.is_not(None)))
            known = connection.execute(select(_COLUMN.field).where(access.row)).first()
            connection.execute(
                statement.on_conflict_do_update(index_elements=list(GIVEN_ACCESS.primary_key), set_=again)
            )
        return known is None

    def confirm(self, access: Access) -> None:
        """Record that access was given."""
        self._set(access, confirmed_at=datetime.now(UTC))

    def withdraw(self, access: Access) -> None:
        """Record that access was taken away again; nothing happens where none was given."""
        self._set(access, withdrawn_at=datetime.now(UTC))

    def forget(self, access: Access) -> None:
        """Delete an intention: the access turned out to be given by others."""
        with self._database.write() as connection:
            connection.execute(delete(GIVEN_ACCESS).where(access.row, _COLUMN.confirmed_at.is_(None)))

    def of(self, tenant_id: str, fleet: str, key: str) -> tuple[GivenAccess, ...]:
        """Return what was given for an instance, withdrawn access included, in the order in which it was given."""
        statement = (
            select(GIVEN_ACCESS)
            .where(_COLUMN.tenant_id == tenant_id, _COLUMN.fleet == fleet, _COLUMN.key == key)
            .order_by(_COLUMN.intended_at, _COLUMN.side, _COLUMN.field)
        )
        with self._database.read() as connection:
            return tuple(_given(row) for row in connection.execute(statement).mappings())

    def _set(self, access: Access, **values: datetime) -> None:
        with self._database.write() as connection:
            connection.execute(update(GIVEN_ACCESS).where(access.row).values(**values))


def _given(row: Mapping[Any, Any]) -> GivenAccess:
    access = Access(**{name: row[name] for name in Access.__dataclass_fields__})
    moments = (row["intended_at"], row["confirmed_at"], row["withdrawn_at"])
    return GivenAccess(access, row["before"], *moments)
