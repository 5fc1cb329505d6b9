"""How a provisioning job is doing, as one word and its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from flows.formatting import format_iso
from graph_client.errors import GraphError, GraphStatusError, UnreadableAnswer
from graph_client.models import SynchronizationJob, SynchronizationQuarantine, SynchronizationTaskExecution

JobState = Literal["created", "initial-cycle", "steady", "degraded", "quarantined", "paused", "missing", "unknown"]

RUNNING = frozenset({"initial-cycle", "steady", "degraded"})
"""States of a job that does its work."""

TOO_MANY_DELETES = "TooManyDeletes"
"""Quarantine reason of a job whose deletions wait for a person; no machine lets them go on."""

TARGET_UNUSABLE = "EncounteredQuarantineException"
"""Quarantine reason of a job whose calls to the target system fail: for its credentials, its address, or else."""

STALE_AFTER = timedelta(hours=24)
"""A running job that had no successful cycle for so long is stale; incremental cycles are 20 to 40 minutes apart."""

UNREADABLE = (GraphStatusError, UnreadableAnswer)
"""Answers that make the job of one instance unknown; what is wrong with all of them ends the look."""

_CODES = frozenset({"NotConfigured", "NotRun", "Active", "Paused", "Quarantine"})
_COUNTS = ("imported", "entitled", "exported", "escrowed")


@dataclass(frozen=True)
class JobHealth:
    """The state of one job at one time."""

    state: JobState
    job_id: str | None = None
    reason: str | None = None
    """The quarantine reason, or why the job is degraded."""
    since: datetime | None = None
    """When the quarantine began."""
    error_code: str | None = None
    error_message: str | None = None
    last_execution: datetime | None = None
    last_success: datetime | None = None
    last_began: datetime | None = None
    """When the last execution that has ended began."""
    counts: Mapping[str, int] = field(default_factory=dict)
    held_by: str | None = None
    """The reason of a quarantine, whatever else the job is: one that was paused in quarantine is still in it."""
    stale: bool = False
    """Whether it runs and yet had no successful cycle for `STALE_AFTER`."""

    @property
    def settled(self) -> bool:
        """Whether the job will stay as it is until an operator acts or a later cycle changes it."""
        return self.state != "initial-cycle"

    @property
    def is_healthy(self) -> bool:
        """Whether no action is needed."""
        return self.state not in {"quarantined", "missing", "unknown"}

    @property
    def escrows(self) -> int:
        """How many objects the last execution could not provision and will try again."""
        return self.counts.get("escrowed", 0)

    @property
    def never_ran(self) -> bool:
        """Whether there is a job, but it has not executed once."""
        return self.state in {"created", "initial-cycle"} and self.last_execution is None

    @property
    def has_run(self) -> bool:
        """Whether a cycle of it has begun at any time."""
        return self.last_execution is not None or self.last_success is not None

    @property
    def is_ailing(self) -> bool:
        """Whether it deserves a look, also where no action is needed yet."""
        doubtful = self.state in {"degraded", "unknown"}
        return doubtful or self.held_by is not None or self.escrows > 0 or self.stale

    @property
    def remarks(self) -> tuple[str, ...]:
        """What its state does not tell, in a few words each."""
        reason = self.held_by or (None if self.state == "quarantined" else self.reason)
        since = f"since {_day(self.since)}" if self.held_by and self.since else ""
        return tuple(
            filter(
                None,
                (
                    " ".join(filter(None, (reason, since))),
                    f"{self.escrows} escrowed" if self.escrows else "",
                    "never ran" if self.never_ran else "",
                    f"no success since {_day(self.last_success)}" if self.stale else "",
                ),
            )
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `monitor` and `plan` print of it."""
        return {
            "job_id": self.job_id,
            "state": self.state,
            "quarantine": self._quarantine(),
            "reason": self.reason,
            "error": self._unreadable(),
            "last_execution": format_iso(self.last_execution),
            "last_success": format_iso(self.last_success),
            "escrows": self.escrows,
            "never_ran": self.never_ran,
            "stale": self.stale,
            "counts": dict(self.counts),
        }

    @property
    def unreadable_because(self) -> str:
        """Why the state is unknown, in Graph's words."""
        return ": ".join(filter(None, (self.error_code, self.error_message))) if self.state == "unknown" else ""

    def _unreadable(self) -> dict[str, Any] | None:
        return {"code": self.error_code, "message": self.error_message} if self.state == "unknown" else None

    def _quarantine(self) -> dict[str, Any] | None:
        if self.state != "quarantined":
            return None
        error = {"code": self.error_code, "message": self.error_message}
        return {"reason": self.reason, "since": format_iso(self.since), "error": error if self.error_code else None}


def unreadable(error: GraphError) -> JobHealth:
    """Return the health of a job that Graph does not show; what there is to say is the error."""
    return JobHealth(
        "unknown", error_code=error.code or type(error).__name__, error_message=error.message or error.what
    )


def assess_job(job: SynchronizationJob | None, now: datetime | None = None) -> JobHealth:
    """Return the health of a job; of a missing one too.

    Args:
        job: The job as Graph shows it.
        now: The moment to judge by whether its last success is too long ago; None judges nothing.

    An execution that never began is no failure: a job that was just started shows `lastExecution.state` Failed with
    the year 1 as its time. Unknown codes are judged by the rest: a quarantine in force, what the execution counted, and
    whether the job has reached its steady state.

    Source: https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationstatus
    """
    if job is None:
        return JobHealth("missing")
    status = job.status
    execution = status.last_execution if status else None
    # The year 1, which the model reads as None: it never began, whatever its state says.
    if execution is not None and execution.time_began is None:
        execution = None
    success = status.last_successful_execution if status else None
    quarantine = status.quarantine if status else None
    state, reason = _state(job, execution)
    error = (quarantine.error if quarantine else None) or (execution.error if execution else None)
    # Only the end of it is true: on a healthy job `timeBegan` may be the year 1 (documented).
    last_success = success.time_ended if success else None
    return JobHealth(
        state=state,
        job_id=job.id,
        reason=(quarantine.reason if quarantine else None) if state == "quarantined" else reason,
        # A quarantine starts again with each daily attempt; the series is what a person calls the quarantine.
        since=(quarantine.series_began or quarantine.current_began) if quarantine else None,
        error_code=error.code if error else None,
        error_message=error.message if error else None,
        last_execution=(execution.time_ended or execution.time_began) if execution else None,
        last_success=last_success,
        last_began=execution.time_began if execution and execution.time_ended else None,
        counts=_counts(job, execution),
        held_by=_held_by(quarantine, state),
        stale=bool(state in RUNNING and now and last_success and now - last_success > STALE_AFTER),
    )


def _held_by(quarantine: SynchronizationQuarantine | None, state: JobState) -> str | None:
    began = quarantine.current_began if quarantine else None
    return (quarantine and quarantine.reason) or "Unknown" if began or state == "quarantined" else None


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d") if moment else ""


def _state(job: SynchronizationJob, execution: SynchronizationTaskExecution | None) -> tuple[JobState, str | None]:
    code = (job.status.code if job.status else None) or ""
    schedule = (job.schedule.state if job.schedule else None) or ""
    steady = job.status is not None and job.status.steady_state_first_achieved_time is not None
    quarantine = job.status.quarantine if job.status else None
    if code == "Quarantine" or (code not in _CODES and quarantine is not None and quarantine.current_began):
        return "quarantined", None
    if code in {"NotConfigured", "Paused"} or schedule in {"Disabled", "Paused"}:
        # A fresh job may be said to be Paused, but then its schedule is Disabled.
        fresh = schedule == "Disabled" or (code == "NotConfigured" and not schedule)
        return ("created" if fresh and not execution and not steady else "paused"), None
    trouble = _trouble(execution)
    if not steady:
        return "initial-cycle", trouble
    return ("degraded" if trouble else "steady"), trouble


def _trouble(execution: SynchronizationTaskExecution | None) -> str | None:
    """Return the result of an execution that did not go well; an unknown one is named by its outcome."""
    if execution is None or execution.state == "Succeeded":
        return None
    if execution.state in {"EntryLevelErrors", "Failed"}:
        return execution.state
    if execution.error is not None:
        return "Failed"
    return "EntryLevelErrors" if execution.count_escrowed else None


def _counts(job: SynchronizationJob, execution: SynchronizationTaskExecution | None) -> dict[str, int]:
    counts: dict[str, int] = {}
    if execution is not None:
        for name in _COUNTS:
            counts[name] = getattr(execution, f"count_{name}") or 0
    for entry in (job.status.synchronized_entry_count_by_type if job.status else None) or ():
        if entry.key:
            # By pairs such as "user to User", which differ from connector to connector.
            counts[entry.key] = entry.value or 0
    return counts


INTERVALS_MISSED = 6
"""How many intervals may pass without an execution: an incremental cycle with much to do takes several."""

SOONEST = timedelta(hours=2)
LATEST = timedelta(days=2)
_USUAL_INTERVAL = timedelta(minutes=40)
_DUE = frozenset({"initial-cycle", "steady", "degraded"})


def find_stall(job: SynchronizationJob | None, health: JobHealth, now: datetime) -> datetime | None:
    """Return since when an execution has been due that did not come; None for a job that does what it should.

    A job that never ran is not stalled: an initial cycle may take days. Nor is one in quarantine, which runs once a
    day, or one that is paused. A missing interval counts as 40 minutes, and any as at most eight hours.

    Source: https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationstatus
    """
    if job is None or health.state not in _DUE or health.last_execution is None:
        return None
    status = job.status
    signs = [
        health.last_execution,
        status.steady_state_last_achieved_time if status else None,
        *(each.progress_observation_date_time for each in (status.progress if status else ())),
    ]
    interval = (job.schedule.interval_length if job.schedule else None) or _USUAL_INTERVAL
    patience = min(max(INTERVALS_MISSED * min(interval, LATEST), SOONEST), LATEST)
    due = max(filter(None, signs)) + patience
    return due if due < now else None
