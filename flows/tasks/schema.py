"""The tasks that take a job's schema back to a version before."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from flows.errors import StepFailed
from flows.fleet_file.models import Fleet
from flows.mappings.models import Mappings
from flows.mappings.rows import digest_json
from flows.monitoring.health import JobState
from flows.plan.job_schema import find_schema, replace_schema
from flows.plan.known_state import mappings_in
from flows.plan.outcome import InstanceOutcome
from flows.plan.plan import Action, FieldChange, InstancePlan, Plan
from flows.run.context import run_context
from flows.steps import job, schema
from flows.store import JobPlace
from flows.tasks.mapped import log, redacted_task, step
from graph_client.errors import GraphError


async def read_applied(service_principal_id: str, job_id: str) -> Mappings | None:
    """Return what was applied to a job last, if that is known.

    Raises:
        StoreError: The store cannot be read.
    """
    run = run_context()
    place = JobPlace(run.tenant_id, service_principal_id, job_id)
    return mappings_in(await asyncio.to_thread(run.store.schemas.applied_to, place))


def snapshot_before_write(
    plan: InstancePlan, service_principal_id: str, job_id: str, run_id: str, reason: str
) -> Callable[[Mapping[str, Any]], Awaitable[None]]:
    """Return what writes down the schema of a job before it is replaced."""
    run = run_context()
    place = JobPlace(run.tenant_id, service_principal_id, job_id)

    async def keep(schema: Mapping[str, Any]) -> None:
        words = {"fleet": plan.fleet, "key": plan.key, "reason": reason, "run_id": run_id}
        await asyncio.to_thread(run.store.schemas.keep, place, schema, **words)

    return keep


async def note_saved(plan: InstancePlan, service_principal_id: str, job_id: str) -> None:
    """Write down that a job is as its mappings say.

    Raises:
        StoreError: The store cannot be written.
    """
    await _note({JobPlace(run_context().tenant_id, service_principal_id, job_id): plan.instance.mappings})


async def note_applied(plans: Iterable[InstancePlan], outcomes: Iterable[InstanceOutcome]) -> None:
    """Write down of all jobs that are as their mappings say that they are.

    Raises:
        StoreError: The store cannot be written.
    """
    tenant_id = run_context().tenant_id
    by_key = {each.key: each for each in outcomes}
    places = {}
    for plan in plans:
        outcome = by_key[plan.key]
        done = outcome.outcome not in {"failed", "pending"}
        if done and outcome.service_principal_id and outcome.job_id:
            places[JobPlace(tenant_id, outcome.service_principal_id, outcome.job_id)] = plan.instance.mappings
    await _note(places)


async def _note(places: Mapping[JobPlace, Mappings | None]) -> None:
    wanted = {place: mappings.to_object() for place, mappings in places.items() if mappings}
    if not wanted:
        return
    run = run_context()
    known = await asyncio.to_thread(run.store.schemas.applied, run.tenant_id)
    # Most applies change no mappings: the store is then only read.
    new = [(place, content) for place, content in wanted.items() if known.get(place.ids) != content]
    if new:
        await asyncio.to_thread(run.store.schemas.note_applied, new)


@redacted_task("plan-restore")
async def plan_restore(fleet: Fleet, key: str, version: int | None) -> tuple[Plan, int]:
    """Look at the job and at the store; return what a restore would change, and the version it is about."""
    run = run_context()
    found = await find_schema(run.graph, fleet, key)
    place = JobPlace(run.tenant_id, found.service_principal_id, found.job_id)
    chosen = version or await _newest(place, key)
    wanted = await _content(place, key, chosen)
    # A difference outside the mappings is a difference too, although it has no change to show.
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
async def restore_version(plan: InstancePlan, version: int, run_id: str) -> JobState:
    """Put a version of the schema whole, after the one that is there has been kept; return the job's state then."""
    run = run_context()
    principal_id, job_id = plan.service_principal_id or "", plan.job_id or ""
    wanted = await _content(JobPlace(run.tenant_id, principal_id, job_id), plan.key, version)
    log().info("%s: going back to version %s of the schema; an initial cycle begins", plan.key, version)
    keep = snapshot_before_write(plan, principal_id, job_id, run_id, "restore")
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
