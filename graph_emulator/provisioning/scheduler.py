"""All jobs of the tenant: created, controlled, and advanced with the clock."""

import heapq
import math
import re
from typing import Any

from graph_emulator.clock import guid
from graph_emulator.directory.directory import Entry
from graph_emulator.provisioning.cycles import Subject, syncs_all
from graph_emulator.provisioning.jobs import HandlerContext, Job, build_cycle_plan, due_at, hold, settle, wake
from graph_emulator.provisioning.on_demand import provision_now
from graph_emulator.provisioning.provisioning_log import Event
from graph_emulator.settings import EmulatorError
from graph_emulator.wire.problems import GraphProblem, bad_request, credentials_missing

RESTART_SCOPES = {
    "None": 0,
    "ConnectorDataStore": 1,
    "Escrows": 2,
    "Watermark": 4,
    "QuarantineState": 8,
    "Full": 15,
    "ForceDeletes": 32,
}
PORTAL_RESTART = 2 | 4 | 8  # documented for empty criteria
TEMPLATE_ALIASES = {"customappsso": "customappssoOutDelta"}
"""Template aliases: a job created from the first has the second: AsteriusIT/asterius-idp entra-scim-2026-10-03.json."""
JOB_ID = re.compile(r"[A-Za-z0-9]+\.[0-9a-f]{32}(\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?")
"""Template, tenant and application; older ids lack the third part."""
DEFAULT_SETTINGS = {"AzureIngestionAttributeOptimization": "False", "LookaheadQueryEnabled": "False"}
"""The settings of a new job: timfee/cep-idp createSyncJob.json, 2025-06-12."""


class JobScheduler:
    """The jobs by service principal, and a queue of those with something due."""

    def __init__(self, context: HandlerContext) -> None:
        self._context = context
        self._jobs: dict[str, dict[str, Job]] = {}
        self._due: list[tuple[float, int, Job]] = []
        self._made = 0
        self._entries = 0

    def settle(self, now: float) -> None:
        """Advance every job to now."""
        while self._due and self._due[0][0] <= now:
            due, _, job = heapq.heappop(self._due)
            # The queue keeps outdated entries of jobs that were rescheduled: removing them would cost more.
            if due != job.alarm:
                continue
            job.alarm = math.inf
            if self._is_alive(job):
                settle(job, self._context, now)
                self._schedule(job)

    def _schedule(self, job: Job) -> None:
        due = due_at(job)
        if job.dormant and job.target.escrowed and job.schedule == "Active":
            ahead = min(job.target.escrowed.values()) - job.cycle_number
            # A dormant job wakes for the retry of an entry, and for nothing before it.
            due = job.next_at + max(ahead, 0) * self._context.settings.cycle_seconds
        if due < math.inf and due != job.alarm:
            job.alarm = due
            # A number makes entries of the same moment comparable, and keeps their order.
            self._entries += 1
            heapq.heappush(self._due, (due, self._entries, job))

    def _is_alive(self, job: Job) -> bool:
        return job.principal.deleted_at is None and self._jobs.get(job.principal.id, {}).get(job.id) is job

    def create(self, principal: Entry, template_id: str) -> Job:
        """Create a job, not started; its template may differ from the requested one.

        Its id consists of template, tenant and application, so there is one job for each template:
        timfee/cep-idp createSyncJob.json, 2025-06-12.

        Raises:
            GraphProblem: 400, the application has no such synchronization template; 409, the job already exists.
        """
        if template_id not in principal.template.synchronization:
            raise bad_request(
                f"The template '{template_id[:100]}' is not found for this application.", "InvalidTemplate"
            )
        settings, jobs = self._context.settings, self._jobs.setdefault(principal.id, {})
        if settings.job_alias == "renamed":
            template_id = TEMPLATE_ALIASES.get(template_id, template_id)
        twin = next((job for job in jobs.values() if job.template_id == template_id), None)
        if twin and settings.duplicate_jobs == "conflict":
            raise GraphProblem(409, "Conflict", "A job of this template already exists for this service principal.")
        if twin and settings.duplicate_jobs == "same":
            return twin
        self._made += 1
        # A second job of the same template needs another last part, or the ids would be equal.
        last = guid(settings.seed, "job", self._made) if twin else principal.value["appId"]
        job_id = ".".join((template_id, settings.tenant_id.replace("-", ""), last))
        job = Job(job_id, template_id, principal, settings.fresh_job_code, self._made)
        job.whole_success, job.keeps_counts = settings.last_success == "whole", settings.entry_counts == "highest"
        if settings.fresh_job_code == "Paused":
            job.settings |= DEFAULT_SETTINGS
        jobs[job_id] = job
        return job

    def keep_asleep(self, job: Job) -> None:
        """Add an existing job with its past."""
        self._schedule(job)

    def of(self, principal_id: str, now: float) -> list[Job]:
        """The jobs of a service principal, up to date."""
        jobs = list(self._jobs.get(principal_id, {}).values())
        for job in jobs:
            settle(job, self._context, now)
        return jobs

    def get(self, principal_id: str, job_id: str, now: float) -> Job:
        """One job.

        Raises:
            GraphProblem: 400, the id is malformed; 404, the service principal has no such job.
        """
        if not JOB_ID.fullmatch(job_id):
            # Recorded: timfee/cep-idp startSyncJob_error.json, 2025-06-11.
            text = f"Resource identifier '{job_id[:200]}' is invalid"
            raise GraphProblem(400, "RequestResourceIdentifierInvalid", text, details=[])
        job = self._jobs.get(principal_id, {}).get(job_id)
        if job is None:
            raise GraphProblem(404, "ResourceNotFound", f"The job '{job_id[:200]}' was not found.")
        settle(job, self._context, now)
        return job

    def all(self) -> list[Job]:
        """Every job."""
        return [job for jobs in self._jobs.values() for job in jobs.values()]

    def touch(self, principal_id: str, now: float) -> None:
        """Reactivate the jobs of a service principal whose assignments or secrets have changed."""
        for job in self._jobs.get(principal_id, {}).values():
            wake(job, self._context, now)
            self._schedule(job)

    def touch_cross_tenant(self, target_id: str, now: float) -> None:
        """Reactivate the jobs into a tenant, after a change of the policies between the two."""
        for principal_id in {job.principal.id for job in self.all() if job.principal.template.is_cross_tenant}:
            if self._context.secrets_of(principal_id).values.get("CompanyId", "").lower() == target_id:
                self.touch(principal_id, now)

    def start(self, job: Job, now: float) -> None:
        """Start or resume a job, and lift its quarantine."""
        secrets = self._context.secrets_of(job.principal.id).values
        settings = self._context.settings
        # By default it starts: a live test of Terraform's provider shows it.
        if not secrets and settings.start_without_credentials == "error":
            raise credentials_missing()
        job.was_started, job.quarantine = True, None
        # A running job keeps its schedule; one that has failed does not wait for its next attempt.
        if job.schedule != "Active" or job.failures_in_a_row:
            self._run_soon(job, now)

    def _run_soon(self, job: Job, now: float) -> None:
        job.schedule, job.dormant, job.was_started = "Active", False, True
        job.next_at = now + self._context.settings.start_delay_seconds
        self._schedule(job)

    def pause(self, job: Job) -> None:
        """Pause a job; the current cycle is completed."""
        job.schedule = "Paused"  # the cycle in progress continues

    def reschedule(self, job: Job, schedule: dict[str, Any], now: float) -> None:
        """Apply a PATCH of the schedule."""
        job.interval = schedule.get("interval") or job.interval
        job.expiration = schedule.get("expiration", job.expiration)
        state = schedule.get("state")
        if state == "Active" and job.schedule != "Active":
            self.start(job, now)
        elif state in ("Paused", "Disabled"):
            job.schedule = state

    def restart(self, job: Job, scopes: int, now: float) -> None:
        """Restart a job, and clear the state that the flags name."""
        scopes = scopes or PORTAL_RESTART
        self._break_off(job, now)
        if scopes & RESTART_SCOPES["Watermark"]:
            job.initial_due = True
        if scopes & RESTART_SCOPES["Escrows"]:
            # Cycle 0: all of them are retried in the next cycle.
            job.target.escrowed = dict.fromkeys(job.target.escrowed, 0)
        if scopes & RESTART_SCOPES["QuarantineState"] or scopes & RESTART_SCOPES["ForceDeletes"]:
            job.quarantine, job.failures_in_a_row = None, 0
        job.force_deletes = bool(scopes & RESTART_SCOPES["ForceDeletes"])
        # A restart that does not clear the quarantine leaves the job waiting for its next attempt.
        if job.quarantine is None:
            self._run_soon(job, now)

    def _break_off(self, job: Job, now: float) -> None:
        """Interrupt the running cycle: undo what it had planned for later."""
        running, job.running = job.running, None
        if running is None:
            return
        self._context.log.forget_unhappened(job.id, now)
        secrets = self._context.secrets_of(job.principal.id).values
        guests = self._context.tenants.writer_for(job.principal, secrets, now)
        for position, outcome in enumerate(running.outcomes):
            if running.outcome_at(position) <= now or outcome.status != "success":
                continue
            kind, subject = outcome.subject_type, outcome.subject
            # What the cycle had not reached yet was not created, and is still there to be deleted.
            if outcome.action == "create":
                job.target.present.pop(subject["id"], None)
            elif outcome.action in ("disable", "delete"):
                job.target.present[subject["id"]] = (kind, subject)
            if guests and outcome.action in ("create", "delete"):
                guests.undo(outcome.action, kind, subject)

    def provision_now(self, job: Job, subject_id: str, subject: Subject, now: float) -> Event:
        """Provision one user or group outside any cycle; return its event in the log."""
        secrets = self._context.secrets_of(job.principal.id).values
        if job.initial_due:
            job.all_in_scope = syncs_all(secrets)
        execution = provision_now(job, build_cycle_plan(job, self._context, secrets, now), subject_id, subject, now)
        (event,) = self._context.log.record(execution, job.principal)  # on-demand results are in the log as well
        return event

    def replace_schema(self, job: Job, schema: dict[str, Any] | None, now: float) -> None:
        """Save a schema, or return to the template's; an initial cycle follows."""
        job.schema = schema
        # On demand a user that no cycle has processed since is updated; all others are skipped as redundant.
        job.target.outdated = set(job.target.present)
        if job.schedule == "Active":
            self.restart(job, RESTART_SCOPES["Watermark"], now)
        job.initial_due = True

    def hold(self, job_id: str, reason: str, now: float) -> None:
        """Put a job into quarantine, as if the service had done it.

        Raises:
            EmulatorError: there is no such job.
        """
        job = next((job for job in self.all() if job.id == job_id), None)
        if job is None:
            raise EmulatorError(f"there is no job {job_id[:200]!r}")
        settle(job, self._context, now)
        self._break_off(job, now)
        hold(job, reason, now, self._context)
        self._schedule(job)

    def delete(self, job: Job, now: float) -> None:
        """Delete a job, and interrupt its cycle."""
        self._break_off(job, now)
        # The secrets stay: they belong to the service principal, and outlive its jobs:
        # https://github.com/hashicorp/terraform-provider-azuread/issues/1013
        del self._jobs[job.principal.id][job.id]

    def stop_all(self, principal_id: str, now: float) -> None:
        """Disable the jobs of a deleted service principal."""
        for job in self.of(principal_id, now):
            self._break_off(job, now)
            # Kept for a restore, after which it may be running again: Graph does not document which.
            job.before_deletion, job.schedule = job.schedule, "Disabled"

    def revive(self, principal_id: str, now: float) -> None:
        """Handle the jobs of a restored service principal, which Graph does not document."""
        if self._context.settings.jobs_after_restore == "gone":
            self._jobs.pop(principal_id, None)
        for job in self._jobs.get(principal_id, {}).values():
            if self._context.settings.jobs_after_restore == "running" and job.before_deletion == "Active":
                self._run_soon(job, now)
