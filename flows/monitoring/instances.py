"""The instances that a store knows: by their jobs, as the monitor saw them, and by their marks, as the harvest did."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from flows.store import JobObservation, Store
from flows.store.job_history import REMOVED


@dataclass(frozen=True)
class Instance:
    """An instance of a fleet, or what was one; or an unmanaged job that a look at the whole tenant has found."""

    fleet: str
    """Empty for an unmanaged job."""
    key: str
    service_principal_id: str | None
    """Lower case."""
    job: JobObservation | None
    """The job as last seen; None if the monitor has not looked at it, or looks at a successor of it by now."""
    name: str | None = None
    """What an unmanaged job is called."""

    @property
    def label(self) -> str:
        """What people are shown."""
        return self.key if self.fleet else self.name or self.service_principal_id or self.key

    @property
    def command_key(self) -> str | None:
        """The key that a command takes; None for an unmanaged job, which no command touches."""
        return self.key if self.fleet else None


def read_instances(store: Store, fleet: str | None = None) -> list[Instance]:
    """Return the instances of a fleet, or of all and the unmanaged jobs, those with a job first.

    Raises:
        StoreError: The store cannot be read.
    """
    fleets = [each for each in store.jobs.fleets() if fleet in {None, each[1]}]
    latest = [job for tenant_id, name in fleets for job in store.jobs.latest(tenant_id, name)]
    jobs = [job for job in latest if job.state != REMOVED]
    names = _names(store, [job for job in jobs if not job.fleet])
    watched = [
        Instance(job.fleet, job.key, (job.service_principal_id or "").lower() or None, job, names.get(job.key))
        for job in jobs
    ]
    ids = {each.service_principal_id for each in watched if each.fleet}
    marked = [each for each in store.instances.all() if fleet in {None, each.fleet}]
    others = [Instance(each.fleet, each.key, each.service_principal_id, None) for each in marked]
    return watched + [each for each in others if each.service_principal_id not in ids]


def group_by_principal(instances: Iterable[Instance]) -> dict[str, list[Instance]]:
    """Return the instances by service principal: the one of a fleet first, then those whose job is in quarantine."""
    found: dict[str, list[Instance]] = {}
    for each in instances:
        if each.service_principal_id:
            found.setdefault(each.service_principal_id, []).append(each)
    return {id_: sorted(group, key=_rank) for id_, group in found.items()}


def _rank(instance: Instance) -> tuple[bool, bool, str]:
    held = instance.job is not None and instance.job.state == "quarantined"
    return not instance.fleet, not held, instance.key


def _names(store: Store, jobs: Collection[JobObservation]) -> dict[str, str]:
    """Return what unmanaged jobs are called: their applications, with the template where there are several."""
    found: dict[str, str] = {}
    for tenant_id in {job.tenant_id for job in jobs}:
        here = [job for job in jobs if job.tenant_id == tenant_id]
        ids = [(job.service_principal_id or "").lower() for job in here]
        known = {each.service_principal_id: each for each in store.inventory.known_principals(tenant_id, set(ids))}
        for job, id_ in zip(here, ids, strict=True):
            name = (known[id_].display_name if id_ in known else None) or id_
            found[job.key] = name_job(name, job.job_id, several=ids.count(id_) > 1)
    return found


def unmanaged_key(service_principal_id: str | None, job_id: str | None) -> str:
    """Return the key under which the store keeps an unmanaged job; an old job id alone is not unique in a tenant."""
    return f"{(service_principal_id or '').lower()}/{job_id}"


def name_job(name: str, job_id: str | None, *, several: bool) -> str:
    """Return what an unmanaged job is called."""
    # What comes before the first point of an id is the template; for people it need not be more exact.
    return f"{name} ({(job_id or '').partition('.')[0]})" if several and job_id else name
