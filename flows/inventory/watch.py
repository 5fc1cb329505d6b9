"""A look at the whole tenant as a sweep: states, triage, episodes and exit code as of a fleet's."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flows.inventory.inventory import Inventory, InventoryRow
from flows.monitoring.health import JobHealth
from flows.monitoring.instances import name_job, unmanaged_key
from flows.monitoring.sweep import Reading, Sweep, Target
from flows.store import JobObservation, Store, TenantPrincipal
from flows.store.job_history import REMOVED

WHOLE_TENANT = "the whole tenant"


@dataclass(frozen=True)
class TenantSweep(Sweep):
    """How all jobs of a tenant were doing."""

    tenant_id: str = ""
    names: Mapping[str, str | None] = field(default_factory=dict)
    """Display names by service principal."""

    def as_json(self) -> dict[str, Any]:
        """Return what `monitor --all --output json` prints."""
        return {"tenant_id": self.tenant_id, "instances": [self._reading_json(each) for each in self.readings]}

    def _reading_json(self, reading: Reading) -> dict[str, Any]:
        target, id_ = reading.target, reading.target.service_principal_id
        about = {"fleet": target.fleet, "display_name": self.names.get(id_ or ""), "service_principal_id": id_}
        return {**about, **reading.as_json()}


def build_sweep(inventory: Inventory) -> TenantSweep:
    """Return an inventory as a sweep; what could not be read is unknown."""
    unreadable = {each.service_principal_id: each for each in inventory.unreadable}
    several = Counter(row.job.service_principal_id for row in inventory.rows)
    readings = [
        Reading(
            _target(row, several=several[row.job.service_principal_id] > 1),
            _unknown(found, row.job.job_id) if (found := unreadable.get(row.job.service_principal_id)) else row.health,
            # A stall is a finding of this look; there was none.
            None if row.job.service_principal_id in unreadable else row.job.stalled_since,
        )
        for row in inventory.rows
    ]
    # Whether one that could never be read has jobs is not known.
    readings += [
        Reading(Target(id_, id_, app_id=each.app_id, name=each.display_name or id_), _unknown(each, None))
        for id_, each in unreadable.items()
        if id_ not in several
    ]
    seen = (*(row.principal for row in inventory.rows), *inventory.unreadable)
    names = {each.service_principal_id: each.display_name for each in seen}
    return TenantSweep(WHOLE_TENANT, readings, inventory.tenant_id, names)


def _target(row: InventoryRow, *, several: bool) -> Target:
    job, principal = row.job, row.principal
    if row.fleet and row.key:
        template, app_id = job.synchronization_template_id, principal.app_id
        return Target(row.key, job.service_principal_id, template, app_id, row.fleet)
    name = name_job(principal.display_name or job.service_principal_id, job.job_id, several=several)
    key = unmanaged_key(job.service_principal_id, job.job_id)
    return Target(key, job.service_principal_id, job.synchronization_template_id, principal.app_id, None, name)


def _unknown(principal: TenantPrincipal, job_id: str | None) -> JobHealth:
    return JobHealth("unknown", job_id, error_code=principal.error_code, error_message=principal.error_message)


def record_sweep(store: Store, seen: TenantSweep, now: datetime) -> list[str]:
    """Keep what differs from the last time, and the episodes that began or ended.

    Returns:
        The fleets whose jobs were seen; empty stands for unmanaged jobs.
    """
    # What could not be read is as it was, as far as anybody knows.
    known = [reading for reading in seen.readings if reading.health.state != "unknown"]
    observations = [each.observation(seen.tenant_id, each.target.fleet or "", now) for each in known]
    store.jobs.record_all([*observations, *_removed(store, seen, now)])
    return sorted({each.target.fleet or "" for each in known} | {""})


def _removed(store: Store, seen: TenantSweep, now: datetime) -> Iterator[JobObservation]:
    """Yield the unmanaged jobs that are gone; those of a fleet are reported by its own monitor."""
    present = {each.target.key for each in seen.readings}
    hidden = _hidden(seen.readings)
    for before in store.jobs.latest(seen.tenant_id, ""):
        # What could not be read may still be there.
        gone = before.key not in present and before.service_principal_id not in hidden
        if gone and before.state != REMOVED:
            yield JobObservation(
                tenant_id=seen.tenant_id,
                fleet="",
                key=before.key,
                observed_at=now,
                state=REMOVED,
                service_principal_id=before.service_principal_id,
                job_id=before.job_id,
            )


def _hidden(readings: Sequence[Reading]) -> set[str | None]:
    return {each.target.service_principal_id for each in readings if each.health.state == "unknown"}
