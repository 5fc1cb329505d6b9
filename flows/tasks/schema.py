"""The tasks that take a job's schema back to a version before."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flows.errors import StepFailed
from flows.fleet_file.models import Fleet
from flows.mappings.json_values import digest_json
from flows.monitoring.health import JobState
from flows.plan.job_schema import find_schema, replace_schema
from flows.plan.plan import Action, FieldChange, InstancePlan, Plan
from flows.run.context import run_context
from flows.steps import job, schema
from flows.store import JobPlace
from flows.tasks import schema_history as schemas
from flows.tasks.step import log, redacted_task, step
from graph_client.errors import GraphError


@redacted_task("plan-restore")
async def plan_restore(fleet: Fleet, key: str, version: int | None) -> tuple[Plan, int]:
    """Look at the job and at the store; return what a restore would change, and the version it is about."""
    run = run_context()
    found = await find_schema(run.graph, fleet, key)
    place = JobPlace(run.tenant_id, found.service_principal_id, found.job_id)
    chosen = version or await _newest(place, key)
    wanted = await _content(place, key, chosen)
    same = digest_json(wanted) == digest_json(found.schema)
    changes = tuple(
        FieldChange(each.field, each.before, each.after, bool(each.danger), danger=each.danger)
        for each in replace_schema(found.schema, wanted)
    )
    instance = InstancePlan(
        fleet.fleet,
        found.instance,
        Action.NONE if same else Action.UPDATE,
        changes=() if same else changes or (FieldChange("mappings", "as it is", f"version {chosen}"),),
        application_id=found.application_id,
        service_principal_id=found.service_principal_id,
        job_id=found.job_id,
        health=found.health,
        schema_digest=digest_json(found.schema),
    )
    return Plan(fleet.fleet, fleet.tenant_id, (instance,), ()), chosen


@step("restore-schema")
async def restore_schema(plan: InstancePlan, version: int, run_id: str) -> JobState:
    """Put a version of the schema whole, after the one that is there has been kept; return the job's state then."""
    run = run_context()
    principal_id, job_id = plan.service_principal_id or "", plan.job_id or ""
    wanted = await _content(JobPlace(run.tenant_id, principal_id, job_id), plan.key, version)
    log().info("%s: going back to version %s of the schema; an initial cycle begins", plan.key, version)
    keep = schemas.snapshot_before_write(plan, principal_id, job_id, run_id, "restore")
    await schema.restore(run.graph, plan, wanted, keep)
    # The restore is done: not being able to look would not undo it.
    with suppress(GraphError):
        return await job.read_job_state(run.graph, principal_id, job_id)
    return plan.health.state


async def _newest(place: JobPlace, key: str) -> int:
    versions = await asyncio.to_thread(run_context().store.schemas.history, place)
    if not versions:
        raise StepFailed(
            "NoVersion",
            f"The store has no schema version of {key}: entra-fleet has not replaced its schema yet.",
            "Versions are kept from the first apply with mappings on, in the store of the apply: name it with --store.",
            step="plan-restore",
        )
    return versions[0].id


async def _content(place: JobPlace, key: str, version: int) -> Mapping[str, Any]:
    content = await asyncio.to_thread(run_context().store.schemas.content, place, version)
    if content is None:
        raise StepFailed(
            "NoVersion",
            f"The store has no version {version} of the schema of {key}.",
            f"entra-fleet schema history FLEET --only {key} lists those it has.",
            step="plan-restore",
        )
    return content
