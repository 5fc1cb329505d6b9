"""The directory audit log: who changed what in the tenant; each record is readable once it is ingested.

https://learn.microsoft.com/graph/api/resources/directoryaudit
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graph_emulator.clock import guid, share, to_ticks, write_ticks
from graph_emulator.directory.directory import Entry
from graph_emulator.settings import EmulatorSettings

PROVISIONING = "Account Provisioning"
CORE_DIRECTORY = "Core Directory"


@dataclass(frozen=True, slots=True)
class Activity:
    """What a record is about, in the words of Microsoft's list.

    https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities
    """

    name: str
    service: str = PROVISIONING
    operation: str = ""
    """Empty in the records of Account Provisioning."""

    @property
    def category(self) -> str:
        """The category of the record."""
        return "ProvisioningManagement" if self.service == PROVISIONING else "ApplicationManagement"


QUARANTINE = Activity("Quarantine")
IMPORT = Activity("Import")


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor, as in `initiatedBy`; the provisioning service itself is neither user nor application."""

    user: dict[str, Any] | None = None
    app: dict[str, Any] | None = None

    @classmethod
    def application(cls, object_id: str, display_name: str) -> "Actor":
        """An application: its appId is null, the service principal identifies it.

        Recorded: rknightion/graph2otel directoryaudits_test.go, 2026-07-19.
        """
        names = {"appId": None, "displayName": display_name, "servicePrincipalName": None}
        return cls(app={**names, "servicePrincipalId": object_id})

    @classmethod
    def person(cls, user: dict[str, Any]) -> "Actor":
        """A user in the portal."""
        names = {name: user[name] for name in ("id", "displayName", "userPrincipalName")}
        return cls(user={**names, "ipAddress": "192.0.2.10"})  # of the range for documentation

    def as_graph(self) -> dict[str, Any]:
        """The value of `initiatedBy`."""
        return {"user": self.user, "app": self.app}


SERVICE = Actor()  # neither user nor application: a service of Microsoft's


@dataclass(slots=True)
class AuditRecord:
    """One stored record."""

    ticks: int
    number: int
    """The order of records at the same moment."""
    ingested_at: float
    activity: Activity
    value: dict[str, Any]

    def __lt__(self, other: "AuditRecord") -> bool:
        return (self.ticks, self.number) < (other.ticks, other.number)


class AuditLog:
    """All audit records of the tenant, sorted by time."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self._records: list[AuditRecord] = []
        self._made = 0

    def record(
        self, activity: Activity, principal: Entry, actor: Actor, at: float, *, reason: str = "", failed: bool = False
    ) -> None:
        """Record an action on a service principal or its job."""
        self._made += 1
        settings = self._settings
        correlation = guid(settings.seed, "audit", self._made)
        # The number is used up nevertheless, so that the ids of the others do not depend on the switch.
        if share(correlation, "lost") < settings.lost_audit_share:
            return
        source = "Sync" if activity.service == PROVISIONING else "Directory"
        id_ = f"{source}_{correlation}_{correlation[:5].upper()}_{self._made:08d}"  # the form of recorded ids
        ticks = to_ticks(at)
        value = {
            "id": id_,
            "category": activity.category,
            "correlationId": correlation,
            "result": "failure" if failed else "success",
            "resultReason": reason,
            "activityDisplayName": activity.name,
            "activityDateTime": write_ticks(ticks),
            "loggedByService": activity.service,
            "operationType": activity.operation,
            "initiatedBy": actor.as_graph(),
            "targetResources": _targets(activity, principal),
            "additionalDetails": [],
        }
        # Sorted at insertion: jobs are settled late, and write records of moments that have passed.
        insort(self._records, AuditRecord(ticks, self._made, at + self._latency(correlation), activity, value))

    def _latency(self, correlation: str) -> float:
        settings = self._settings
        if share(correlation, "late") < settings.late_event_share:
            return settings.late_event_seconds
        return settings.audit_latency_seconds * (0.5 + 0.5 * share(correlation, "latency"))

    def readable(self, now: float, *, descending: bool) -> Iterator[AuditRecord]:
        """The ingested records within retention."""
        oldest = to_ticks(now - self._settings.log_retention_seconds)
        first = bisect_left(self._records, oldest, key=_ticks)
        last = bisect_right(self._records, to_ticks(now), key=_ticks)
        for position in range(last - 1, first - 1, -1) if descending else range(first, last):
            record = self._records[position]
            # Not a bound of the search: records are sorted by when they happened, not by when they are readable.
            if record.ingested_at <= now:
                yield record

    def all(self) -> list[AuditRecord]:
        """All records, readable or not, oldest first."""
        return list(self._records)


def _ticks(record: AuditRecord) -> int:
    return record.ticks


def _targets(activity: Activity, principal: Entry) -> list[dict[str, Any]]:
    # Of Account Provisioning the second entry prints empty: entra-docs cross-tenant-synchronization-configure-graph.
    shown = [(principal.id, principal.value["displayName"], "ServicePrincipal")]
    if activity.service == PROVISIONING:
        shown.append(("", None, "Other"))
    rest: dict[str, Any] = {"userPrincipalName": None, "groupType": None, "modifiedProperties": []}
    return [{"id": id_, "displayName": name, "type": kind, **rest} for id_, name, kind in shown]
