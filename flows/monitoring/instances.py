"""The instances that a store knows: by their jobs, as the monitor saw them, and by their marks, as the harvest did."""

from dataclasses import dataclass

from flows.store import JobObservation, Store


@dataclass(frozen=True)
class Instance:
    """An instance of a fleet, or what was one."""

    fleet: str
    key: str
    service_principal_id: str | None
    """Lower case."""
    job: JobObservation | None
    """The job as last seen; None if the monitor has not looked at it, or looks at a successor of it by now."""


def read_instances(store: Store, fleet: str | None = None) -> list[Instance]:
    """Return the instances of a fleet, or of all, those with a job first.

    Raises:
        StoreError: The store cannot be read.
    """
    fleets = [each for each in store.jobs.fleets() if fleet in {None, each[1]}]
    jobs = [job for tenant_id, name in fleets for job in store.jobs.latest(tenant_id, name)]
    watched = [Instance(job.fleet, job.key, (job.service_principal_id or "").lower() or None, job) for job in jobs]
    ids = {each.service_principal_id for each in watched}
    marked = [each for each in store.instances.all() if fleet in {None, each.fleet}]
    others = [Instance(each.fleet, each.key, each.service_principal_id, None) for each in marked]
    return watched + [each for each in others if each.service_principal_id not in ids]
