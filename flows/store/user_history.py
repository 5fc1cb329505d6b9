"""What happened to one user or group, application by application."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from flows.store.database import Database
from flows.store.identities import Identity
from flows.store.tables import PROVISIONING_EVENT
from graph_client.models import ProvisioningEvent

_EVENT = PROVISIONING_EVENT.c
_EVENTS_MAX = 20_000
"""Years of one user; older events change nothing about the last result."""
_COLUMNS = (
    *(_EVENT.id, _EVENT.service_principal_id, _EVENT.service_principal_name, _EVENT.activity_at),
    *(_EVENT.action, _EVENT.status, _EVENT.error_code, _EVENT.reason, _EVENT.recommended_action),
)


@dataclass(frozen=True)
class Step:
    """The step that an event ended with, in Microsoft's words."""

    name: str | None
    type: str | None
    status: str | None
    description: str | None


@dataclass(frozen=True)
class LastEvent:
    """What only the whole of the last event says, in Microsoft's words."""

    step: Step | None = None
    """The first step that did not succeed, else the last."""
    skip_reason: str | None = None
    """Why the object was skipped: an event that is no failure may have no error code."""
    additional_details: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The details of all steps but the import, whose are attributes of the object."""


@dataclass(frozen=True)
class ApplicationHistory:
    """How one user or group fared with one application."""

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
    """How many events there are."""
    failures: int
    """How many of them failed since the last success."""
    failing_since: datetime | None
    last_success_at: datetime | None

    @property
    def failed(self) -> bool:
        """Whether the last event was a failure."""
        return self.status == "failure"


class UserHistories:
    """The events by whom they are about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, identity: Identity) -> list[ApplicationHistory]:
        """Return how somebody fared with each application: failures first, then other errors, then the rest."""
        # Asked for the tenant too, SQLite would walk through all of the tenant's events in their order.
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
    """Tell the story of an application's events, rows of which the newest is the first."""
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
    # The whole events are wide: only those are read whose steps are shown.
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
