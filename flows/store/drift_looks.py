"""What plans have seen of each instance: which fields differ from the fleet file, and since when.

The audit log can name the author of a change only if the moment before the change is known. So the last look is kept:
for every field that differs, the two looks that it came about between are carried on from one look to the next.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from flows.store.database import Database
from flows.store.tables import DRIFT_LOOK

Area = Literal["settings", "mappings"]


@dataclass(frozen=True)
class DriftedField:
    """A field that differs from the fleet file.

    Args:
        digest: Of the value in the tenant and the one in the file.
        after: The last look at which it was not so; None if that is not known.
        before: The first look at which it was so.
        changed: How many fields of the area changed between these two looks, back to the file included.
    """

    digest: str
    after: datetime | None = None
    before: datetime | None = None
    changed: int = 0


@dataclass(frozen=True, kw_only=True)
class DriftLook:
    """One look at an area of an instance; the fields are the columns of table `drift_look`."""

    tenant_id: str
    service_principal_id: str
    """Lower case."""
    area: Area
    job_id: str
    desired: str
    looked_at: datetime
    fields: Mapping[str, DriftedField] = field(default_factory=dict)

    def following(self, earlier: "DriftLook | None") -> "DriftLook":
        """Return the look with the times that the one before gives its fields."""
        if earlier is None or (earlier.job_id, earlier.desired) != (self.job_id, self.desired):
            # The file or the job has changed: the origin of a difference is unknown.
            return self
        old = {name: each.digest for name, each in earlier.fields.items()}
        new = {name: each.digest for name, each in self.fields.items()}
        # How many differ at once: one audit record can then explain one field, and not several.
        changed = len({name for name, _ in old.items() ^ new.items()})
        found = dict(self.fields)
        for name, each in self.fields.items():
            if name not in old:
                found[name] = replace(each, after=earlier.looked_at, before=self.looked_at, changed=changed)
            elif old[name] == each.digest:
                found[name] = earlier.fields[name]
            # Else it differs in another way than before: a value may have several parts, from several people.
        return replace(self, fields=found)


class DriftLooks:
    """The last look at each instance."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_all(self, looks: Sequence[DriftLook]) -> None:
        """Keep looks in place of those before, in one transaction; one that is older than what is kept is ignored."""
        with self._database.write(lock="drift looks") as connection:
            known = {_place(each): each for each in _read(connection, {each.tenant_id for each in looks})}
            rows = [
                _row(each.following(before))
                for each in looks
                if (before := known.get(_place(each))) is None or before.looked_at < each.looked_at
            ]
            if rows:
                insert = self._database.insert(DRIFT_LOOK)
                keys = [column.name for column in DRIFT_LOOK.primary_key]
                latest = {name: insert.excluded[name] for name in rows[0] if name not in keys}
                connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=latest), rows)

    def of_tenant(self, tenant_id: str) -> list[DriftLook]:
        """Return the last look at each area of each instance of a tenant."""
        with self._database.read() as connection:
            return _read(connection, {tenant_id})


def _read(connection: Connection, tenant_ids: Iterable[str]) -> list[DriftLook]:
    chosen = select(DRIFT_LOOK).where(DRIFT_LOOK.c.tenant_id.in_(sorted(tenant_ids)))
    order = (DRIFT_LOOK.c.service_principal_id, DRIFT_LOOK.c.area)
    return [_look_of(row) for row in connection.execute(chosen.order_by(*order)).mappings()]


def _place(look: DriftLook) -> tuple[str, str, str]:
    return look.tenant_id, look.service_principal_id, look.area


def _row(look: DriftLook) -> dict[str, Any]:
    fields = {
        name: asdict(each) | {"after": _text(each.after), "before": _text(each.before)}
        for name, each in look.fields.items()
    }
    return {**{name: getattr(look, name) for name in look.__dataclass_fields__}, "fields": fields}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _look_of(row: Mapping[Any, Any]) -> DriftLook:
    fields = {
        name: DriftedField(each["digest"], _moment(each["after"]), _moment(each["before"]), each["changed"])
        for name, each in row["fields"].items()
    }
    return DriftLook(**{**row, "fields": fields})


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
