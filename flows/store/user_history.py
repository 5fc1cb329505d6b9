"""The history of a user or group in each application."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, func, or_, select

from flows.store.database import Database
from flows.store.provisioning_events import storable
from flows.store.tables import IDENTITY, PROVISIONING_EVENT
from graph_client.models import ProvisioningEvent

_COLUMN = IDENTITY.c
_PRINCIPAL_NAMES = {"userprincipalname", "upn"}  # the details are an open map, and spell it variously
_REMEMBERED_MAX = 50_000
"""Some 20 MB; then it starts again."""
_Told: TypeAlias = tuple[str, str, str | None, str | None, str | None]
"""The identity in an event: tenant, id, type, name, user principal name."""
_TOLD = ("type", "name", "user_principal_name")
_PLAIN = ("plain_name", "plain_user_principal_name")


@dataclass(frozen=True)
class Identity:
    """A user or group of the source system, with its last known name."""

    tenant_id: str
    id: str
    type: str | None = None
    name: str | None = None
    user_principal_name: str | None = None


class Identities:
    """All users and groups in the stored events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, text: str, limit: int = 20) -> list[Identity]:
        """Return the users and groups that a text matches exactly, otherwise those that contain it; by name.

        Args:
            text: An id, a user principal name, a display name, or a part of one; case and accents do not matter.
            limit: How many at most.
        """
        sought = plain(text)
        ids, names, principal_names = func.lower(_COLUMN.id), _COLUMN.plain_name, _COLUMN.plain_user_principal_name
        # Exact matches first, and alone: "Ann" is not to find every Anna.
        exactly = or_(ids == sought, principal_names == sought, names == sought)
        partly = or_(*(column.contains(sought, autoescape=True) for column in (ids, principal_names, names)))
        with self._database.read() as connection:
            for matches in (exactly, partly):
                statement = select(IDENTITY).where(matches).order_by(names, _COLUMN.id).limit(limit)
                if found := [_identity_of(row) for row in connection.execute(statement).mappings()]:
                    return found
        return []


class IdentityWriter:
    """Stores the identities in events, with a cache: most events are about the same users."""

    def __init__(self, database: Database) -> None:
        insert = database.insert(IDENTITY)
        # An event may have less information than an earlier one.
        later = {name: func.coalesce(insert.excluded[name], _COLUMN[name]) for name in (*_TOLD, *_PLAIN)}
        changed = or_(*(later[name].is_distinct_from(_COLUMN[name]) for name in _TOLD))
        self._upsert = insert.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=later, where=changed)
        self._kept: set[_Told] = set()

    def keep(self, connection: Connection, tenant_id: str, events: Iterable[Mapping[str, Any]]) -> set[_Told]:
        """Store identities in the transaction of their events; return those to cache after the commit."""
        found = {event["source_id"]: _told(tenant_id, event) for event in events if event["source_id"]}
        # The same order for all writers: otherwise two harvesters could deadlock.
        news = [found[id_] for id_ in sorted(found) if found[id_] not in self._kept]
        if news:
            connection.execute(self._upsert, [_row_of(*each) for each in news])
        return set(news)

    def remember(self, news: set[_Told]) -> None:
        """Cache stored identities."""
        if len(self._kept) > _REMEMBERED_MAX:
            self._kept.clear()
        self._kept |= news


def store_identity(database: Database, connection: Connection, identity: Identity) -> None:
    """Store an identity from outside the log, in a transaction; existing values are kept."""
    row = _row_of(*(getattr(identity, name) for name in Identity.__dataclass_fields__))
    connection.execute(database.insert(IDENTITY).on_conflict_do_nothing(index_elements=["tenant_id", "id"]), row)


def plain(text: str) -> str:
    """Return a text without case and accents, for comparing names."""
    if text.isascii():
        return text.strip().lower()
    # NFKD splits a letter from its accents, which are dropped then.
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


_EVENT = PROVISIONING_EVENT.c
_EVENTS_MAX = 20_000
"""Enough for years of one user; older events do not change the last result."""
_COLUMNS = (
    *(_EVENT.id, _EVENT.service_principal_id, _EVENT.service_principal_name, _EVENT.activity_at),
    *(_EVENT.action, _EVENT.status, _EVENT.error_code, _EVENT.reason, _EVENT.recommended_action),
)


@dataclass(frozen=True)
class Step:
    """The last step of an event, in Microsoft's words."""

    name: str | None
    type: str | None
    status: str | None
    description: str | None


@dataclass(frozen=True)
class LastEvent:
    """The details that only the whole last event has, in Microsoft's words."""

    step: Step | None = None
    """The first unsuccessful step, otherwise the last step."""
    skip_reason: str | None = None
    """Why the object was skipped; such an event may have no error code."""
    additional_details: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The details of all steps except the import, whose details are attributes of the object."""


@dataclass(frozen=True)
class ApplicationHistory:
    """The history of one user or group in one application."""

    service_principal_id: str | None
    service_principal_name: str | None
    activity_at: datetime | None
    action: str | None
    status: str | None
    error_code: str | None
    reason: str | None
    recommended_action: str | None
    last: LastEvent
    events: int
    """The number of events."""
    failures: int
    """The number of failures since the last success."""
    failing_since: datetime | None
    last_success_at: datetime | None

    @property
    def failed(self) -> bool:
        """Whether the last event was a failure."""
        return self.status == "failure"


class UserHistories:
    """The events by user or group."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, identity: Identity) -> list[ApplicationHistory]:
        """Return the history of a user or group by application: failures first, then other errors, then the rest."""
        # With a condition on the tenant, SQLite would scan all of the tenant's events in order.
        statement = (
            select(_EVENT.tenant_id, *_COLUMNS)
            .where(_EVENT.source_id == identity.id)
            .order_by(_EVENT.activity_at.desc(), _EVENT.id.desc())
            .limit(_EVENTS_MAX)
        )
        by_application: dict[str | None, list[Any]] = {}
        with self._database.read() as connection:
            for row in connection.execute(statement):
                if row.tenant_id != identity.tenant_id:
                    continue
                by_application.setdefault(row.service_principal_id, []).append(row)
            last = _last_events(connection, [events[0].id for events in by_application.values()])
        stories = [_story(events, last.get(events[0].id, LastEvent())) for events in by_application.values()]
        return sorted(stories, key=lambda story: (not story.failed, story.error_code is None))


def _story(events: Sequence[Any], whole: LastEvent) -> ApplicationHistory:
    """Build the history from an application's events, the newest first."""
    last = events[0]
    succeeded = next((number for number, event in enumerate(events) if event.status == "success"), len(events))
    failures = [event for event in events[:succeeded] if event.status == "failure"]
    return ApplicationHistory(
        service_principal_id=last.service_principal_id,
        service_principal_name=last.service_principal_name,
        activity_at=last.activity_at,
        action=last.action,
        status=last.status,
        error_code=last.error_code,
        reason=last.reason,
        recommended_action=last.recommended_action,
        last=whole,
        events=len(events),
        failures=len(failures),
        failing_since=failures[-1].activity_at if failures else None,
        last_success_at=events[succeeded].activity_at if succeeded < len(events) else None,
    )


def _last_events(connection: Connection, ids: Sequence[str]) -> dict[str, LastEvent]:
    # Whole events are wide: only those whose steps are shown are read.
    rows = connection.execute(select(_EVENT.id, _EVENT.raw).where(_EVENT.id.in_(ids)))
    return {row.id: _last_event(ProvisioningEvent(row.raw)) for row in rows}


def _last_event(event: ProvisioningEvent) -> LastEvent:
    known = event.provisioning_steps
    failing = (step for step in known if (step.status or "success").lower() != "success")
    step = next(failing, known[-1] if known else None)
    kept = [each.details for each in known if (each.provisioning_step_type or "").lower() != "import"]
    details = {name: value for each in reversed(kept) for name, value in each.items()}
    return LastEvent(
        Step(step.name, step.provisioning_step_type, step.status, step.description) if step else None,
        str(details["SkipReason"]) if details.get("SkipReason") else None,
        event.error.additional_details,
        details,
    )
