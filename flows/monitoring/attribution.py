"""Who made a change that was seen: known where exactly one record of the audit log explains it, and otherwise not.

A wrong name is worse than none. So a change is explained only if the log is complete between the two moments it was
seen between, if it has exactly one record there that could have made it, and if no write of ours may have done so.
What the log never had cannot be missed by anyone: a record that Graph did not write, or wrote hours late.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flows.formatting import format_iso
from flows.monitoring.harvest import OVERLAP
from flows.store import AuditRecord, Coverage, OwnWrite

TOLERANCE = timedelta(minutes=1)
"""How far the clocks of the looks and of the log may be apart: a record as near to a look is no evidence."""


class ChangeKind(StrEnum):
    """What was seen to have changed about a job."""

    CREATED = "created"
    DELETED = "deleted"
    PAUSED = "paused"
    STARTED = "started"
    MAPPINGS = "mappings"
    SETTINGS = "settings"
    SCOPE = "scope"
    QUARANTINED = "quarantined"


_ADD, _DELETE = "add provisioning configuration", "delete provisioning configuration"
_PAUSE = "disable/pause provisioning configuration"
_START, _RESTART = "enable/start provisioning configuration", "enable/restart provisioning configuration"
_MAPPINGS, _SETTINGS = "update attribute mappings or scope", "update provisioning setting or credentials"
_QUARANTINE = "quarantine"

_STATES = frozenset({_ADD, _DELETE, _PAUSE, _START, _RESTART})
_ACTIVITIES = {
    ChangeKind.CREATED: ({_ADD}, _STATES),
    ChangeKind.DELETED: ({_DELETE}, _STATES),
    ChangeKind.PAUSED: ({_PAUSE}, _STATES),
    ChangeKind.STARTED: ({_START, _RESTART}, _STATES),
    ChangeKind.MAPPINGS: ({_MAPPINGS}, {_ADD, _DELETE, _MAPPINGS}),
    ChangeKind.SETTINGS: ({_SETTINGS}, {_ADD, _DELETE, _SETTINGS}),
    # Whether all users are in scope is a setting, and no page says which activity records it.
    ChangeKind.SCOPE: ({_MAPPINGS, _SETTINGS}, {_ADD, _DELETE, _MAPPINGS, _SETTINGS}),
    ChangeKind.QUARANTINED: ({_QUARANTINE}, {_QUARANTINE}),
}
"""The activities that make a change of each kind, and those that could have made or unmade it, in lower case.

Source: https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities
"""


ACTIVITIES = _STATES | {_MAPPINGS, _SETTINGS, _QUARANTINE}
"""All of them."""


@dataclass(frozen=True)
class SeenChange:
    """A change of one application: not there at one look, there at a later one.

    Args:
        kind: What changed.
        service_principal_id: The application.
        after: The last look without it.
        before: The first look with it.
        fields: How many values changed between the looks. Of several, the record of one may be lost.
        standing: Whether it is said of the present: what was done later may have undone it, and done it again.
    """

    kind: ChangeKind
    service_principal_id: str
    after: datetime
    before: datetime
    fields: int = 1
    standing: bool = False


@dataclass(frozen=True)
class Attribution:
    """Who did it, when, and by which activity."""

    at: datetime
    actor: str | None
    """None for the provisioning service itself."""
    activity: str
    source: str
    """entra-fleet or directory."""

    @property
    def summary(self) -> str:
        """Who and when, in a short phrase."""
        return f"{self.actor or 'the provisioning service'} on {self.at:%Y-%m-%d %H:%M}Z"

    def as_json(self) -> dict[str, Any]:
        """Return its JSON."""
        return {"at": format_iso(self.at), "actor": self.actor, "activity": self.activity, "source": self.source}


@dataclass(frozen=True)
class AuditTrail:
    """What the store knows of a tenant's audit log, and of our own writes there.

    Args:
        records: Records of the applications in question.
        coverage: How far the log was harvested; None if never.
        complete_from: The earliest moment of which the log is known to be there.
        own_writes: When runs of ours may have written.
    """

    records: Sequence[AuditRecord] = ()
    coverage: Coverage | None = None
    complete_from: datetime | None = None
    own_writes: Sequence[OwnWrite] = ()

    def explain(self, change: SeenChange) -> Attribution | None:
        """Return who made a change; None where the log does not tell."""
        start, end = change.after - TOLERANCE, change.before + TOLERANCE
        if change.fields != 1 or not self._is_complete(start, end):
            return None
        record = self._only_record(change, start, end)
        if record is None or record.activity_at is None:
            return None
        if not change.after + TOLERANCE < record.activity_at <= change.before:
            return None
        if change.standing and self._is_overtaken(change, end):
            return None
        return self._name(change, record, record.activity_at, start, end)

    def find_edit(self, service_principal_id: str, after: datetime, before: datetime) -> Attribution | None:
        """Return who edited the mappings of a job between two writes of ours, if exactly one record shows it.

        Args:
            service_principal_id: The application.
            after: When the first write was done.
            before: When the mappings were read for the second.
        """
        change = SeenChange(ChangeKind.MAPPINGS, service_principal_id, after, before)
        start, end = after - TOLERANCE, before + TOLERANCE
        if not self._is_complete(start, end):
            return None
        foreign = [each for each in foreign_records(self.records, self.own_writes) if _lies_within(each, start, end)]
        found = [each for each in foreign if _concerns(each, change, _ACTIVITIES[change.kind][1])]
        at = found[0].activity_at if len(found) == 1 else None
        if at is None or (found[0].activity or "").lower() != _MAPPINGS:
            return None
        if not after + TOLERANCE < at <= before - TOLERANCE:
            return None
        return Attribution(at, found[0].actor_name, found[0].activity or "", "directory")

    def _is_complete(self, start: datetime, end: datetime) -> bool:
        covered = self.coverage
        if covered is None or self.complete_from is None or start < self.complete_from:
            return False
        # A record may reach the log as late as a harvest reads again; what comes later than that is lost.
        settled = covered.watermark - OVERLAP
        return end <= settled and not any(gap.start < end and start < gap.end for gap in covered.gaps)

    def _is_overtaken(self, change: SeenChange, end: datetime) -> bool:
        """Return whether anybody may have made or unmade such a change since it was seen."""
        rivals = _ACTIVITIES[change.kind][1]
        later = (each for each in self.records if each.activity_at is None or each.activity_at > end)
        # For starts and pauses the journal alone shows whether the last was ours.
        ours = () if rivals == _STATES else self.own_writes
        return any(_concerns(each, change, rivals) for each in later) or any(
            _is_of(each, change) and each.ended_at > end for each in ours
        )

    def _only_record(self, change: SeenChange, start: datetime, end: datetime) -> AuditRecord | None:
        makers, rivals = _ACTIVITIES[change.kind]
        found = [each for each in self.records if _concerns(each, change, rivals) and _lies_within(each, start, end)]
        if len(found) != 1 or (found[0].activity or "").lower() not in makers:
            return None
        return found[0]

    def _name(
        self, change: SeenChange, record: AuditRecord, at: datetime, start: datetime, end: datetime
    ) -> Attribution | None:
        own = [each for each in self.own_writes if _is_of(each, change) and each.overlaps(start, end)]
        ours = any(tells_of(record, each) for each in own)
        if own and not ours and change.kind is not ChangeKind.QUARANTINED:
            # Both wrote, and only one of them is in the log.
            return None
        return Attribution(at, record.actor_name, record.activity or "", "entra-fleet" if ours else "directory")


def _concerns(record: AuditRecord, change: SeenChange, activities: Collection[str]) -> bool:
    same = (record.service_principal_id or "") == change.service_principal_id.lower()
    # What failed has changed nothing; a quarantine is a failure by its nature.
    effective = record.result != "failure" or change.kind is ChangeKind.QUARANTINED
    return same and effective and (record.activity or "").lower() in activities


def _is_of(write: OwnWrite, change: SeenChange) -> bool:
    return write.service_principal_id.lower() == change.service_principal_id.lower()


def _lies_within(record: AuditRecord, start: datetime, end: datetime) -> bool:
    # One without a moment may have been at any time.
    return record.activity_at is None or start <= record.activity_at <= end


def tells_of(record: AuditRecord, write: OwnWrite) -> bool:
    """Return whether a record is of a write of ours: the same identity, application and time."""
    at, own = record.activity_at, (write.actor_object_id or "").lower()
    same = (record.service_principal_id or "") == write.service_principal_id.lower() and own == record.actor_id
    return same and at is not None and write.overlaps(at - TOLERANCE, at + TOLERANCE)


def foreign_records(records: Iterable[AuditRecord], own_writes: Sequence[OwnWrite]) -> Iterable[AuditRecord]:
    """Yield the records that tell of no write of ours."""
    by_application: dict[str, list[OwnWrite]] = {}
    for write in own_writes:
        by_application.setdefault(write.service_principal_id.lower(), []).append(write)
    for record in records:
        if not any(tells_of(record, write) for write in by_application.get(record.service_principal_id or "", ())):
            yield record
