"""The state of one application: its jobs, its secrets, and what else the fleet file covers."""

from dataclasses import replace
from typing import Any

from flows.fleet_file.models import Instance
from flows.monitoring.health import UNREADABLE
from flows.monitoring.own_job import offered_templates
from flows.tenant.assignments import list_assigned
from flows.tenant.observed import ObservedInstance
from flows.tenant.owners import list_owners
from flows.tenant.schemas import read_schema
from graph_client import Resources
from graph_client.errors import Forbidden, NotFound, Unauthorized
from graph_client.parallel import gather


async def read_desired_instance(graph: Resources, item: ObservedInstance, wanted: Instance | None) -> ObservedInstance:
    """Return an instance with its jobs, its secrets, and what else the fleet file covers."""
    return await read_instance(
        graph,
        item,
        with_assignments=bool(wanted and wanted.assignments),
        with_owners=bool(wanted and wanted.owners),
        wanted=wanted,
    )


async def read_instance(
    graph: Resources,
    item: ObservedInstance,
    *,
    with_assignments: bool = True,
    with_owners: bool = True,
    wanted: Instance | None = None,
) -> ObservedInstance:
    """Return an instance with its jobs and secrets, and if asked for who is assigned and who owns it.

    A failed read is an error of this instance only.

    Args:
        graph: A signed-in client.
        item: The instance.
        with_assignments: Whether to read the assignments.
        with_owners: Whether to read the owners.
        wanted: The instance in the fleet file, if it is there.
    """
    if item.service_principal_id is None:
        return item
    try:
        return await _read(graph, item, wanted, with_assignments=with_assignments, with_owners=with_owners)
    except NotFound:
        # Just created and not replicated yet, or deleted since the listing: the steps will find out which.
        return item
    except UNREADABLE as error:
        return replace(item, unreadable=error)


async def _read(
    graph: Resources, item: ObservedInstance, wanted: Instance | None, *, with_assignments: bool, with_owners: bool
) -> ObservedInstance:
    principal_id, application_id = item.service_principal_id or "", item.application_id
    jobs, secrets, assignees, owned_by = await gather(
        graph.synchronization.jobs(principal_id),
        _secrets(graph, principal_id),
        list_assigned(graph, principal_id) if with_assignments else _nobody(),
        list_owners(graph, application_id) if with_owners and application_id else _nobody(),
    )
    template = wanted.synchronization_template if wanted else None
    templates = await offered_templates(graph, principal_id, jobs, template)
    found = replace(
        item,
        jobs=tuple(jobs),
        secrets=secrets,
        assigned=assignees,
        owners=owned_by,
        synchronization_templates=templates,
    )
    job = found.job_for(template) if wanted and wanted.mappings else None
    return found if job is None else replace(found, schema=await read_schema(graph, principal_id, job))


async def _nobody() -> frozenset[Any]:
    return frozenset()


async def _secrets(graph: Resources, service_principal_id: str) -> dict[str, str] | None:
    try:
        return await graph.synchronization.secrets(service_principal_id)
    except (Unauthorized, Forbidden):
        # Reading them needs the permission to write them, which a read-only identity lacks.
        return None
