"""Which of the jobs of a service principal is ours; the others are never touched."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graph_client import Resources
from graph_client.errors import NotFound
from graph_client.models import SynchronizationJob, SynchronizationTemplate

RENAMED = {"customappsso": "customappssoOutDelta"}
"""Templates whose jobs Graph gives another template than it was asked for, as a live test of Terraform's shows."""


@dataclass(frozen=True)
class OwnJob:
    """The job of an instance, and those that others added to its service principal."""

    job: SynchronizationJob | None = None
    others: tuple[SynchronizationJob, ...] = ()


def default_template(templates: Sequence[SynchronizationTemplate]) -> str | None:
    """Return the id of the only template or of the single default; None if neither is there."""
    obvious = templates if len(templates) == 1 else [template for template in templates if template.default]
    return obvious[0].id if len(obvious) == 1 else None


def needs_templates(jobs: Sequence[SynchronizationJob], wanted: str | None) -> bool:
    """Tell whether it takes the templates of the application to say which job is ours."""
    return len(jobs) > 1 if wanted is None else bool(jobs) and _of_template(jobs, wanted) is None


def choose_job(
    jobs: Iterable[SynchronizationJob],
    wanted: str | None,
    templates: Sequence[SynchronizationTemplate] = (),
) -> SynchronizationJob | None:
    """Return the job that is ours; the same one each time, on every machine, whatever the store knows.

    Ours is the job of the template that the fleet file names, or else the only job, or the job of the default
    template. Graph may call a job otherwise than it was asked to: so the only one whose template the application does
    not offer is ours, too.

    Args:
        jobs: All jobs of the service principal.
        wanted: The synchronization template that the fleet file names; None for the default.
        templates: What the application offers, if `needs_templates` says so.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronization-post-jobs
    """
    # Graph lists jobs in no particular order.
    found = sorted(jobs, key=lambda job: job.id)
    if wanted is None and len(found) <= 1:
        return found[0] if found else None
    named = wanted or default_template(templates)
    if named and (job := _of_template(found, named)):
        return job
    offered = {template.id for template in templates}
    # Graph made it of a template that it does not offer, so it was asked for by another name.
    unlisted = [job for job in found if offered and job.template_id not in offered]
    return unlisted[0] if len(unlisted) == 1 else None


def other_jobs(job_ids: Sequence[str]) -> str:
    """Return what a warning says of jobs that are not ours."""
    several = len(job_ids) > 1
    return f"{'other jobs' if several else 'another job'}, which {'are' if several else 'is'} left alone: " + ", ".join(
        job_ids
    )


async def find_own_job(
    graph: Resources, service_principal_id: str, wanted: str | None, *, expected: bool = False
) -> OwnJob:
    """Look for the job of an instance; one without jobs may be answered with 404.

    Args:
        graph: A signed-in client.
        service_principal_id: Object id of the service principal.
        wanted: The synchronization template that the fleet file names; None for the default.
        expected: Whether there should be jobs, so that none is only believed of a second read.

    Raises:
        GraphError: The jobs cannot be read.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronization-list-jobs
    """
    try:
        jobs = await graph.synchronization.jobs(service_principal_id, expected=expected)
    except NotFound:
        return OwnJob()
    job = choose_job(jobs, wanted, await offered_templates(graph, service_principal_id, jobs, wanted))
    return OwnJob(job, tuple(each for each in jobs if each is not job))


async def offered_templates(
    graph: Resources, service_principal_id: str, jobs: Sequence[SynchronizationJob], wanted: str | None
) -> tuple[SynchronizationTemplate, ...]:
    """Return the synchronization templates of an application, where its jobs alone do not tell which one is ours.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronization-list-templates
    """
    if not needs_templates(jobs, wanted):
        return ()
    try:
        return tuple(await graph.synchronization.templates(service_principal_id))
    except NotFound:
        return ()


def _of_template(jobs: Iterable[SynchronizationJob], template_id: str) -> SynchronizationJob | None:
    found = list(jobs)
    for name in (template_id, RENAMED.get(template_id)):
        fitting = [job for job in found if job.template_id == name]
        if name and fitting:
            return min(fitting, key=lambda job: job.id)
    return None
