"""The store's part in saving schemas: what was there before, and what was applied."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from flows.mappings.models import Mappings
from flows.plan.outcome import InstanceOutcome
from flows.plan.plan import InstancePlan
from flows.run.context import run_context
from flows.run.load_known_state import mappings_in
from flows.store import JobPlace


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
        if outcome.failure is None and outcome.service_principal_id and outcome.job_id:
            places[JobPlace(tenant_id, outcome.service_principal_id, outcome.job_id)] = plan.instance.mappings
    await _note(places)


async def _note(places: Mapping[JobPlace, Mappings | None]) -> None:
    wanted = {place: mappings.to_object() for place, mappings in places.items() if mappings}
    if not wanted:
        return
    run = run_context()
    known = await asyncio.to_thread(run.store.schemas.applied, run.tenant_id)
    new = [(place, content) for place, content in wanted.items() if known.get(place.ids) != content]
    if new:
        await asyncio.to_thread(run.store.schemas.note_applied, new)
