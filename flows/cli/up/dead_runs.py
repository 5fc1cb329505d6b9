"""Runs left behind by an earlier worker of this home."""

import psutil
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Crashed

from flows.cli.processes.process_tree import is_running
from flows.run.prefect_pages import read_all

_BEGUN = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_WHY = "Its worker was killed. Run it again: it continues where this run stopped."


async def crash_dead_runs(pool: str) -> int:
    """Mark the runs of a work pool whose processes have ended as crashed, and return how many.

    Prefect would keep them Running, with their concurrency slots, until their heartbeat is missed. Call this before a
    worker is started, on a server that has no other: a run without a process was left before it had one.
    """
    begun = FlowRunFilter.model_validate({"state": {"type": {"any_": _BEGUN}}})
    async with get_client() as client:
        found = await read_all(
            client.read_flow_runs,
            # An order that does not change while pages are read.
            sort=FlowRunSort.ID_DESC,
            flow_run_filter=begun,
            work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [pool]}}),
        )
        dead = [run for run in found if not _has_process(run)]
        for run in dead:
            await client.set_flow_run_state(run.id, Crashed(message=_WHY), force=True)
    return len(dead)


def _has_process(run: FlowRun) -> bool:
    pid = _pid_of(run)
    try:
        return pid is not None and is_running(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def _pid_of(run: FlowRun) -> int | None:
    # Some versions of Prefect write HOST:PID.
    number = (run.infrastructure_pid or "").rpartition(":")[2]
    return int(number) if number.isdecimal() else None
