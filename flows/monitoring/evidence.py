"""What the store knows of the jobs that are in quarantine, for their triage."""

from dataclasses import replace

from flows.monitoring.sweep import Reading, Sweep
from flows.monitoring.triage import Triage, triage
from flows.store import JobObservation, Store


def triaged(store: Store, seen: Sweep) -> Sweep:
    """Return a sweep whose quarantined jobs have their triage.

    Raises:
        StoreError: The store cannot be read.
    """
    return replace(seen, readings=tuple(_with_triage(store, reading) for reading in seen.readings))


def triage_of(store: Store, reading: Reading) -> Triage:
    """Return why a job is in quarantine: its reason, joined with the failures of the same cycles."""
    health, principal = reading.health, reading.target.service_principal_id
    failures = store.failures.of_quarantine(principal, health.since) if principal else []
    return triage(reading.target.key, health.reason, health.error_code, health.error_message, failures)


def triage_of_observation(store: Store, job: JobObservation) -> Triage:
    """Return why a job was in quarantine when it was last looked at."""
    principal = job.service_principal_id
    failures = store.failures.of_quarantine(principal, job.since) if principal else []
    return triage(job.key, job.reason, job.error_code, job.error_message, failures)


def _with_triage(store: Store, reading: Reading) -> Reading:
    if reading.health.state != "quarantined":
        return reading
    return replace(reading, triage=triage_of(store, reading))
