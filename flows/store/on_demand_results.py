"""The results of provisioning on demand, stored beside the log and never counted with it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, insert, select

from flows.store.database import Database
from flows.store.provisioning_events import fold_text, storable
from flows.store.tables import ON_DEMAND_RESULT, PROVISIONING_EVENT
from flows.store.user_history import Identity, store_identity

_COLUMN = ON_DEMAND_RESULT.c
_TEXTS = ("source_name", "error_code", "reason", "recommended_action", "change_id", "target_id")


@dataclass(frozen=True, kw_only=True)
class StoredOnDemandResult:
    """One result; the fields are the columns of table `on_demand_result`."""

    tenant_id: str
    fleet: str
    key: str
    service_principal_id: str
    job_id: str
    tried_at: datetime
    source_id: str
    outcome: str
    source_type: str | None = None
    source_name: str | None = None
    error_code: str | None = None
    reason: str | None = None
    recommended_action: str | None = None
    steps: Sequence[Mapping[str, Any]] = ()
    modified: Sequence[Mapping[str, Any]] = ()
    change_id: str | None = None
    target_id: str | None = None
    run_id: str | None = None


class OnDemandResults:
    """The results by user or group."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, result: StoredOnDemandResult, user_principal_name: str | None = None) -> None:
        """Store a result, and the user or group it is about."""
        row = asdict(result) | {name: storable(getattr(result, name)) for name in _TEXTS}
        row["service_principal_id"] = fold_text(result.service_principal_id)
        names = (result.source_type, row["source_name"], storable(user_principal_name))
        with self._database.write() as connection:
            connection.execute(insert(ON_DEMAND_RESULT), row)
            store_identity(self._database, connection, Identity(result.tenant_id, result.source_id, *names))

    def of(self, identity: Identity, limit: int = 100) -> list[StoredOnDemandResult]:
        """Return the results of a user or group, the newest first."""
        statement = (
            select(ON_DEMAND_RESULT)
            .where(_COLUMN.source_id == identity.id, _COLUMN.tenant_id == identity.tenant_id)
            .order_by(_COLUMN.tried_at.desc(), _COLUMN.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_result_of(row) for row in connection.execute(statement).mappings()]

    def logged(self, results: Sequence[StoredOnDemandResult]) -> frozenset[str]:
        """Return the change ids of those results whose event is in the store."""
        event = PROVISIONING_EVENT.c
        # The change id alone has no index.
        same = (event.source_id == _COLUMN.source_id, event.change_id == _COLUMN.change_id)
        changes = [each.change_id for each in results if each.change_id]
        statement = select(_COLUMN.change_id).where(_COLUMN.change_id.in_(changes), exists().where(*same))
        with self._database.read() as connection:
            return frozenset(connection.scalars(statement)) if changes else frozenset()


def _result_of(row: Mapping[Any, Any]) -> StoredOnDemandResult:
    return StoredOnDemandResult(**{name: row[name] for name in StoredOnDemandResult.__dataclass_fields__})
