"""The provisioning log: events in order of time, each readable once it is ingested, and their JSON in v1.0 and beta.

https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

from graph_emulator.clock import TICKS_PER_SECOND, guid, share, to_ticks, write_moment, write_ticks
from graph_emulator.directory.directory import Entry
from graph_emulator.provisioning.cycles import INVITATION_REFUSED, Execution, Outcome, Subject
from graph_emulator.provisioning.schema import SCIM_GROUP
from graph_emulator.settings import EmulatorSettings

PRELOADED = ((("success", None),) * 18) + (("failure", "EntryConflict"), ("skipped", "EntrySynchronizationSkipped"))


@lru_cache(maxsize=1 << 16)
def account_id(principal_id: str, subject_id: str) -> str:
    """The id of an object's account in a target system."""
    return guid(principal_id, subject_id)


@dataclass(slots=True)
class Event:
    """One provisioning event, kept small; `event_json` renders it."""

    ticks: int
    id: str
    ingested_at: float
    job_id: str
    cycle_id: str
    outcome: Outcome
    principal: Entry

    def __lt__(self, other: "Event") -> bool:
        return (self.ticks, self.id) < (other.ticks, other.id)

    @property
    def duration_milliseconds(self) -> int:
        """How long it took."""
        return 200 + int(self.id[:6], 16) % 4000

    @property
    def change_id(self) -> str:
        """The identifier of the change."""
        # Made from the id, so that a log of a million events needs no second text for each.
        return f"{self.id[28:]}{self.id[8:23]}-{self.id[:8]}{self.id[24:28]}"

    @property
    def target_id(self) -> str:
        """The id of the object in the target system; a failed create has none."""
        return "" if self.outcome.status != "success" else account_id(self.principal.id, self.outcome.subject["id"])


class ProvisioningLog:
    """All events of the tenant, sorted by time."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self._events: list[Event] = []

    def record(self, execution: Execution, principal: Entry) -> list[Event]:
        """Record the outcomes of a cycle as events at the times they happen, and return the events."""
        events = []
        for position, outcome in enumerate(execution.outcomes):
            at = execution.outcome_at(position)
            # Seeded by what it is about: the same run has the same ids, whatever else happens.
            identifier = guid(execution.cycle_id, outcome.subject["id"], outcome.action)
            event = Event(
                to_ticks(at),
                identifier,
                at + self._latency(identifier),
                execution.job_id,
                execution.cycle_id,
                outcome,
                principal,
            )
            # In order of time: cycles of several jobs overlap.
            insort(self._events, event)
            events.append(event)
        return events

    def _latency(self, identifier: str) -> float:
        settings = self._settings
        if share(identifier, "late") < settings.late_event_share:
            # A straggler: it becomes readable after events that are newer.
            return settings.late_event_seconds
        return settings.log_latency_seconds * (0.5 + 0.5 * share(identifier, "latency"))

    def preload(self, principal: Entry, subjects: Sequence[Subject], count: int, began: float, ends: float) -> None:
        """Add evenly spread events of the past, for benchmarks."""
        job_id = f"preloaded.{self._settings.tenant_id.replace('-', '')}"
        for number in range(count):
            at = began + (number + 0.5) / count * (ends - began)
            kind, value = subjects[number % len(subjects)]
            status, error = PRELOADED[number % len(PRELOADED)]
            outcome = Outcome(kind, value, "create" if status != "skipped" else "other", status, error)
            identifier = guid(self._settings.seed, "preloaded", principal.id, began, number)
            cycle_id = guid(principal.id, "preloaded cycle", number // 1000)
            self._events.append(Event(to_ticks(at), identifier, at, job_id, cycle_id, outcome, principal))
        # Once at the end: inserting each of a million in order would take too long.
        self._events.sort(key=attrgetter("ticks", "id"))

    def forget_unhappened(self, job_id: str, now: float) -> None:
        """Drop the future events of a job whose cycle was interrupted."""
        start = bisect_right(self._events, to_ticks(now), key=_ticks)
        # A cycle writes all its events when it begins, including those of the future.
        self._events[start:] = [event for event in self._events[start:] if event.job_id != job_id]

    def readable(self, now: float, after: int, before: int, *, descending: bool) -> Iterator[Event]:
        """The ingested events strictly between two moments, within retention."""
        oldest = to_ticks(now - self._settings.log_retention_seconds)
        first = bisect_right(self._events, max(after, oldest), key=_ticks)
        last = bisect_left(self._events, before, key=_ticks)
        positions = range(last - 1, first - 1, -1) if descending else range(first, last)
        for position in positions:
            event = self._events[position]
            if event.ingested_at <= now:
                yield event

    def happened(self, now: float) -> Sequence[Event]:
        """Events up to now, readable or not, oldest first."""
        return self._events[: bisect_right(self._events, to_ticks(now), key=_ticks)]

    def counts(self, now: float) -> dict[str, dict[str, int]]:
        """The number of events up to now, by service principal and status."""
        found: dict[str, Counter[str]] = {}
        for event in self.happened(now):
            found.setdefault(event.principal.id, Counter())[event.outcome.status] += 1
        return {principal: dict(counter) for principal, counter in found.items()}


def _ticks(event: Event) -> int:
    return event.ticks


SOURCE = "Microsoft Entra ID"
VERBS = {"create": "Add", "update": "Update", "disable": "Update", "delete": "Delete"}
REASONS = {
    "BoxEntryConflict": "Message: Box returned an error response with the HTTP status code 409. A group of the "
    "same name exists already. Remove the conflicting group in Box, or take this group out of scope.",
    "EntryConflict": "The target system answered 409 Conflict: an object with the same matching attribute exists "
    "already. Change the matching attribute or remove the object in the target system.",
    "SystemForCrossDomainIdentityManagementServiceIncompatible": "The response of the target system is not valid "
    "SCIM: the attribute 'id' is missing.",
    "InsufficientRights": "The target system answered 403 Forbidden: the authorized account may not change this "
    "object.",
    INVITATION_REFUSED: "Guest invitations not allowed for your company. Contact your company administrator for more "
    "details.",
    "DuplicateTargetEntries": "More than one object in the target system matches.",
    "EntrySynchronizationSkipped": "The object is not active in the source system and was never provisioned.",
    "TooManyDeletes": "The object would be removed, but the job is held: more deletions than its threshold.",
}
ACTIONS = {
    "DuplicateTargetEntries": "Remove all but one of the matching objects in the target system.",
    "TooManyDeletes": "Check the deletions and restart the job with ForceDeletes to let them through.",
}


@lru_cache(maxsize=1 << 14)
def system_id(owner: str) -> str:
    """The identifier of a directory or a target system."""
    return guid("system", owner)


def target_name(event: Event) -> str:
    """The target system; the non-gallery application has an old name here: graph2otel provisioning_test.go."""
    template = event.principal.template
    return "customappsso" if template.is_custom else template.display_name


def target_type(event: Event) -> str:
    """The type of the object in the target system."""
    group = event.outcome.subject_type == "Group"
    return SCIM_GROUP if group and event.principal.template.is_custom else event.outcome.subject_type


def as_graph(event: Event, tenant_id: str, *, beta: bool, whole_seconds: bool) -> dict[str, Any]:
    """The whole event, as recorded on 2026-07-17: rknightion/graph2otel provisioning_test.go."""
    outcome, principal = event.outcome, event.principal
    target = target_name(event)
    value = {
        "id": event.id,
        "activityDateTime": write_moment(event.ticks // TICKS_PER_SECOND)
        if whole_seconds
        else write_ticks(event.ticks),
        "tenantId": tenant_id,
        "jobId": event.job_id,
        "cycleId": event.cycle_id,
        "changeId": event.change_id,
        "durationInMilliseconds": event.duration_milliseconds,
        "provisioningAction": outcome.action,
        "provisioningStatusInfo": {"status": outcome.status, "errorInformation": _error(event)},
        "provisioningSteps": _steps(event, target),
        "modifiedProperties": modified_properties(event),
        "servicePrincipal": {"id": principal.id, "displayName": principal.value["displayName"]},
        "sourceSystem": {"id": system_id(tenant_id), "displayName": SOURCE, "details": {}},
        "targetSystem": _target(event, target),
        "sourceIdentity": {
            "id": outcome.subject["id"],
            "displayName": outcome.subject["displayName"],
            "identityType": outcome.subject_type,
            "details": _source_details(event),
        },
        "targetIdentity": {
            "id": event.target_id,
            "displayName": "",  # recorded as empty
            "identityType": target_type(event),
            "details": {},
        },
        "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
    }
    return {**value, **_beta_only(event)} if beta else value


def _target(event: Event, display_name: str) -> dict[str, Any]:
    value = event.principal.value
    return {
        "id": system_id(value["appId"]),
        "displayName": display_name,
        "details": {
            "ApplicationId": value["applicationTemplateId"],  # recorded: the template's id, despite the name
            "ServicePrincipalId": value["id"],
            "ServicePrincipalDisplayName": value["displayName"],
        },
    }


def _source_details(event: Event) -> dict[str, str]:
    subject, kind = event.outcome.subject, event.outcome.subject_type
    details = {"id": subject["id"], "odatatype": kind, "DisplayName": subject["displayName"]}
    return {**details, "UserPrincipalName": subject["userPrincipalName"]} if kind == "User" else details


def _error(event: Event) -> dict[str, Any] | None:
    """The error; the reason of a skip is only in the last step."""
    error = event.outcome.error
    if error is None or event.outcome.status != "failure":  # recorded: null, with the key, unless it failed
        return None
    return {
        "errorCode": error,
        "reason": REASONS.get(error),
        "additionalDetails": None,
        "errorCategory": "nonServiceFailure",
        "recommendedAction": ACTIONS.get(error),
    }


def _beta_only(event: Event) -> dict[str, Any]:
    """The deprecated duplicates; the error is flat, and its category is spelled differently."""
    error, status = _error(event), event.outcome.status
    info: dict[str, Any] = {"@odata.type": "#microsoft.graph.statusBase", "status": status}
    if error:
        info = {**error, "@odata.type": "#microsoft.graph.statusDetails", "status": status}
        info["errorCategory"] = "NonServiceFailure"  # as in Microsoft's samples of beta
    return {"action": event.outcome.action[0].upper() + event.outcome.action[1:], "statusInfo": info}


def _steps(event: Event, target: str) -> list[dict[str, Any]]:
    outcome = event.outcome
    name, kind = outcome.subject["displayName"], outcome.subject_type
    verb = VERBS.get(outcome.action, "Add")
    steps = [
        _step(
            f"EntryImport{verb}", "import", "success", f"Received {kind} '{name}' change of type ({verb}) from {SOURCE}"
        )
    ]
    if outcome.status == "skipped":
        skip = _step("EntrySynchronizationSkip", "export", "skipped", REASONS.get(outcome.error or "", ""))
        skip["details"] = {"ReportableIdentifier": name, "SkipReason": outcome.error}
        return [*steps, skip]
    will = f"{kind} '{name}' will be {outcome.action}d in {target}"
    steps.append(_step(f"EntrySynchronization{verb}", "matching", "success", will))
    word = "Failed to" if outcome.status == "failure" else "Did"
    done = f"{word} {outcome.action} {kind} '{name}' in {target}"
    steps.append(_step(f"EntryExport{verb}", "export", outcome.status, done))
    steps[-1]["details"] = {"ReportableIdentifier": name}
    return steps


def _step(name: str, kind: str, status: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "provisioningStepType": kind,
        "status": status,
        "description": description,
        "details": {},
    }


def modified_properties(event: Event) -> list[dict[str, Any]]:
    """The target's attributes before and after."""
    outcome = event.outcome
    if outcome.status == "skipped" or outcome.action == "delete":
        return []
    if outcome.action == "disable":
        return [{"displayName": "active", "oldValue": "True", "newValue": "False"}]
    if outcome.action == "update":
        return [{"displayName": "title", "oldValue": None, "newValue": outcome.subject.get("jobTitle")}]
    names = ("id", "displayName", "userPrincipalName", "mail", "mailEnabled", "mailNickname", "securityEnabled")
    return [
        {
            "displayName": "objectId" if name == "id" else name,
            "oldValue": None,
            "newValue": str(outcome.subject[name]),
        }
        for name in names
        if outcome.subject.get(name) is not None
    ]
