"""The users and groups that the log is about, to be found by a part of their names."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, func, or_, select

from flows.store.database import Database
from flows.store.event_rows import storable
from flows.store.tables import IDENTITY

_COLUMN = IDENTITY.c
_PRINCIPAL_NAMES = {"userprincipalname", "upn"}
_REMEMBERED_MAX = 50_000
"""Some 20 MB; then it begins anew."""
_Told: TypeAlias = tuple[str, str, str | None, str | None, str | None]
"""What an event tells: tenant, id, type, name, user principal name."""
_TOLD = ("type", "name", "user_principal_name")
_PLAIN = ("plain_name", "plain_user_principal_name")


@dataclass(frozen=True)
class Identity:
    """A user or group of the source system, named as it was last seen."""

    tenant_id: str
    id: str
    type: str | None = None
    name: str | None = None
    user_principal_name: str | None = None


class Identities:
    """Everybody the stored events are about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, text: str, limit: int = 20) -> list[Identity]:
        """Return whom a text means: those it names exactly, else those it is a part of; by name.

        Args:
            text: An id, a user principal name, a display name, or a part of one; case and accents do not matter.
            limit: How many at most.
        """
        sought = plain(text)
        ids, names, principal_names = func.lower(_COLUMN.id), _COLUMN.plain_name, _COLUMN.plain_user_principal_name
        exactly = or_(ids == sought, principal_names == sought, names == sought)
        partly = or_(*(column.contains(sought, autoescape=True) for column in (ids, principal_names, names)))
        with self._database.read() as connection:
            for matches in (exactly, partly):
                statement = select(IDENTITY).where(matches).order_by(names, _COLUMN.id).limit(limit)
                if found := [_identity_of(row) for row in connection.execute(statement).mappings()]:
                    return found
        return []


class IdentityWriter:
    """Writes down whom events are about, and remembers whom it wrote down: most events are about the same people."""

    def __init__(self, database: Database) -> None:
        insert = database.insert(IDENTITY)
        # An event may know less than an earlier one did.
        later = {name: func.coalesce(insert.excluded[name], _COLUMN[name]) for name in (*_TOLD, *_PLAIN)}
        changed = or_(*(later[name].is_distinct_from(_COLUMN[name]) for name in _TOLD))
        self._upsert = insert.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=later, where=changed)
        self._kept: set[_Told] = set()

    def keep(self, connection: Connection, tenant_id: str, events: Iterable[Mapping[str, Any]]) -> set[_Told]:
        """Write in the transaction that stores the rows of events; return what is to be remembered once it is done."""
        found = {event["source_id"]: _told(tenant_id, event) for event in events if event["source_id"]}
        # One order for all writers, as two harvesters would wait for each other's rows otherwise.
        news = [found[id_] for id_ in sorted(found) if found[id_] not in self._kept]
        if news:
            connection.execute(self._upsert, [_row_of(*told) for told in news])
        return set(news)

    def remember(self, news: set[_Told]) -> None:
        """Remember what is in the store now."""
        if len(self._kept) > _REMEMBERED_MAX:
            self._kept.clear()
        self._kept |= news


def store_identity(database: Database, connection: Connection, identity: Identity) -> None:
    """Write down somebody who is met outside the log, in a transaction; what is known already stays."""
    row = _row_of(*(getattr(identity, name) for name in Identity.__dataclass_fields__))
    connection.execute(database.insert(IDENTITY).on_conflict_do_nothing(index_elements=["tenant_id", "id"]), row)


def plain(text: str) -> str:
    """Return a text without case and accents, as names are compared."""
    if text.isascii():
        return text.strip().lower()
    letters = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _told(tenant_id: str, event: Mapping[str, Any]) -> _Told:
    return tenant_id, event["source_id"], event["source_type"], event["source_name"], _principal_name(event["raw"])


def _row_of(tenant_id: str, id_: str, kind: str | None, name: str | None, principal_name: str | None) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "id": id_,
        "type": kind,
        "name": name,
        "user_principal_name": principal_name,
        "plain_name": plain(name) if name else None,
        "plain_user_principal_name": plain(principal_name) if principal_name else None,
    }


def _principal_name(raw: Mapping[str, Any]) -> str | None:
    identity = raw.get("sourceIdentity")
    details = identity.get("details") if isinstance(identity, Mapping) else None
    for key, value in details.items() if isinstance(details, Mapping) else ():
        if key.lower() in _PRINCIPAL_NAMES:
            return storable(value)
    return None


def _identity_of(row: RowMapping) -> Identity:
    return Identity(**{name: row[name] for name in Identity.__dataclass_fields__})
