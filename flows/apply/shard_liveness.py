"""Watching shards for as long as they give a sign of life."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, State, StateType

from flows.apply import shard_runs
from flows.run.context import run_context
from flows.store import Recorded


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
    """Watches the runs of shards, and gives up those that are silent: their process was killed, and nobody says so.

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
        found = await shard_runs.read_shard_run(self._watched)
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
        last_seen = max((each.seen_at for each in self._watched.values()), default=now)
        for each in self._watched.values():
            waiting = each.run.state is None or each.run.state.type in {StateType.SCHEDULED, StateType.PENDING}
            if not _final(each.run.state) and now - (last_seen if waiting else each.seen_at) > bound:
                why = f"It gave no sign of life for {bound / 60:.0f} minutes."
                await shard_runs.mark_crashed(each.run, why)


def keys_in_state(run: FlowRun) -> list[str]:
    """Return the keys of a shard's instances."""
    return [instance["key"] for instance in run.parameters["fleet"]["instances"]]


def _journal_id(run: FlowRun) -> str:
    return str(run.parameters["run_id"])


def _final(state: State | None) -> bool:
    return state is not None and state.is_final()
