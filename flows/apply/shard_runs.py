"""The deployment runs that shards are, on the Prefect server."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter, WorkPoolFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import DeploymentSort, FlowRunSort
from prefect.context import FlowRunContext
from prefect.deployments import arun_deployment
from prefect.exceptions import PrefectHTTPStatusError
from prefect.runtime import deployment
from prefect.states import Cancelled, Crashed

from flows.fleet_file.models import Fleet
from flows.run.context import run_context
from flows.run.prefect_pages import read_all
from flows.store import Recorded

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
        found = await read_all(
            client.read_deployments,
            sort=DeploymentSort.NAME_ASC,
            flow_filter=FlowFilter.model_validate({"name": {"any_": [FLOW]}}),
            work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [own.work_pool_name]}}),
        )
    # A paused deployment would take runs and never start them.
    return next((each for each in found if not each.paused), None)


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
        # Started, not awaited: the pool watches all shards together.
        timeout=0,
    )


async def find_unfinished_runs(fleet: Fleet) -> list[FlowRun]:
    """Return the shards of a fleet that have not ended, of any run."""
    tags = [_tag(fleet.tenant_id, name) for name in sorted(fleet.names)]
    wanted = {"tags": {"any_": tags}, "state": {"type": {"any_": _UNFINISHED}}}
    async with get_client() as client:
        chosen = FlowRunFilter.model_validate(wanted)
        return await read_all(client.read_flow_runs, sort=FlowRunSort.ID_DESC, flow_run_filter=chosen)


async def read_shard_runs(ids: Collection[UUID]) -> list[FlowRun] | None:
    """Return the current state of those runs that still exist; None while the server cannot be reached."""
    chosen = FlowRunFilter.model_validate({"id": {"any_": list(ids)}})
    try:
        async with get_client() as client:
            return await read_all(
                client.read_flow_runs, expected=len(ids), sort=FlowRunSort.ID_DESC, flow_run_filter=chosen
            )
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
        # Prefect's rules would refuse some of these transitions, and no process is there that could disagree.
        await client.set_flow_run_state(run.id, state, force=True)
    run.state = state


def _tag(tenant_id: str, fleet: str) -> str:
    return f"shard:{tenant_id}:{fleet}"


@dataclass(frozen=True)
class Bounds:
    """How often shards are looked at, and how long one may give no sign of life."""

    poll_seconds: float = 1.0
    longest_poll_seconds: float = 10.0
    silence_seconds: float = 1800.0


BOUNDS = Bounds()


@dataclass
class _Watched:
    run: FlowRun
    sign: tuple[object, ...]
    seen_at: float


class ShardLiveness:
    """Watches the runs of shards, and gives up silent ones: a killed process reports no end.

    A sign of life is a new state, or something written in the journal about an instance. A run that has not begun
    waits for a worker, which is busy with the others: it is silent when all are.
    """

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self._bounds = bounds
        self._watched: dict[UUID, _Watched] = {}
        self._pause_seconds = bounds.poll_seconds
        self.recorded: dict[str, Recorded] = {}
        """What the journal had of the shards' instances at the last look, by key."""

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, run: FlowRun) -> None:
        """Watch a run too."""
        self._watched[run.id] = _Watched(run, (), time.monotonic())
        self._pause_seconds = self._bounds.poll_seconds

    async def ended(self) -> list[FlowRun]:
        """Look again after a while, and return the runs that have ended since the last look.

        One that was deleted has ended as it was last seen; one that was silent for too long has crashed.
        """
        await asyncio.sleep(self._pause_seconds)
        found = await read_shard_runs(self._watched)
        # Not reached: nothing is known, so no run is given up.
        if found is None:
            return []
        now = {run.id: run for run in found}
        await self._read_journal()
        for watched in self._watched.values():
            self._look_at(watched, now.get(watched.run.id, watched.run))
        await self._give_up_the_silent()
        over = [key for key, each in self._watched.items() if key not in now or _final(each.run.state)]
        return [self._watched.pop(key).run for key in over]

    async def _read_journal(self) -> None:
        ids = {_journal_id(each.run) for each in self._watched.values()}
        journal = run_context().store.journal
        parts = await asyncio.gather(*(asyncio.to_thread(journal.recorded, each) for each in sorted(ids)))
        self.recorded = {key: recorded for part in parts for key, recorded in part.items()}

    def _look_at(self, watched: _Watched, run: FlowRun) -> None:
        sign = (run.state.id if run.state else None, self._newest(run))
        if sign != watched.sign:
            watched.sign, watched.seen_at = sign, time.monotonic()
            self._pause_seconds = self._bounds.poll_seconds
        watched.run = run
        self._pause_seconds = min(self._pause_seconds * 1.5, self._bounds.longest_poll_seconds)

    def _newest(self, run: FlowRun) -> datetime | None:
        return max((self.recorded[key].at for key in keys_in_state(run) if key in self.recorded), default=None)

    async def _give_up_the_silent(self) -> None:
        now, bound = time.monotonic(), self._bounds.silence_seconds
        # Of all of them: a shard that waits for a worker is alive as long as the others, which keep the workers busy,
        # are.
        last_seen = max((each.seen_at for each in self._watched.values()), default=now)
        for each in self._watched.values():
            waiting = each.run.state is None or each.run.state.type in {StateType.SCHEDULED, StateType.PENDING}
            if not _final(each.run.state) and now - (last_seen if waiting else each.seen_at) > bound:
                why = f"It gave no sign of life for {bound / 60:.0f} minutes."
                await mark_crashed(each.run, why)


def keys_in_state(run: FlowRun) -> list[str]:
    """Return the keys of a shard's instances."""
    return [instance["key"] for instance in run.parameters["fleet"]["instances"]]


def _journal_id(run: FlowRun) -> str:
    return str(run.parameters["run_id"])


def _final(state: State | None) -> bool:
    return state is not None and state.is_final()
