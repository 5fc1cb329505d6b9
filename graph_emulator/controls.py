"""Changes that bypass the client: tests and demos advance the clock, edit as in the portal, and inject faults."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

from graph_emulator.directory.directory import Entry
from graph_emulator.faults.rules import FaultRule, Faults
from graph_emulator.handlers.directory_audits import ACTIVITIES
from graph_emulator.handlers.directory_objects import WRITABLE
from graph_emulator.handlers.routes import OPERATIONS
from graph_emulator.provisioning.audit_log import Actor
from graph_emulator.provisioning.jobs import Job
from graph_emulator.provisioning.scheduler import PORTAL_RESTART, JobScheduler
from graph_emulator.provisioning.schema import build_schema
from graph_emulator.service import Service
from graph_emulator.settings import EmulatorError
from graph_emulator.wire.request_log import RequestRecord

MOST_EVENTS = 2_000_000  # each is an object in memory
JOB_ACTIONS: dict[str, Callable[[JobScheduler, Job, float], None]] = {
    "start": JobScheduler.start,
    "pause": lambda jobs, job, _: jobs.pause(job),
    "restart": lambda jobs, job, now: jobs.restart(job, PORTAL_RESTART, now),
    "delete": JobScheduler.delete,
}


class Controls:
    """Reads and changes the service without requests to Graph; safe to use from any thread.

    Args:
        service: the service to read and change.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = service.lock
        self._administrator: str | None = None

    def now(self) -> float:
        """The tenant's time."""
        return self._service.clock.now()

    def advance(self, seconds: float) -> None:
        """Advance the tenant's clock."""
        self._service.clock.advance(seconds)

    def reset(self) -> None:
        """Start again with an empty tenant and the same settings."""
        self._service.reset()

    def state(self) -> dict[str, Any]:
        """The tenant as JSON: objects, jobs, keys of secrets, numbers of events."""
        with self._lock:
            return self._service.tenant.snapshot(self.now())

    @property
    def requests_seen(self) -> int:
        """The number of requests to Graph and sign-in, including those no longer kept and the parts of batches."""
        return self._service.requests.sequence

    def requests_since(self, sequence: int = 0) -> list[RequestRecord]:
        """The kept requests after the one with this number, oldest first."""
        return [record for record in self._service.requests if record.sequence > sequence]

    @property
    def faults(self) -> list[FaultRule]:
        """The active fault rules."""
        return self._service.faults.rules

    def add_faults(self, rules: Iterable[FaultRule]) -> None:
        """Add fault rules.

        Raises:
            EmulatorError: a rule names an operation that does not exist.
        """
        rules = tuple(rules)  # it is read twice
        Faults.check(rules, OPERATIONS)
        with self._lock:
            self._service.faults.add(rules)

    def clear_faults(self) -> None:
        """Remove all fault rules."""
        with self._lock:
            self._service.faults.clear()

    def reject_secret(self, value: str) -> None:
        """Have the target systems reject this value from now on, as if the credentials had been revoked."""
        with self._lock:
            tenant, now = self._service.tenant, self.now()
            # Cycles that were due before still ran with the value.
            tenant.jobs.settle(now)
            tenant.targets.rejected.add(value)
            # Dormant jobs skip their cycles, and would not notice.
            for principal_id in {job.principal.id for job in tenant.jobs.all()}:
                tenant.jobs.touch(principal_id, now)

    def quarantine(self, job_id: str, reason: str = "EncounteredQuarantineException") -> None:
        """Put a job into quarantine, as if the service had done it."""
        with self._lock:
            self._service.tenant.jobs.hold(job_id, reason, self.now())

    def edit(self, object_id: str, changes: dict[str, Any]) -> None:
        """Change an application or a service principal as an administrator would.

        Raises:
            EmulatorError: there is no such object, or it has no such property.
        """
        with self._lock:
            entry = self._entry(object_id)
            for name in changes:
                if name not in WRITABLE[entry.kind]:
                    known = ", ".join(sorted(WRITABLE[entry.kind]))
                    raise EmulatorError(f"{name[:100]!r} cannot be edited on {entry.kind}; known: {known}")
            self._service.tenant.directory.patch(entry, changes, self.now())
            if entry.kind == "servicePrincipal":
                self._write_audit("patch_service_principal", entry)

    def delete(self, object_id: str, purge: bool = False) -> None:
        """Delete an application or a service principal, to the recycle bin or permanently.

        Raises:
            EmulatorError: there is no such object.
        """
        with self._lock:
            tenant, now, entry = self._service.tenant, self.now(), self._entry(object_id)
            # An application takes its service principal along, whose jobs must stop before it is gone.
            principal = entry.partner if entry.kind == "application" else entry
            if principal is not None and principal.deleted_at is None:
                tenant.jobs.stop_all(principal.id, now)
            tenant.directory.delete(entry, now)
            if purge:
                for gone in (entry, entry.partner):
                    if gone is not None and gone.id in tenant.directory.deleted:
                        tenant.directory.purge(gone)
            self._write_audit("delete_service_principal", principal)

    def act_on_job(self, job_id: str, action: str) -> None:
        """Start, pause, restart or delete a job as an administrator would.

        Raises:
            EmulatorError: there is no such job or action.
        """
        if action not in JOB_ACTIONS:
            raise EmulatorError(f"unknown action {action[:100]!r}; known: {', '.join(JOB_ACTIONS)}")
        with self._lock:
            jobs, now, job = self._service.tenant.jobs, self.now(), self._job(job_id)
            jobs.settle(now)
            JOB_ACTIONS[action](jobs, job, now)
            self._write_audit(f"{action}_job", job.principal)

    def edit_secrets(self, principal_id: str, values: dict[str, str]) -> None:
        """Change individual secrets, as the portal does; an empty value removes its key.

        Raises:
            EmulatorError: there is no such service principal, or a value is not a string.
        """
        with self._lock:
            tenant, now, entry = self._service.tenant, self.now(), self._entry(principal_id)
            if not all(isinstance(value, str) for value in values.values()):
                raise EmulatorError("secrets: every value is a string")
            tenant.jobs.settle(now)
            # Merged, unlike a PUT of Graph: the portal changes one value at a time.
            tenant.secrets_of(entry.id).save(values, merge=True, now=now, visible_at=now)
            tenant.jobs.touch(entry.id, now)
            self._write_audit("put_secrets", entry)

    def schema(self, job_id: str) -> dict[str, Any]:
        """A copy of the schema of a job, its own or the template's.

        Raises:
            EmulatorError: there is no such job.
        """
        with self._lock:
            job = self._job(job_id)
            return copy.deepcopy(job.schema or build_schema(job.principal.template, job.template_id))

    def edit_mapping(self, job_id: str, target: str, source: str) -> None:
        """Map a target attribute of users to another source attribute, as in the portal.

        Raises:
            EmulatorError: there is no such job.
        """
        mapped = {"expression": f"[{source}]", "name": source, "parameters": [], "type": "Attribute"}
        with self._lock:
            jobs, now, schema = self._service.tenant.jobs, self.now(), self.schema(job_id)
            for mapping in schema["synchronizationRules"][0]["objectMappings"]:
                for attribute in mapping["attributeMappings"] if mapping["sourceObjectName"] == "User" else ():
                    if attribute["targetAttributeName"] == target:
                        attribute["source"] = mapped
            jobs.settle(now)
            job = self._job(job_id)
            jobs.replace_schema(job, schema, now)
            self._write_audit("put_schema", job.principal)

    def seed_partner(self, tenant_id: str, body: dict[str, Any]) -> None:
        """Give the tenant a partner with settings of others, or add them to the one that it has."""
        with self._lock:
            if tenant_id.lower() not in self._service.tenant.partners.bodies:
                self._service.tenant.partners.create(tenant_id, {}, self.now())
            self.edit_partner(tenant_id, {name: value for name, value in body.items() if name != "tenantId"})

    def edit_partner(self, tenant_id: str, changes: dict[str, Any] | None) -> None:
        """Change the settings of a partner tenant as an administrator would; None deletes the partner.

        Raises:
            EmulatorError: there is no such partner.
        """
        with self._lock:
            tenant, now = self._service.tenant, self.now()
            if tenant_id.lower() not in tenant.partners.bodies:
                raise EmulatorError(f"there is no partner {tenant_id[:100]!r}")
            # Cycles that were due before still ran under the old policy.
            tenant.settle(now)
            if changes is None:
                # First, because a partner with a policy may not be deleted.
                tenant.partners.set_synchronization(tenant_id, None, now)
                tenant.partners.delete(tenant_id, now)
            else:
                tenant.partners.patch(tenant_id, changes, now)
            tenant.wake_cross_tenant_jobs(tenant_id.lower(), now)

    def set_identity_synchronization(self, tenant_id: str, allowed: bool | None) -> None:
        """Allow or forbid a partner to synchronize users into the tenant; None takes the policy away."""
        with self._lock:
            tenant, now = self._service.tenant, self.now()
            tenant.settle(now)
            tenant.partners.set_synchronization(tenant_id, allowed, now)
            tenant.wake_cross_tenant_jobs(tenant_id.lower(), now)

    def guests(self, source_tenant_id: str | None = None) -> list[dict[str, Any]]:
        """The users that were synchronized into the tenant, from one tenant or from all."""
        with self._lock:
            tenant = self._service.tenant
            tenant.settle(self.now())
            homes = tenant.people.home_tenants
            wanted = (source_tenant_id or "").lower()
            return [
                user
                for id_, user in tenant.people.users.items()
                if id_ in homes and (not wanted or homes[id_] == wanted)
            ]

    def preload_events(self, principal_id: str, count: int, over_seconds: float = 6 * 86_400.0) -> None:
        """Fill the provisioning log with past events.

        Raises:
            EmulatorError: there is no such service principal, or one of the numbers is out of range.
        """
        if not 0 <= count <= MOST_EVENTS or not over_seconds > 0:
            raise EmulatorError(f"count: a number up to {MOST_EVENTS} is expected, and over_seconds above 0")
        with self._lock:
            tenant, now = self._service.tenant, self.now()
            principal = tenant.directory.live["servicePrincipal"].get(principal_id)
            if principal is None:
                raise EmulatorError(f"there is no service principal {principal_id[:100]!r}")
            subjects = [("User", user) for user in tenant.people.users.values()]
            tenant.log.preload(principal, subjects, count, now - over_seconds, now)

    def act_as(self, user_id: str) -> None:
        """Let a user be the actor of what is edited from now on; before that it is the first one.

        Raises:
            EmulatorError: there is no such user.
        """
        with self._lock:
            if user_id not in self._service.tenant.people.users:
                raise EmulatorError(f"there is no user {user_id[:100]!r}")
            self._administrator = user_id

    def _write_audit(self, operation: str, principal: Entry | None) -> None:
        """Write down an edit in the portal, with the user who is signed in there."""
        tenant = self._service.tenant
        # A user as actor, so that the audit log distinguishes an edit in the portal from one of an application.
        user = tenant.people.users.get(self._administrator or next(iter(tenant.people.users), ""))
        if principal is not None and user is not None:
            tenant.audits.record(ACTIVITIES[operation], principal, Actor.person(user), self.now())

    def _entry(self, object_id: str) -> Entry:
        for entries in self._service.tenant.directory.live.values():
            if object_id in entries:
                return entries[object_id]
        raise EmulatorError(f"there is no application or service principal {object_id[:100]!r}")

    def _job(self, job_id: str) -> Job:
        job = next((job for job in self._service.tenant.jobs.all() if job.id == job_id), None)
        if job is None:
            raise EmulatorError(f"there is no job {job_id[:200]!r}")
        return job
