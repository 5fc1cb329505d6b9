"""The deployment runs that shards are, on the Prefect server."""

import asyncio
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter, WorkPoolFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.context import FlowRunContext
from prefect.deployments import arun_deployment
from prefect.exceptions import PrefectHTTPStatusError
from prefect.runtime import deployment
from prefect.states import Cancelled, Crashed

from flows.fleet_file.models import Fleet

FLOW = "provision-shard"
_UNFINISHED = [
    StateType.SCHEDULED,
    StateType.PENDING,
    StateType.RUNNING,
    StateType.PAUSED,
    StateType.CANCELLING,
]


async def find_own_deployment() -> UUID | None:
    """Return the id of the deployment that this is a run of, or that the flow around it is; None if there is none."""
    context = FlowRunContext.get()
    if context and context.flow_run and context.flow_run.parent_task_run_id is None:
        return context.flow_run.deployment_id
    # Prefect may ask the server, and blocks the thread until it has the answer.
    found = await asyncio.to_thread(lambda: deployment.id)
    return UUID(found) if found else None


async def shard_deployment() -> DeploymentResponse | None:
    """Return the deployment that this run's shards are runs of: that of its own work pool.

    Returns:
        None if this is no run of a deployment, or its work pool has none for shards.
    """
    deployment_id = await find_own_deployment()
    if deployment_id is None:
        return None
    async with get_client() as client:
        own = await client.read_deployment(deployment_id)
        if own.work_pool_name is None:
            return None
        found = await client.read_deployments(
            flow_filter=FlowFilter.model_validate({"name": {"any_": [FLOW]}}),
            work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [own.work_pool_name]}}),
        )
    return min((each for each in found if not each.paused), key=lambda each: each.name, default=None)


async def start_shard_run(
    shard: DeploymentResponse, fleet: Fleet, name: str, parameters: dict[str, Any], idempotency_key: str
) -> FlowRun:
    """Start a shard, or return the one that was started under this key already."""
    return await arun_deployment(
        shard.id,
        parameters=parameters,
        flow_run_name=name,
        tags=[_tag(fleet.tenant_id, fleet.fleet)],
        idempotency_key=idempotency_key,
        timeout=0,
    )


async def find_unfinished_runs(fleet: Fleet) -> list[FlowRun]:
    """Return the shards of a fleet that have not ended, whoever started them."""
    tags = [_tag(fleet.tenant_id, name) for name in sorted(fleet.names)]
    wanted = {"tags": {"any_": tags}, "state": {"type": {"any_": _UNFINISHED}}}
    async with get_client() as client:
        return await client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted))


async def read_shard_run(ids: Iterable[UUID]) -> list[FlowRun] | None:
    """Return those of some runs that are still there, as they are now; None while the server cannot be reached."""
    wanted = {"id": {"any_": list(ids)}}
    try:
        async with get_client() as client:
            return await client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted))
    except (httpx.TransportError, PrefectHTTPStatusError):
        # A server that is restarted is back soon; who waits for it has a bound.
        return None


async def mark_crashed(run: FlowRun, why: str) -> None:
    """Have a run count as crashed."""
    await _end(run, Crashed(message=why))


async def cancel_run(run: FlowRun, why: str) -> None:
    """Have a run that has not begun never begin."""
    await _end(run, Cancelled(message=why))


async def _end(run: FlowRun, state: State) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(run.id, state, force=True)
    run.state = state


def _tag(tenant_id: str, fleet: str) -> str:
    return f"shard:{tenant_id}:{fleet}"
