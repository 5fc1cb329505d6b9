"""What the store's audit records say about what the sweeps saw."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar

from flows.formatting import format_iso
from flows.monitoring.attribution import ACTIVITIES, Attribution, AuditTrail, ChangeKind, SeenChange
from flows.monitoring.health import RUNNING
from flows.store import DriftLook, JobEpisode, JobObservation, JobPlace, SchemaVersion, Store

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


JobNow: TypeAlias = tuple[str, str, str | None]
"""A job as it is now: the key of its instance, what was done (paused, started, deleted), and its id if it has one."""
Drifted: TypeAlias = tuple[str, str, str, str]
"""A field that differs from the fleet file: service principal (lower case), job, field, digest of both values."""


def explain_job_states(
    store: Store, tenant_id: str, fleet: str, running: Collection[str] = ()
) -> dict[JobNow, Attribution]:
    """Return who paused, deleted or started the jobs of a fleet that are paused, missing or asked for.

    Args:
        store: The store.
        tenant_id: The tenant.
        fleet: Name of the fleet.
        running: Keys of the instances whose jobs should be paused, and of which it is asked who started them.

    Raises:
        StoreError: The store cannot be read.
    """
    if not any(each.tenant_id == tenant_id for each in store.audits.coverage()):
        return {}
    changes: dict[JobNow, SeenChange] = {}
    for job in store.jobs.latest(tenant_id, fleet):
        kind = _kind_of(job, running)
        seen = _seen(store, job, kind) if kind else None
        if kind and seen:
            changes[job.key, kind, job.job_id] = replace(seen, standing=True)
    return _explained(store, tenant_id, changes)


def _kind_of(job: JobObservation, running: Collection[str]) -> ChangeKind | None:
    if job.state == "paused" and job.job_id:
        return ChangeKind.PAUSED
    if job.state in RUNNING and job.key in running:
        return ChangeKind.STARTED
    return ChangeKind.DELETED if job.state == "missing" else None


def explain_drift(store: Store, tenant_id: str) -> dict[Drifted, Attribution]:
    """Return who made which field of which instance differ, according to the audit log.

    Raises:
        StoreError: The store cannot be read.
    """
    changes: dict[Drifted, SeenChange] = {
        (look.service_principal_id, look.job_id, name, drifted.digest): SeenChange(
            _kind_of_field(look, name),
            look.service_principal_id,
            drifted.after,
            drifted.before,
            drifted.changed,
            standing=True,
        )
        for look in store.drift.of_tenant(tenant_id)
        for name, drifted in look.fields.items()
        if drifted.after and drifted.before
    }
    return _explained(store, tenant_id, changes)


def _kind_of_field(look: DriftLook, name: str) -> ChangeKind:
    if look.area == "mappings":
        return ChangeKind.MAPPINGS
    return ChangeKind.SCOPE if name == "credentials.SyncAll" else ChangeKind.SETTINGS


@dataclass(frozen=True)
class VersionAuthors:
    """Who had to do with a version of a job's schema, according to the audit log."""

    replaced_by: str | None = None
    """The name of the identity whose run replaced it."""
    edited_by: Attribution | None = None
    """Who else edited the mappings since the write of ours before that."""


def explain_versions(store: Store, place: JobPlace, versions: Sequence[SchemaVersion]) -> dict[int, VersionAuthors]:
    """Return who had to do with the versions of a job's schema, by their numbers.

    Args:
        store: The store.
        place: The job.
        versions: Its versions, the newest first.

    Raises:
        StoreError: The store cannot be read.
    """
    trail = load_trail(store, place.tenant_id)
    names = {each.actor_id: each.actor_name for each in trail.records if each.actor_type == "application"}
    earlier = [*versions, None][1:]
    return {
        version.id: VersionAuthors(
            names.get((version.actor_object_id or "").lower()),
            # A run that was killed may have written, and that late.
            trail.find_edit(place.ids[0], before.done_at, version.kept_at) if before and before.done_at else None,
        )
        for version, before in zip(versions, earlier, strict=True)
    }


def explain_episodes(store: Store, episodes: Iterable[JobEpisode]) -> dict[int, Attribution]:
    """Return by what quarantines began, by the number of the episode, according to the audit log.

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
    alike = RUNNING if kind is ChangeKind.STARTED else ()
    looks = store.jobs.last_transition(job.tenant_id, job.fleet, job.key, until, alike=alike)
    if looks is None or not job.service_principal_id:
        return None
    before, first = looks
    same = before.service_principal_id == first.service_principal_id
    fits = {
        # One that was quarantined has run all along.
        ChangeKind.STARTED: before.state in {"paused", "created"} and before.job_id == job.job_id,
        ChangeKind.DELETED: same and before.job_id is not None,
    }
    if not fits.get(kind, before.job_id == job.job_id):
        return None
    return SeenChange(kind, job.service_principal_id, before.observed_at, first.observed_at)


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
