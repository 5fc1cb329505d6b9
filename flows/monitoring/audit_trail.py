"""What the store's audit records say about what the sweeps saw."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flows.formatting import format_iso
from flows.monitoring.attribution import ACTIVITIES, Attribution, AuditTrail, ChangeKind, SeenChange
from flows.store import JobEpisode, JobObservation, Store

K = TypeVar("K")
_IMPORT = "import"
_IMPORTS_MAX = 50


def load_trail(store: Store, tenant_id: str, since: datetime | None = None) -> AuditTrail:
    """Return what is known of a tenant's audit log since a moment: nothing if it was never harvested."""
    coverage = next((each for each in store.audits.coverage() if each.tenant_id == tenant_id), None)
    if coverage is None:
        return AuditTrail()
    start = since - timedelta(hours=1) if since else None
    records = tuple(store.audits.records(tenant_id, activities=ACTIVITIES, since=start))
    return AuditTrail(records, coverage, store.audits.complete_from(tenant_id), store.journal.writes(tenant_id))


def explain_pauses(store: Store, tenant_id: str, fleet: str) -> dict[str, Attribution]:
    """Return who paused the jobs of a fleet that are paused, by job id, as far as the audit log tells.

    Raises:
        StoreError: The store cannot be read.
    """
    if not any(each.tenant_id == tenant_id for each in store.audits.coverage()):
        return {}
    paused = [each for each in store.jobs.latest(tenant_id, fleet) if each.state == "paused" and each.job_id]
    seen = {each.job_id: _seen(store, each, ChangeKind.PAUSED) for each in paused}
    changes = {job_id: change for job_id, change in seen.items() if job_id and change}
    return _explained(store, tenant_id, changes)


def explain_episodes(store: Store, episodes: Iterable[JobEpisode]) -> dict[int, Attribution]:
    """Return by what quarantines began, by the number of the episode, as far as the audit log tells.

    Raises:
        StoreError: The store cannot be read.
    """
    by_tenant: dict[str, dict[int, SeenChange]] = {}
    for each in episodes:
        if each.kind != "quarantine" or each.id is None:
            continue
        change = _seen(store, each, ChangeKind.QUARANTINED, each.noticed_at)
        if change:
            by_tenant.setdefault(each.tenant_id, {})[each.id] = change
    found: dict[int, Attribution] = {}
    for tenant_id, changes in by_tenant.items():
        found |= _explained(store, tenant_id, changes)
    return found


def _seen(
    store: Store, job: JobObservation | JobEpisode, kind: ChangeKind, until: datetime | None = None
) -> SeenChange | None:
    """Return between which looks a job came into its state."""
    looks = store.jobs.last_transition(job.tenant_id, job.fleet, job.key, until)
    if looks is None or not job.service_principal_id or looks[0].job_id != job.job_id:
        return None
    return SeenChange(kind, job.service_principal_id, looks[0].observed_at, looks[1].observed_at)


def _explained(store: Store, tenant_id: str, changes: Mapping[K, SeenChange]) -> dict[K, Attribution]:
    if not changes:
        return {}
    trail = load_trail(store, tenant_id, min(change.after for change in changes.values()))
    found = {key: trail.explain(change) for key, change in changes.items()}
    return {key: each for key, each in found.items() if each}


@dataclass(frozen=True)
class RoleImport:
    """That the AWS connector imported a role: this stands in the audit log, and in no other."""

    at: datetime
    service_principal_id: str
    service_principal_name: str | None
    text: str

    def as_json(self) -> dict[str, Any]:
        """Return its JSON."""
        return {
            "at": format_iso(self.at),
            "service_principal_id": self.service_principal_id,
            "service_principal_name": self.service_principal_name,
            "text": self.text,
        }


def read_role_imports(
    store: Store, service_principal_ids: Collection[str] | None = None, since: datetime | None = None
) -> list[RoleImport]:
    """Return the latest imports of roles, the newest first; None for those of every application.

    Raises:
        StoreError: The store cannot be read.
    """
    wanted = None if service_principal_ids is None else {each.lower() for each in service_principal_ids}
    return list(_role_imports(store, wanted, since))[: -_IMPORTS_MAX - 1 : -1]


def _role_imports(store: Store, wanted: Collection[str] | None, since: datetime | None) -> Iterator[RoleImport]:
    for each in store.audits.records(activities={_IMPORT}, since=since):
        principal = each.service_principal_id
        if each.activity_at and principal and each.reason and (wanted is None or principal in wanted):
            yield RoleImport(each.activity_at, principal, each.service_principal_name, each.reason)
