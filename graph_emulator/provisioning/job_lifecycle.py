"""The lifecycle of a job: its cycles, computed from the clock on each access."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graph_emulator.clock import guid
from graph_emulator.directory.people import People
from graph_emulator.provisioning.audit_log import IMPORT, QUARANTINE, SERVICE, AuditLog
from graph_emulator.provisioning.credentials import REJECTED, SavedSecrets, TargetSystems
from graph_emulator.provisioning.cross_tenant import TargetTenants
from graph_emulator.provisioning.cycles import (
    CyclePlan,
    DeletionRules,
    Execution,
    imported_roles,
    in_scope,
    run_cycle,
    syncs_all,
)
from graph_emulator.provisioning.jobs import Job, Quarantine
from graph_emulator.provisioning.provisioning_log import ProvisioningLog
from graph_emulator.settings import EmulatorSettings

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
    )


def _duration_seconds(job: Job, settings: EmulatorSettings) -> float:
    initial = settings.initial_cycle_seconds
    # An incremental cycle has to end before the next one begins.
    return initial if job.initial_due else min(initial, settings.cycle_seconds / 4)


def _end_cycle(job: Job, execution: Execution, context: HandlerContext) -> None:
    job.running, job.last, job.last_successful = None, execution, execution
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
