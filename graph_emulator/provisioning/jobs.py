"""Synchronization jobs, and their JSON.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationjob
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from graph_emulator.clock import NEVER, to_ticks, write_ticks
from graph_emulator.directory.directory import Entry
from graph_emulator.provisioning.cycles import Execution, Target, ended, never_began
from graph_emulator.provisioning.schema import SCIM_GROUP, SCIM_USER

TIME_SPAN_MAX = "P10675199DT2H48M5.4775807S"  # .NET's TimeSpan.MaxValue


@dataclass(slots=True)
class Quarantine:
    """Why a job is in quarantine, and when it retries."""

    reason: str
    series_began: float
    current_began: float
    next_attempt: float
    series_count: int
    error: dict[str, Any] | None

    def as_graph(self) -> dict[str, Any]:
        """The object as Graph shows it."""
        return {
            "currentBegan": _moment(self.current_began),
            "nextAttempt": _moment(self.next_attempt),
            "seriesBegan": _moment(self.series_began),
            "seriesCount": self.series_count,
            "reason": self.reason,
            "error": self.error,
        }


@dataclass(slots=True)
class Job:
    """One synchronization job of a service principal."""

    id: str
    template_id: str
    principal: Entry
    fresh_code: str
    life: int = 0
    """Its number among all created jobs; an id may be used again."""
    whole_success: bool = False
    schedule: str = "Disabled"
    before_deletion: str = "Disabled"
    """The schedule's state before the service principal was deleted."""
    next_at: float = 0.0
    cycle_number: int = 0
    on_demand: int = 0
    """How often users or groups were provisioned on demand."""
    initial_due: bool = True
    force_deletes: bool = False
    all_in_scope: bool = False
    was_started: bool = False
    dormant: bool = False
    alarm: float = math.inf
    """When the scheduler next processes the job."""
    running: Execution | None = None
    last: Execution | None = None
    last_successful: Execution | None = None
    last_with_exports: Execution | None = None
    steady_first: float | None = None
    steady_last: float | None = None
    failures_in_a_row: int = 0
    quarantine: Quarantine | None = None
    target: Target = field(default_factory=Target)
    schema: dict[str, Any] | None = None
    expiration: str | None = None
    interval: str | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The status code, in Graph's terms."""
        if self.schedule == "Disabled":
            # A job that was disabled after weeks in quarantine still shows why.
            return "Quarantine" if self.quarantine else self.fresh_code
        if self.schedule == "Paused":
            return "Paused"
        if self.quarantine:
            return "Quarantine"
        return "NotRun" if self.steady_first is None else "Active"  # until its first cycle has ended

    def as_graph(self, now: float) -> dict[str, Any]:
        """The object as Graph shows it."""
        # The form of older samples; the recorded one has PT40M.
        older = self.fresh_code == "NotConfigured" and not self.was_started
        return {
            "id": self.id,
            "templateId": self.template_id,
            "schedule": {
                "expiration": self.expiration,
                "interval": self.interval or (TIME_SPAN_MAX if older else "PT40M"),
                "state": self.schedule,
            },
            "status": self._status(now),
            "synchronizationJobSettings": [{"name": name, "value": value} for name, value in self.settings.items()],
        }

    def _status(self, now: float) -> dict[str, Any]:
        last = self.last.as_graph() if self.last else None
        # Microsoft's page shows such a job with a failed execution in the year 1, before its first cycle.
        if last is None and self.was_started:
            last = never_began()
        return {
            "countSuccessiveCompleteFailures": self.failures_in_a_row,
            "escrowsPruned": False,
            "code": self.code,
            "lastExecution": last,
            "lastSuccessfulExecution": self._success(),
            "lastSuccessfulExecutionWithExports": self.last_with_exports and self.last_with_exports.as_graph(),
            "progress": self._progress(now),
            "quarantine": self.quarantine and self.quarantine.as_graph(),
            "steadyStateFirstAchievedTime": _moment(self.steady_first),
            "steadyStateLastAchievedTime": _moment(self.steady_last),
            "synchronizedEntryCountByType": self._entry_counts(now),
            # Recorded as null on a fresh job; the empty string is on Microsoft's page of a started one.
            "troubleshootingUrl": "" if self.was_started else None,
        }

    def _success(self) -> dict[str, Any] | None:
        if self.last_successful is None:
            return None
        return self.last_successful.as_graph() if self.whole_success else ended(self.last_successful)

    def _progress(self, now: float) -> list[dict[str, Any]]:
        running = self.running
        if running is None:
            return []
        done = sum(running.outcome_at(n) <= now for n in range(len(running.outcomes)))
        return [
            {
                "completedUnits": done,
                "progressObservationDateTime": _moment(now),
                "totalUnits": len(running.outcomes),
                "units": "Number of objects to be synchronized",
            }
        ]

    def _entry_counts(self, now: float) -> list[dict[str, Any]]:
        if self.last is None:
            return []
        counts = Counter(kind for kind, _ in self.target.present.values())
        if self.running:
            # The outcomes of a cycle are decided at its beginning, but happen in the course of it.
            counts.subtract(self.running.still_to_come(now))
        # Keys are pairs of object types, such as "user to User" on Microsoft's page about cloud sync.
        pairs = (("User", f"User to {SCIM_USER}"), ("Group", f"Group to {SCIM_GROUP}"))
        return [{"key": key, "value": counts[kind]} for kind, key in pairs if counts[kind]]


def _moment(seconds: float | None) -> str:
    return NEVER if seconds is None else write_ticks(to_ticks(seconds))
