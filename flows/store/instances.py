"""Which service principal is which instance of which fleet."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from flows.store.database import Database
from flows.store.provisioning_events import fold_text
from flows.store.tables import INSTANCE


@dataclass(frozen=True)
class KnownInstance:
    """An application that bears our mark."""

    service_principal_id: str
    fleet: str
    key: str
    display_name: str | None = None


class Instances:
    """The applications that bore a mark of ours, and when that was last seen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, tenant_id: str, instances: Iterable[KnownInstance], seen_at: datetime | None = None) -> None:
        """Write down who has which mark, seen at a moment by Graph's clock; None for now."""
        now = seen_at or datetime.now(UTC)
        found = {
            (id_ := fold_text(each.service_principal_id)): {
                **asdict(each),
                "tenant_id": tenant_id,
                "service_principal_id": id_,
                "seen_at": now,
            }
            for each in instances
        }
        if not found:
            return
        insert = self._database.insert(INSTANCE)
        latest = {column.name: insert.excluded[column.name] for column in INSTANCE.c if not column.primary_key}
        with self._database.write() as connection:
            # One order for all writers, as two would wait for each other's rows otherwise.
            rows = [found[id_] for id_ in sorted(found)]
            connection.execute(insert.on_conflict_do_update(index_elements=["service_principal_id"], set_=latest), rows)

    def service_principal_ids(self, tenant_id: str, seen_since: datetime) -> set[str]:
        """Return the service principals that bore a mark at some time since a moment, deleted ones included."""
        table = INSTANCE.c
        statement = select(table.service_principal_id).where(table.tenant_id == tenant_id, table.seen_at >= seen_since)
        with self._database.read() as connection:
            return set(connection.scalars(statement))

    def all(self) -> list[KnownInstance]:
        """Return every application that bore a mark, by fleet and key, those last seen first."""
        table = INSTANCE.c
        columns = (table.service_principal_id, table.fleet, table.key, table.display_name)
        statement = select(*columns).order_by(table.fleet, table.key, table.seen_at.desc(), table.service_principal_id)
        with self._database.read() as connection:
            return [KnownInstance(**row) for row in connection.execute(statement).mappings()]
