"""The service principals of instances, by ownership tag."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from flows.store.database import Database
from flows.store.provisioning_events import fold_text
from flows.store.tables import INSTANCE


@dataclass(frozen=True)
class KnownInstance:
    """An application with an ownership tag."""

    service_principal_id: str
    fleet: str
    key: str
    display_name: str | None = None


class Instances:
    """The applications with an ownership tag, and when it was last seen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, tenant_id: str, instances: Iterable[KnownInstance], seen_at: datetime | None = None) -> None:
        """Record the ownership tags of applications, seen at a moment by Graph's clock; None for now."""
        now = seen_at or datetime.now(UTC)  # Graph's clock if the caller knows it
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
            # The same order for all writers: otherwise two could deadlock.
            rows = [found[id_] for id_ in sorted(found)]
            connection.execute(insert.on_conflict_do_update(index_elements=["service_principal_id"], set_=latest), rows)

    def service_principal_ids(self, tenant_id: str, seen_since: datetime) -> set[str]:
        """Return the service principals that had an ownership tag since a moment, including deleted ones."""
        table = INSTANCE.c
        statement = select(table.service_principal_id).where(table.tenant_id == tenant_id, table.seen_at >= seen_since)
        with self._database.read() as connection:
            return set(connection.scalars(statement))

    def all(self) -> list[KnownInstance]:
        """Return all applications that had an ownership tag, by fleet and key, the last seen first."""
        table = INSTANCE.c
        columns = (table.service_principal_id, table.fleet, table.key, table.display_name)
        statement = select(*columns).order_by(table.fleet, table.key, table.seen_at.desc(), table.service_principal_id)
        with self._database.read() as connection:
            return [KnownInstance(**row) for row in connection.execute(statement).mappings()]
