"""The lease of a fleet, held by the run that writes to the tenant for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from datetime import UTC
from typing import Annotated
from uuid import uuid4

from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from pydantic import Field

from flows.errors import FLEET_BUSY, StepFailed
from flows.fleet_file.models import Fleet
from flows.run.context import run_context
from flows.run.progress import note
from flows.store import LeaseHolder, StoreError
from flows.store.leases import EXPIRY, SHARD

WAIT_MINUTES = 10.0
"""How long a run waits for another one of the same fleet, unless the parameter says otherwise."""

WaitMinutes = Annotated[float, Field(ge=0, le=1440)]

_RENEWAL_SECONDS = 20.0
_POLL_SECONDS = 1.0
_LONGEST_POLL_SECONDS = 5.0
# Two renewals before the expiry: this run has stopped writing before another one may take over.
_LOST_SECONDS = EXPIRY.total_seconds() - 2 * _RENEWAL_SECONDS
"""How long renewals may fail; others take the lease over a while later."""

_held: ContextVar[str] = ContextVar("lease")


def lease_id() -> str:
    """Return the id of the lease that this run holds.

    Raises:
        LookupError: It is called outside `exclusive`: what is journaled as a write must hold the lease.
    """
    return _held.get()


@asynccontextmanager
async def exclusive(
    fleet: Fleet, command: str, wait_minutes: float, *, shard_of: str | None = None, despite_shards: bool = False
) -> AsyncIterator[None]:
    """Hold the lease of a fleet, so that one run at a time writes for it; a plan needs none.

    Args:
        fleet: The fleet, under its name and the one it had before.
        command: What is run.
        wait_minutes: How long to wait for another run to end.
        shard_of: The lease of the apply that this is a part of.
        despite_shards: Take it although shards of an apply that is dead still work: the caller waits for them.

    Raises:
        StepFailed: Another run holds it, or it was lost to another one; no further write is begun then.
        StoreError: The store cannot be read or written.
    """
    wanted = LeaseHolder(
        tenant_id=fleet.tenant_id,
        fleets=fleet.names,
        command=command,
        flow_run_id=str(flow_run.id) if flow_run.id else None,
        lease_id=shard_of or str(uuid4()),
    )
    leases = run_context().store.leases
    await _take(fleet, wanted, wait_minutes, despite_shards)
    token = _held.set(wanted.lease_id)
    try:
        async with _renewed(wanted):
            yield
    finally:
        _held.reset(token)
        with suppress(StoreError):
            # Not in a thread: an interrupted run is not given the time to wait for one.
            leases.release(wanted.holder)


async def _take(fleet: Fleet, wanted: LeaseHolder, wait_minutes: float, despite_shards: bool) -> None:
    leases, loop = run_context().store.leases, asyncio.get_running_loop()
    # Known by its holder, so that a run that waits for several in turn says so once for each.
    deadline, pause, reported = loop.time() + wait_minutes * 60, _POLL_SECONDS, None
    while other := await asyncio.to_thread(leases.take, wanted, despite_shards=despite_shards):
        left = deadline - loop.time()
        if left <= 0:
            raise _busy(fleet, other)
        if reported != other.holder:
            reported = other.holder
            text = f"waiting up to {wait_minutes:g} minutes: {_describe(fleet, other)}"
            get_run_logger().warning("%s", text)
            note(text)
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)


@asynccontextmanager
async def _renewed(holder: LeaseHolder) -> AsyncIterator[None]:
    """Show that a holder is alive for as long as the context lasts; interrupt what is in it if the lease is lost."""
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("a coroutine runs in a task")
    lost = False

    def interrupt() -> None:
        nonlocal lost
        lost = True
        task.cancel()

    keeping = asyncio.create_task(_renew(holder, interrupt))
    try:
        yield
    except asyncio.CancelledError:
        # Only our own interruption becomes an error: Prefect or Ctrl-C may have cancelled the task as well.
        if lost and task.uncancel() == 0:
            # Cause: This machine could not renew the lease of the fleet for 80 seconds, or slept. The next run finishes
            # what it started.
            raise StepFailed(
                "LeaseLost",
                f"The lease of {', '.join(sorted(holder.fleets))} was lost: this machine could not renew it in time.",
                "Another run may be at work. Check that this machine reaches the store, then apply again.",
                step="lease",
            ) from None
        raise
    finally:
        keeping.cancel()


async def _renew(holder: LeaseHolder, lost: Callable[[], None]) -> None:
    leases, loop = run_context().store.leases, asyncio.get_running_loop()
    renewed_at = loop.time()
    while True:
        await asyncio.sleep(_RENEWAL_SECONDS)
        try:
            held = await asyncio.to_thread(leases.renew, holder.holder)
        except StoreError as error:
            get_run_logger().warning("the lease could not be renewed: %s", error)
            held = loop.time() - renewed_at < _LOST_SECONDS
        else:
            renewed_at = loop.time()
        if not held:
            lost()
            return


def _busy(fleet: Fleet, other: LeaseHolder) -> StepFailed:
    return StepFailed(
        FLEET_BUSY,
        f"{_describe(fleet, other)}.",
        "Nothing was written. Wait until it has ended, or give a longer time to wait: --wait MINUTES.",
        step="lease",
    )


def _describe(fleet: Fleet, other: LeaseHolder) -> str:
    since = f"{other.held_since.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if other.held_since else "now"
    what = "a shard of an apply" if other.command == SHARD else other.command
    run = f", flow run {other.flow_run_id}" if other.flow_run_id else ""
    return f"{fleet.fleet} is in use by {what} on {other.process.host} (process {other.process.pid}{run}) since {since}"
