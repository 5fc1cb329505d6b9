"""What a plan takes from the store, beyond the fleet file and the tenant."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from flows.configuration.environment import default_file, environment
from flows.fleet_file.models import Fleet
from flows.mappings.models import Mappings
from flows.monitoring.health import JobHealth

if TYPE_CHECKING:
    from flows.monitoring.attribution import Attribution
    from flows.monitoring.audit_trail import Drifted, JobNow
    from flows.store import Store


@dataclass(frozen=True)
class KnownState:
    """What earlier runs recorded and Graph does not have."""

    fingerprinted: frozenset[tuple[str, str]] = frozenset()
    """Service principal id and credential key of each credential whose fingerprint is in the store."""
    paused_by_us: frozenset[str] = frozenset()
    """Ids of the jobs whose last journaled change of state was our pause."""
    job_changed_by: "Mapping[JobNow, Attribution]" = field(default_factory=dict)
    """Who paused, started or deleted a job, where the audit log says so."""
    drifted_by: "Mapping[Drifted, Attribution]" = field(default_factory=dict)
    """Who made a field differ from the file, where the audit log says so."""
    applied: Mapping[tuple[str, str], Mappings] = field(default_factory=dict)
    """What was last applied to each job, by service principal id (lower case) and job id."""

    def applied_to(self, service_principal_id: str | None, job_id: str) -> Mappings | None:
        """Return the mappings last applied to a job, if known."""
        return self.applied.get(((service_principal_id or "").lower(), job_id))

    def pause_of(self, key: str, health: JobHealth) -> "Attribution | None":
        """Return who paused the job of an instance, if it is paused and that is known."""
        return self.job_changed_by.get((key, "paused", health.job_id)) if health.state == "paused" else None

    def knows(self, service_principal_id: str | None, key: str) -> bool:
        """Return whether the store knows if a credential has changed."""
        return ((service_principal_id or "").lower(), key) in self.fingerprinted


_SQLITE = "sqlite:///"


def load_known_state(store: "Store", fleet: Fleet) -> KnownState:
    """Return what the store knows of a fleet's tenant.

    Raises:
        StoreError: The store cannot be read.
    """
    # Both need the store's modules, which a first plan need not wait for.
    from flows.monitoring.audit_trail import explain_drift, explain_job_states  # noqa: PLC0415

    paused = {instance.key for instance in fleet.instances if instance.job == "paused"}
    mapped = any(instance.mappings for instance in fleet.instances)
    return KnownState(
        store.fingerprints.known(fleet.tenant_id),
        store.journal.paused_jobs(fleet.tenant_id),
        explain_job_states(store, fleet.tenant_id, fleet.fleet, paused),
        explain_drift(store, fleet.tenant_id),
        applied_mappings(store, fleet.tenant_id) if mapped else {},
    )


def applied_mappings(store: "Store", tenant_id: str) -> dict[tuple[str, str], Mappings]:
    """Return what was applied to each job last.

    Raises:
        StoreError: The store cannot be read.
    """
    found = {place: mappings_in(content) for place, content in store.schemas.applied(tenant_id).items()}
    return {place: mappings for place, mappings in found.items() if mappings}


def mappings_in(content: Mapping[str, Any] | None) -> Mappings | None:
    """Return the mappings of a row; None for one that another version of this program wrote otherwise."""
    try:
        return None if content is None else Mappings.model_validate(content)
    except ValidationError:
        return None


async def read_known_state(fleet: Fleet) -> KnownState:
    """Return what this machine's store knows; nothing if there is none, and none is created.

    Raises:
        StoreError: There is a store, but it cannot be read.
    """
    return await asyncio.to_thread(_read, fleet)  # the store's driver blocks


def _read(fleet: Fleet) -> KnownState:
    url = environment().store_url or f"{_SQLITE}{default_file()}"
    # Opening it would create the file.
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        return KnownState()
    # Half a second to import, which a first plan need not wait for.
    from flows.store import existing_store  # noqa: PLC0415

    store = existing_store(url)
    if store is None:
        return KnownState()
    with store:
        return load_known_state(store, fleet)
