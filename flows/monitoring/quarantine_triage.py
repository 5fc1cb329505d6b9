"""What the store knows of the jobs that are in quarantine, for their triage."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from flows.monitoring.sweep import Reading, Sweep
from flows.monitoring.triage import Triage, explain_quarantine
from flows.store import Store


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
