"""The schema of one instance's job, for the schema commands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flows.errors import StepFailed
from flows.fleet_file.models import Fleet, Instance
from flows.mappings.merge import Difference, desired_mappings, diff_mappings
from flows.mappings.models import Mappings
from flows.mappings.table import build_table, find_object_mapping, matching
from flows.monitoring.health import JobHealth, assess_job
from flows.plan.diff import select_instances
from flows.tenant.observe import observe_fleet
from graph_client import GraphClient


@dataclass(frozen=True)
class JobSchema:
    """The current job and schema of an instance."""

    instance: Instance
    application_id: str
    service_principal_id: str
    job_id: str
    schema: Mapping[str, Any] = field(repr=False)
    health: JobHealth


async def find_schema(graph: GraphClient, fleet: Fleet, key: str) -> JobSchema:
    """Return the schema of an instance's job.

    Raises:
        UnknownKey: The fleet file has no such instance.
        StepFailed: It has no job, or more than one application.
        GraphError: A read failed after all retries.
    """
    (instance,) = select_instances(fleet, [key])
    owned = (await observe_fleet(graph, fleet, instance.own_keys)).owned(instance)
    for error in filter(None, (each.unreadable for each in owned)):
        raise error
    job = owned[0].job_for(instance.synchronization_template) if len(owned) == 1 else None
    if job is None:
        raise StepFailed(
            "NotProvisioned",
            f"{key} has no provisioning job, or more than one application.",
            f"Check with entra-fleet plan FLEET --only {key}; apply creates what is missing.",
            step="find-schema",
        )
    found = owned[0]
    schema = await graph.synchronization_schemas.get(found.service_principal_id or "", job.id)
    ids = (found.application_id or "", found.service_principal_id or "", job.id)
    return JobSchema(instance, *ids, schema, assess_job(job))


def replace_schema(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Difference]:
    """Return the changes of replacing one schema with another, as far as the table can show them."""
    table, _ = build_table(wanted)
    if table is None:
        return []
    objects = []
    for each in table.object_mappings:
        there = matching(each, find_object_mapping(now))
        mapped = {name.casefold() for name in each.attributes}
        # Only of one that is meant without doubt.
        others = there[0].table.attributes if len(there) == 1 else {}
        unmapped = tuple(name for name in others if name.casefold() not in mapped)
        objects.append(each.model_copy(update={"unmapped": unmapped}))
    found, _ = desired_mappings(Mappings(object_mappings=tuple(objects)), None, None, now)
    return diff_mappings(found)
