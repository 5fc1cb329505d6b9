"""Jobs in quarantine: their causes, from the store, and what to say and do about them."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from flows.formatting import escape_markdown, format_iso, markdown_table
from flows.monitoring.health import TARGET_UNUSABLE, TOO_MANY_DELETES
from flows.monitoring.sweep import Reading, Sweep
from flows.monitoring.triage import Triage, explain_quarantine
from flows.store import JobObservation, Store


class Quarantine(Protocol):
    """What a sweep or the store says of a quarantine."""

    @property
    def job_id(self) -> str | None:
        """Which job."""

    @property
    def reason(self) -> str | None:
        """Why."""

    @property
    def since(self) -> datetime | None:
        """When it began."""

    @property
    def error_code(self) -> str | None:
        """Graph's code of the job's error."""

    @property
    def error_message(self) -> str | None:
        """Graph's words for it."""


def triaged(store: Store, seen: Sweep) -> Sweep:
    """Return a sweep whose quarantined jobs have their triage.

    Raises:
        StoreError: The store cannot be read.
    """
    return replace(seen, readings=tuple(_with_triage(store, reading) for reading in seen.readings))


def triage_quarantine(
    store: Store, key: str | None, service_principal_id: str | None, quarantine: Quarantine
) -> Triage:
    """Return why a job is in quarantine: its reason, joined with the failures of the same cycles.

    Args:
        store: Where the failures are.
        key: Key of the instance; None for an unmanaged job.
        service_principal_id: Its application; None if that is not known.
        quarantine: The job as it is, or as it was when it was last looked at.

    Raises:
        StoreError: The store cannot be read.
    """
    failures = []
    if service_principal_id:
        failures = store.failures.of_quarantine(service_principal_id, quarantine.since, job_id=quarantine.job_id)
    return explain_quarantine(key, quarantine.reason, quarantine.error_code, quarantine.error_message, failures)


def _with_triage(store: Store, reading: Reading) -> Reading:
    if reading.health.state != "quarantined":
        return reading
    target = reading.target
    found = triage_quarantine(store, target.command_key, target.service_principal_id, reading.health)
    return replace(reading, triage=replace(found, key=target.label))


_NO_RESTART = {
    "rotate": "the credentials are to be renewed or tried first; a restart would not change that.",
    "raise-threshold": "deletions are held back, and only a person lets them through.",
    "allow-synchronization": "a tenant's policy does not allow the synchronization; a restart would not change that.",
}
_NO_RESTART_FOR = {
    TOO_MANY_DELETES: _NO_RESTART["raise-threshold"],
    TARGET_UNUSABLE: "the target system cannot be worked with as it is; a restart would not change that.",
}


@dataclass(frozen=True)
class QuarantineReaction:
    """A quarantine with its triage; none where the job is in quarantine no longer, or unknown."""

    fleet: str | None
    """None for an unmanaged job."""
    key: str
    """What people are shown."""
    job: JobObservation | None
    triage: Triage | None
    restart_refused: str | None
    """Why a restart would be of no use or do harm."""

    @property
    def subject(self) -> str:
        """The note in a line."""
        about = f"{self.fleet}: {self.key}" if self.fleet else f"In no fleet: {self.key}"
        return f"{about} is in quarantine" if self.triage else about

    @property
    def summary(self) -> str:
        """The note in a sentence or two."""
        return f"{self.key}: {self.triage.cause}" if self.triage else f"{self.key}: {self.restart_refused}"

    def message(self, done: str) -> str:
        """Return the note as text for a message, with what was done last."""
        proposal = self.triage.proposal.in_words if self.triage else ""
        return "\n".join(part for part in (self.summary, proposal, done) if part)

    def note(self, done: str) -> str:
        """Return the note in Markdown, with what was done last."""
        parts = [f"# {escape_markdown(self.subject)}"]
        if self.job and self.triage:
            parts += [f"Since {format_iso(self.job.since)}: {escape_markdown(self.job.reason or 'no reason given')}."]
            parts += [escape_markdown(self.triage.cause), self._errors(self.triage)]
            parts += ["## What to do", escape_markdown(self.triage.proposal.text)]
            parts += ["\n".join(f"    {command}" for command in self.triage.proposal.commands)]
        elif self.restart_refused:
            parts.append(f"No reaction: {self.restart_refused}")
        if done:
            parts.append(f"**{escape_markdown(done)}**")
        return "\n\n".join(part for part in parts if part) + "\n"

    def _errors(self, triage: Triage) -> str:
        rows = [
            (
                str(each.failure.count),
                escape_markdown(each.failure.error_code or "-"),
                escape_markdown(each.explanation.meaning or "-"),
            )
            for each in triage.errors
        ]
        return markdown_table(("failures", "code", "meaning"), rows) if rows else ""


def choose_reaction(
    fleet: str | None, key: str, job: JobObservation | None, triage: Triage | None
) -> QuarantineReaction:
    """Return what is to be said of a quarantine, and whether a restart may be tried.

    Args:
        fleet: Name of the fleet; None for an unmanaged job, which is shown and never touched.
        key: Key of the instance, or what the job is called.
        job: The job as last seen; None if it was never seen.
        triage: Why it is in quarantine; None if it is not.
    """
    if job is None:
        return QuarantineReaction(fleet, key, None, None, "no sweep has seen this job.")
    if triage is None:
        return QuarantineReaction(fleet, key, job, None, "the job is in quarantine no longer.")
    if fleet is None:
        return QuarantineReaction(None, key, job, triage, "no fleet manages this job.")
    refused = _NO_RESTART.get(triage.proposal.action) or _NO_RESTART_FOR.get(job.reason or "")
    return QuarantineReaction(fleet, key, job, triage, refused)


class QuarantineEvent(BaseModel):
    """The payload of `entra-fleet.job.quarantined`; what else it has is let through."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    fleet: str | None = Field(
        min_length=1, description="Name of the fleet; none for an unmanaged job.", json_schema_extra={"position": 0}
    )
    key: str | None = Field(
        min_length=1, description="Key of the instance; none likewise.", json_schema_extra={"position": 1}
    )
    tenant_id: str = Field(min_length=1, description="Tenant the job is in.", json_schema_extra={"position": 2})
    job_id: str = Field(min_length=1, description="The provisioning job.", json_schema_extra={"position": 3})
    service_principal_id: str | None = Field(
        default=None, description="The service principal of the job.", json_schema_extra={"position": 5}
    )
    began_at: datetime = Field(description="When the quarantine began.", json_schema_extra={"position": 4})
