"""The shards of one apply, from the choice to use any to the end of the last: runs of `provision-shard`."""

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from uuid import UUID

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectHTTPStatusError
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from flows.apply import shard_runs
from flows.apply.shard_runs import ShardLiveness
from flows.errors import StepFailed
from flows.fleet_file.models import Fleet
from flows.plan.outcome import InstanceOutcome
from flows.plan.plan import Action, Conflict, FieldChange, InstancePlan, Plan
from flows.run import journal
from flows.run.artifacts import ProgressArtifact
from flows.run.context import run_context
from flows.run.task_runner import EXCEEDED
from flows.store import Change

BYTES_MAX = 400_000
"""Of the JSON of a part; Prefect takes 512 KiB of parameters."""

Planned: TypeAlias = dict[str, list[list[str | None]]]
"""The changes of existing instances in the plan of the whole fleet: field, before and after, by key."""


@dataclass(frozen=True)
class ShardPart:
    """Some instances of a fleet, and their plans."""

    number: int
    fleet: dict[str, Any]
    """The fleet of these instances only, as `fleet_from_object` takes it."""
    plans: tuple[InstancePlan, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its instances."""
        return tuple(plan.key for plan in self.plans)

    @property
    def ends(self) -> tuple[str, ...]:
        """The key of its first instance, and that of its last if it has several."""
        return self.keys if len(self.keys) == 1 else (self.keys[0], self.keys[-1])

    @property
    def planned(self) -> Planned:
        """The planned changes of its existing instances; no others are allowed."""
        return {plan.key: [_shown(each) for each in plan.changes] for plan in self.plans if _exists(plan)}

    @property
    def digest(self) -> str:
        """SHA-256 of its plans."""
        return hashlib.sha256("\n".join(f"{plan.key} {plan.digest}" for plan in self.plans).encode()).hexdigest()


def split_plan(
    fleet: Fleet, plans: Iterable[InstancePlan], instances_max: int, bytes_max: int = BYTES_MAX
) -> list[ShardPart]:
    """Split a plan into parts, in the order of the fleet file.

    Args:
        fleet: The whole fleet.
        plans: The plans of the instances to change.
        instances_max: How many instances a part may have.
        bytes_max: The maximum size of its JSON; a larger instance gets a part of its own.
    """
    return [
        ShardPart(
            number, fleet.model_copy(update={"instances": tuple(each.instance for each in some)}).to_object(), some
        )
        for number, some in enumerate(_groups(plans, instances_max, bytes_max), start=1)
    ]


def _groups(plans: Iterable[InstancePlan], instances_max: int, bytes_max: int) -> Iterator[tuple[InstancePlan, ...]]:
    group: list[InstancePlan] = []
    size = 0
    for plan in plans:
        own = _bytes_of(plan)
        if group and (len(group) == instances_max or size + own > bytes_max):
            yield tuple(group)
            group, size = [], 0
        group.append(plan)
        size += own
    if group:
        yield tuple(group)


def _bytes_of(plan: InstancePlan) -> int:
    instance = plan.instance.model_dump(mode="json", exclude_defaults=True)
    changes = [_shown(each) for each in plan.changes] if _exists(plan) else []
    return len(json.dumps([instance, changes]).encode())


def restrict_to(plan: Plan, planned: Mapping[str, Sequence[Sequence[str | None]]]) -> Plan:
    """Return the plan of a part, without changes that the plan of the whole fleet does not have.

    The plan of the whole fleet has passed the safety checks, and perhaps a review. What is new since then has not.
    Fewer changes are fine: a part may be a second attempt.
    """
    instances = (_held_to(each, planned.get(each.key)) for each in plan.instances)
    # The fleet's other instances are not in the part's file, but they are no orphans.
    return replace(plan, instances=tuple(instances), orphans=())


def _held_to(plan: InstancePlan, changes: Sequence[Sequence[str | None]] | None) -> InstancePlan:
    if changes is None or plan.action is Action.CONFLICT:
        return plan
    foreseen = {(field, before if after is None else after) for field, before, after in changes}
    fresh = [each.field for each in plan.changes if _aim(each) not in foreseen]
    if plan.action is not Action.CREATE and not fresh:
        return plan
    conflict = Conflict(
        "PlanChanged",
        f"{plan.key} has changed since the fleet was planned: {', '.join(fresh)} would change too.",
        "It was not changed. Plan again, then apply the new plan.",
        step="plan-shard",
    )
    return replace(plan, action=Action.CONFLICT, changes=(), removals=(), conflict=conflict)


def _exists(plan: InstancePlan) -> bool:
    return plan.action is not Action.CREATE


def _shown(change: FieldChange) -> list[str | None]:
    return [change.field, change.before, change.after]


def _aim(change: FieldChange) -> tuple[str, str | None]:
    """The aim of a change, whatever the current value; a removal is identified by the value it removes."""
    return change.field, change.before if change.after is None else change.after


_ATTEMPTS = 2
"""A crashed shard is restarted once; any other end needs a person's decision."""


@dataclass
class _Shard:
    part: ShardPart
    name: str
    attempt: int = 1
    run: FlowRun | None = None

    @property
    def state(self) -> str:
        """The state of the run, as Prefect calls it."""
        return (self.run.state.name or "") if self.run and self.run.state else "not started"


class ShardPool:
    """Starts shards, a few at a time, and waits until each has ended.

    Args:
        deployment: The deployment whose runs are the shards.
        fleet: The whole fleet.
        parameters: The parameters of every shard, besides its part and its share of the budget.
        parts: The part of each shard.
        at_once: How many shards run at the same time.
    """

    def __init__(
        self,
        deployment: DeploymentResponse,
        fleet: Fleet,
        parameters: dict[str, Any],
        parts: Sequence[ShardPart],
        at_once: int,
    ) -> None:
        self._deployment = deployment
        self._fleet = fleet
        self._parameters = parameters
        self._shards = [_Shard(part, f"{fleet.fleet} {part.number} of {len(parts)}") for part in parts]
        self._places = min(at_once, len(parts))
        self._writes_per_second = run_context().graph.settings.writes_per_second / self._places
        self._under_way: dict[UUID, _Shard] = {}
        self._liveness = ShardLiveness()

    async def arrive(self) -> list[InstanceOutcome]:
        """Run all parts, and return the outcome of each instance."""
        waiting = deque(self._shards)
        total = sum(len(shard.part.plans) for shard in self._shards)
        bar = await ProgressArtifact.start(self._fleet.fleet, "provision", total)
        while True:
            while waiting and len(self._under_way) < self._places and not await self._quota_exceeded():
                await self._start(waiting.popleft())
            if not self._under_way:
                return await self._outcomes()
            waiting.extendleft(self._crashed(await self._liveness.ended()))
            with suppress(httpx.HTTPError):
                await bar.show(len(self._liveness.recorded))

    def lines(self) -> list[str]:
        """The end of each shard, the completed ones last."""
        shards = sorted(self._shards, key=lambda each: (each.state == "Completed", each.part.number))
        return [f"{_link(each)}: {each.state}, {' … '.join(each.part.ends)}" for each in shards]

    async def _start(self, shard: _Shard) -> None:
        part = shard.part
        own = {
            "fleet": part.fleet,
            "planned": part.planned,
            # The shards share Graph's limits for the application, so each gets a part of the pace.
            "writes_per_second": round(self._writes_per_second, 6),
        }
        # The same call may be repeated when its answer was lost; a retry of this run is another one.
        key = f"{flow_run.id}:{flow_run.run_count}:{part.number}:{shard.attempt}:{part.digest}"
        try:
            shard.run = await shard_runs.start_shard_run(
                self._deployment, self._fleet, shard.name, self._parameters | own, key
            )
        except PrefectHTTPStatusError as error:
            if error.response.status_code >= 500:  # the server's trouble: the flow run is retried as a whole
                raise
            return  # It is too large, or refused by a rule of the deployment; `_outcomes` reports its instances.
        self._under_way[shard.run.id] = shard
        self._liveness.add(shard.run)

    def _crashed(self, ended: Iterable[FlowRun]) -> Iterable[_Shard]:
        """Record the runs that have ended, and yield the shards to restart."""
        for run in ended:
            shard = self._under_way.pop(run.id)
            shard.run = run
            if run.state and run.state.is_crashed() and shard.attempt < _ATTEMPTS:
                shard.attempt += 1
                yield shard

    async def _quota_exceeded(self) -> bool:
        # A full tenant stays full: shards that have not started would only fail.
        return any(each.error_code == EXCEEDED for each in self._liveness.recorded.values())

    async def _outcomes(self) -> list[InstanceOutcome]:
        run_id = self._parameters["run_id"]
        changes = await asyncio.to_thread(run_context().store.journal.changes, run_id)
        # The journal also has what a crashed shard had done.
        by_key = {change.key: change for change in changes}
        outcomes = []
        for shard in self._shards:
            for plan in shard.part.plans:
                change = by_key.get(plan.key)
                outcome = _outcome(plan, change) if change else _undone(plan, shard)
                if change is None:
                    await journal.record_instance(run_id, plan, outcome)
                outcomes.append(outcome)
        return outcomes


def _outcome(plan: InstancePlan, change: Change) -> InstanceOutcome:
    """Return the outcome that a shard journaled; the state of a job is not in the journal."""
    outcome = plan.outcome()
    outcome.outcome, outcome.job_state = change.outcome, None
    outcome.application_id, outcome.service_principal_id = change.application_id, change.service_principal_id
    outcome.job_id = change.job_id
    if plan.instance.cross_tenant and change.outcome != "pending":
        outcome.pending = ()  # the target allowed it meanwhile
    if change.error:
        known = {name: value for name, value in vars(change.error).items() if value is not None}
        outcome.fail(StepFailed(**{"code": "", **known}))
    return outcome


def _undone(plan: InstancePlan, shard: _Shard) -> InstanceOutcome:
    outcome = plan.outcome()
    state = shard.run.state if shard.run else None
    ended = ", ".join(filter(None, (state.name, state.message))) if state else ""
    ending = f"ended {ended}" if state else "was not started"
    # Cause: A shard of a large apply ended, or no worker took it, before it reached the instance.
    outcome.fail(
        StepFailed(
            "ShardUnfinished",
            f"{plan.key} was not applied: the shard {shard.name} {ending.rstrip('.')}.",
            "Retry that run in the Prefect UI, or apply again.",
            step="shard",
        )
    )
    return outcome


def _link(shard: _Shard) -> str:
    url = url_for("flow-run", obj_id=shard.run.id) if shard.run else None
    return f"[{shard.name}]({url})" if url else shard.name


@dataclass(frozen=True)
class Sharding:
    """How an apply is spread over deployment runs, if there is much to do.

    Args:
        fleet: The whole fleet.
        parameters: The parameters of every shard, besides its part and its share of the budget.
        size: How many instances a shard has at most.
        at_once: How many shards run concurrently; each has that part of the write budget.
        deployment: What a shard is a run of; None if everything is done in this process.
    """

    fleet: Fleet
    parameters: dict[str, Any]
    size: int
    at_once: int
    deployment: DeploymentResponse | None
    lines: list[str] = field(default_factory=list)
    """What became of each shard, for a person; filled by `apply`."""

    def needed(self, pending: Sequence[object]) -> bool:
        """Return whether there is enough work to split it into shards."""
        return self.deployment is not None and len(pending) > self.size

    async def apply(self, plans: Sequence[InstancePlan], run_id: str) -> list[InstanceOutcome]:
        """Run the shards, and return the outcome of each instance.

        Args:
            plans: The plans of the instances to change.
            run_id: Of the run in the journal, where the shards write what they did.
        """
        if self.deployment is None:
            raise LookupError("there is no deployment for shards")
        parts = split_plan(self.fleet, plans, self.size)
        pool = ShardPool(self.deployment, self.fleet, self.parameters | {"run_id": run_id}, parts, self.at_once)
        outcomes = await pool.arrive()
        self.lines.extend(pool.lines())
        return outcomes


async def settle_left_shards(fleet: Fleet) -> None:
    """Wait for the shards that an earlier run of the fleet left working, and cancel those that have not begun.

    Two that work on one instance could create it twice. A run without a deployment has no shards.
    """
    if await shard_runs.find_own_deployment() is None:
        return
    liveness = ShardLiveness()
    for run in await shard_runs.find_unfinished_runs(fleet):
        if run.state and run.state.is_scheduled():
            await shard_runs.cancel_run(run, "A new apply does its work.")
        else:
            liveness.add(run)
    while liveness:
        await liveness.ended()


async def choose_sharding(fleet: Fleet, size: int, at_once: int, parameters: dict[str, Any]) -> Sharding:
    """Return how to shard an apply; a run without a deployment is not sharded."""
    return Sharding(fleet, parameters, size, at_once, await shard_runs.shard_deployment())
