"""What happens in the tenant behind the client's back: edits in the portal, deletions, credentials gone bad."""

import copy
from typing import Any

from graph_emulator.directory.directory import Entry
from graph_emulator.handlers.directory_properties import WRITABLE
from graph_emulator.provisioning.jobs import Job
from graph_emulator.provisioning.scheduler import PORTAL_RESTART
from graph_emulator.provisioning.schema import build_schema
from graph_emulator.settings import EmulatorError
from graph_emulator.tenant import Tenant

JOB_ACTIONS = ("start", "pause", "restart", "delete")


def edit_object(tenant: Tenant, object_id: str, changes: dict[str, Any], now: float) -> None:
    """Change an application or a service principal as an administrator would.

    Raises:
        EmulatorError: there is no such object, or it has no such property.
    """
    entry = _entry(tenant, object_id)
    for name in changes:
        if name not in WRITABLE[entry.kind]:
            known = ", ".join(sorted(WRITABLE[entry.kind]))
            raise EmulatorError(f"{name[:100]!r} cannot be edited on {entry.kind}; known: {known}")
    tenant.directory.patch(entry, changes, now)


def delete_object(tenant: Tenant, object_id: str, now: float, *, purge: bool = False) -> None:
    """Delete an application or a service principal; a purged one is not in the recycle bin either."""
    entry = _entry(tenant, object_id)
    principal = entry.partner if entry.kind == "application" else entry
    if principal is not None and principal.deleted_at is None:
        tenant.jobs.stop_all(principal.id, now)
    tenant.directory.delete(entry, now)
    if purge:
        for gone in (entry, entry.partner):
            if gone is not None and gone.id in tenant.directory.deleted:
                tenant.directory.purge(gone)


def act_on_job(tenant: Tenant, job_id: str, action: str, now: float) -> None:
    """Start, pause, restart or delete a job as an administrator would."""
    if action not in JOB_ACTIONS:
        raise EmulatorError(f"unknown action {action[:100]!r}; known: {', '.join(JOB_ACTIONS)}")
    job = _job(tenant, job_id)
    tenant.jobs.settle(now)
    if action == "start":
        tenant.jobs.start(job, now)
    elif action == "pause":
        tenant.jobs.pause(job)
    elif action == "restart":
        tenant.jobs.restart(job, PORTAL_RESTART, now)
    else:
        tenant.jobs.delete(job, now)


def edit_secrets(tenant: Tenant, principal_id: str, values: dict[str, str], now: float) -> None:
    """Change single secrets, as the portal does; an empty value removes its key."""
    entry = _entry(tenant, principal_id)
    if not all(isinstance(value, str) for value in values.values()):
        raise EmulatorError("secrets: every value is a string")
    tenant.jobs.settle(now)
    tenant.secrets_of(entry.id).save(values, merge=True, now=now, visible_at=now)
    tenant.jobs.touch(entry.id, now)


def schema_of(tenant: Tenant, job_id: str) -> dict[str, Any]:
    """A copy of the schema of a job, its own or the template's."""
    job = _job(tenant, job_id)
    return copy.deepcopy(job.schema or build_schema(job.principal.template, job.template_id))


def edit_mapping(tenant: Tenant, job_id: str, target: str, source: str, now: float) -> None:
    """Map a target attribute of users to another source attribute, as the portal does."""
    schema = schema_of(tenant, job_id)
    mapped = {"expression": f"[{source}]", "name": source, "parameters": [], "type": "Attribute"}
    for mapping in schema["synchronizationRules"][0]["objectMappings"]:
        for attribute in mapping["attributeMappings"] if mapping["sourceObjectName"] == "User" else ():
            if attribute["targetAttributeName"] == target:
                attribute["source"] = mapped
    tenant.jobs.settle(now)
    tenant.jobs.replace_schema(_job(tenant, job_id), schema, now)


def _entry(tenant: Tenant, object_id: str) -> Entry:
    for entries in tenant.directory.live.values():
        if object_id in entries:
            return entries[object_id]
    raise EmulatorError(f"there is no application or service principal {object_id[:100]!r}")


def _job(tenant: Tenant, job_id: str) -> Job:
    job = next((job for job in tenant.jobs.all() if job.id == job_id), None)
    if job is None:
        raise EmulatorError(f"there is no job {job_id[:200]!r}")
    return job
