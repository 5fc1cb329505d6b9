"""Synchronization jobs: their JSON, and their lifecycle, computed from the clock on each access.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationjob
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graph_emulator.clock import NEVER, guid, to_ticks, write_ticks
from graph_emulator.directory.directory import Entry
from graph_emulator.directory.people import People
from graph_emulator.provisioning.audit_log import IMPORT, QUARANTINE, SERVICE, AuditLog
from graph_emulator.provisioning.credentials import REJECTED, SavedSecrets, TargetSystems
from graph_emulator.provisioning.cross_tenant import TargetTenants
from graph_emulator.provisioning.cycles import (
    CyclePlan,
    DeletionRules,
    Execution,
    Target,
    ended,
    imported_roles,
    in_scope,
    never_began,
    run_cycle,
    syncs_all,
)
from graph_emulator.provisioning.provisioning_log import ProvisioningLog
from graph_emulator.provisioning.schema import SCIM_GROUP, SCIM_USER
from graph_emulator.settings import EmulatorSettings

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
    keeps_counts: bool = False
    """Whether its counts of objects never fall."""
    highest: Counter[str] = field(default_factory=Counter)
    """The most objects of each type that it had at the end of a cycle."""
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
        if self.keeps_counts:
            counts |= self.highest
        # Keys are pairs of object types, such as "user to User" on Microsoft's page about cloud sync.
        pairs = (("User", f"User to {SCIM_USER}"), ("Group", f"Group to {SCIM_GROUP}"))
        return [{"key": key, "value": counts[kind]} for kind, key in pairs if counts[kind]]


def _moment(seconds: float | None) -> str:
    return NEVER if seconds is None else write_ticks(to_ticks(seconds))


GIVEN_UP_SECONDS = 28 * 86_400.0  # documented: disabled after four weeks


@dataclass(slots=True)
class HandlerContext:
    """The state outside the job that its cycles read and write."""

    settings: EmulatorSettings
    people: People
    targets: TargetSystems
    tenants: TargetTenants
    log: ProvisioningLog
    audits: AuditLog
    secrets_of: Callable[[str], SavedSecrets]
    assignments_of: Callable[[str], list[dict[str, Any]]]


def due_at(job: Job) -> float:
    """When the job next changes without a request; never for a dormant one."""
    if job.running:
        return job.running.ends
    # A running cycle ends in any case: a pause lets it finish (documented).
    return math.inf if job.schedule != "Active" or job.dormant else job.next_at


def settle(job: Job, context: HandlerContext, now: float) -> None:
    """Process everything that is due by now."""
    # As many cycles as fit: a demo may advance the clock by weeks.
    while True:
        if due_at(job) <= now:
            if job.running:
                _end_cycle(job, job.running, context)
            else:
                _begin_cycle(job, context)
        elif job.dormant and job.schedule == "Active" and job.next_at <= now:
            _skip_uneventful_cycles(job, context.settings, now)
        else:
            return


def wake(job: Job, context: HandlerContext, now: float) -> None:
    """Reactivate a job after an outside change: its next cycle may find work."""
    settle(job, context, now)
    job.dormant = False


def _begin_cycle(job: Job, context: HandlerContext) -> None:
    at, secrets = job.next_at, context.secrets_of(job.principal.id).values
    execution = Execution(
        job.id, job.life, job.cycle_number, job.initial_due, at, at + _duration_seconds(job, context.settings)
    )
    refusal = context.targets.refusal(job.principal.template, secrets, at)
    failure = None if refusal else context.tenants.refusal(job.principal, secrets, at)
    if refusal or failure:
        execution.ends = at  # it fails at its first request
        execution.error = {
            "code": failure.code if failure else REJECTED,
            "message": failure.text if failure else refusal,
            "tenantActionable": True,
        }
        _record_failure(job, execution, context, "EncounteredQuarantineException")
        return
    # Read by initial cycles only: a changed SyncAll does nothing until a restart.
    if job.initial_due:
        job.all_in_scope = syncs_all(secrets)
    allowed = run_cycle(build_cycle_plan(job, context, secrets, at), execution, job.target)
    # For one cycle: the permission to delete does not outlive it.
    job.force_deletes = False
    context.log.record(execution, job.principal)
    if allowed:
        job.running = execution
    else:
        execution.error = {
            "code": "TooManyDeletes",
            "message": "The number of deletions exceeds the threshold of this job.",
            "tenantActionable": True,
        }
        _record_failure(job, execution, context, "TooManyDeletes")


def build_cycle_plan(job: Job, context: HandlerContext, secrets: dict[str, str], now: float) -> CyclePlan:
    """The inputs of the job's next cycle."""
    settings, guests = context.settings, context.tenants.writer_for(job.principal, secrets, now)
    scope = in_scope(context.people, context.assignments_of(job.principal.id), all_in_scope=job.all_in_scope)
    if guests:
        scope = {id_: subject for id_, subject in scope.items() if guests.accepts(*subject)}
    return CyclePlan(
        settings.seed,
        job.principal.template,
        job.principal.value["appId"],
        scope,
        DeletionRules.of(secrets),
        job.force_deletes,
        settings.entry_failure_share,
        job.cycle_number <= settings.eventful_cycles,
        guests or context.targets.writer_for(secrets, now),
        settings.guest_removal,
    )


def _duration_seconds(job: Job, settings: EmulatorSettings) -> float:
    initial = settings.initial_cycle_seconds
    # An incremental cycle has to end before the next one begins.
    return initial if job.initial_due else min(initial, settings.cycle_seconds / 4)


def _end_cycle(job: Job, execution: Execution, context: HandlerContext) -> None:
    job.running, job.last, job.last_successful = None, execution, execution
    job.highest |= Counter(kind for kind, _ in job.target.present.values())
    if execution.counts.get("countExported"):
        job.last_with_exports = execution
    if job.steady_first is None:
        job.steady_first = execution.ends  # it never moves again
    job.steady_last = execution.ends
    # A cycle that reaches its end lifts a quarantine.
    job.quarantine, job.failures_in_a_row, job.initial_due = None, 0, False
    if job.principal.template.imports_roles:
        _import_roles(job, context, execution.ends)
    job.cycle_number += 1
    # The interval runs from begin to begin.
    job.next_at = max(execution.began + context.settings.cycle_seconds, execution.ends)
    # Cycles without events are skipped until something changes: a thousand idle jobs cost nothing then.
    secrets = context.secrets_of(job.principal.id).values
    awaited = context.tenants.is_in_flux(job.principal, secrets, execution.ends)
    job.dormant = not execution.outcomes and not awaited and job.cycle_number > context.settings.eventful_cycles


def _skip_uneventful_cycles(job: Job, settings: EmulatorSettings, now: float) -> None:
    """Skip the cycles in which nothing can change, up to the next retry of a failed entry."""
    cycles = int((now - job.next_at) // settings.cycle_seconds) + 1
    # Skips end at the next retry of a failed entry, which is an event.
    retry = min(job.target.escrowed.values(), default=None)
    if retry is not None and retry < job.cycle_number + cycles:
        cycles = max(retry - job.cycle_number, 0)
        job.dormant = False
    if cycles and job.last:
        job.cycle_number += cycles
        began = job.next_at + (cycles - 1) * settings.cycle_seconds
        counts = {**job.last.counts, "countExports": 0, "countExported": 0, "countImportedDeltas": 0}
        ends = began + _duration_seconds(job, settings)
        job.last = Execution(job.id, job.life, job.cycle_number - 1, False, began, ends, counts=counts)
        job.last_successful = job.last
        job.steady_last = job.last.ends
        job.next_at = began + settings.cycle_seconds


def _record_failure(job: Job, execution: Execution, context: HandlerContext, reason: str) -> None:
    job.last, job.cycle_number = execution, job.cycle_number + 1
    hold(job, reason, execution.ends, context, execution.error)


def hold(job: Job, reason: str, at: float, context: HandlerContext, error: dict[str, Any] | None = None) -> None:
    """Put a job into quarantine, or prolong it; after four weeks the job is disabled."""
    held = job.quarantine
    job.failures_in_a_row += 1
    job.dormant = False
    job.quarantine = Quarantine(
        reason,
        # A series is one quarantine to a person; each daily attempt begins the current one again.
        held.series_began if held else at,
        at,
        at + context.settings.quarantine_retry_seconds,
        held.series_count + 1 if held else 1,
        error,
    )
    job.next_at = job.quarantine.next_attempt
    if at - job.quarantine.series_began > GIVEN_UP_SECONDS:
        job.schedule = "Disabled"
    text = f"; Error: {error['message']}" if error else ""
    why = f"This run profile is being quarantined because of: {reason}{text}"
    context.audits.record(QUARANTINE, job.principal, SERVICE, at, reason=why, failed=True)


def _import_roles(job: Job, context: HandlerContext, at: float) -> None:
    """Take over the roles of the AWS account: they are in the audit log, not in the provisioning log."""
    value, seed = job.principal.value, context.settings.seed
    known = {role["value"] for role in value["appRoles"]}  # imported in each cycle, added once
    for role in imported_roles(seed, value["appId"]):
        if role not in known:
            name = role.split(",")[0].rsplit("/", 1)[1]
            value["appRoles"].append(
                {
                    "allowedMemberTypes": ["User"],
                    "description": name,
                    "displayName": f"{name},EntraID",
                    "id": guid(seed, value["appId"], role),
                    "isEnabled": True,
                    "origin": "ServicePrincipal",
                    "value": role,
                }
            )
            context.audits.record(IMPORT, job.principal, SERVICE, at, reason=f"Role '{name}' was imported")
