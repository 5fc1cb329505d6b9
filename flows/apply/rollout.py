"""An apply in waves: canaries first, then a tenth, then the rest, each only if the one before is healthy."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, cast

from prefect.client.schemas.objects import State

from flows.apply.wave_watch import Watch, judge_wave, try_users, watch_wave
from flows.fleet_file.models import Fleet
from flows.plan.on_demand import find_user
from flows.plan.outcome import APPLIED, InstanceOutcome
from flows.plan.plan import Plan
from flows.run import journal
from flows.run.artifacts import publish_waves
from flows.run.context import run_context
from flows.run.journal import FleetOutcome
from flows.run.waves import (
    CanaryRules,
    HealthCheck,
    RolloutReport,
    WaveReport,
    fingerprint_changes,
    instances_to_change,
    same_rollout,
    split_into_waves,
)
from flows.store import Rollout, RolloutWave
from flows.tasks.jobs import WIDTH, control_job, plan_controls
from flows.tasks.mapped import map_instances

Run = Callable[[Plan], Awaitable[list[InstanceOutcome]]]


@dataclass
class AllAtOnce:
    """An apply of the whole plan."""

    reviewed: str | None
    """The digest that the plan must have; None if it was not reviewed."""
    instead_of: Rollout | None = None
    """A rollout in waves that this apply replaces."""
    in_waves = False
    words = APPLIED
    report: RolloutReport | None = None

    async def apply(self, plan: Plan, run: Run, run_id: str) -> list[InstanceOutcome]:  # noqa: ARG002  # as of InWaves
        """Carry out a plan."""
        if self.instead_of:
            await asyncio.to_thread(run_context().store.rollouts.save_state, self.instead_of.id, "superseded")
        return await run(plan)


@dataclass
class InWaves:
    """An apply of a plan wave by wave; the store has its progress before and after each wave."""

    fleet: Fleet
    rollout: Rollout
    rules: CanaryRules
    resumed: bool
    reviewed: str | None
    ticket: str | None = None
    stays_held: bool = False
    """Whether a wave is held and this run was not forced to continue."""
    in_waves = True
    words = (*APPLIED, "held")
    report: RolloutReport | None = None
    _outcomes: dict[str, InstanceOutcome] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)

    async def apply(self, plan: Plan, run: Run, run_id: str) -> list[InstanceOutcome]:
        """Apply what is left of a plan, until a wave is unhealthy."""
        self._outcomes = {each.key: each.outcome() for each in plan.instances}
        # No instance is to be changed.
        if not self.rollout.waves:
            return list(self._outcomes.values())
        paused = tuple(each.key for each in plan.instances if each.paused_by == "us")
        if not self.stays_held:
            paused = await self._go_on(plan, run, run_id)
        for each in instances_to_change(plan):
            if each.key not in self._done:
                self._outcomes[each.key].outcome = "held"
        self.report = self._report(paused)
        await publish_waves(self.fleet.fleet, self.report)
        return list(self._outcomes.values())

    async def _go_on(self, plan: Plan, run: Run, run_id: str) -> tuple[str, ...]:
        """Work through the waves that have not passed; return the keys of the jobs that had to be paused."""
        if not self.resumed:
            # Before the first write, so that an interrupted run can be continued.
            await asyncio.to_thread(run_context().store.rollouts.begin, self.rollout)
        for wave in [each for each in self.rollout.waves if each.state != "passed"]:
            worked = await self._work(plan, wave, run, run_id)
            if worked.state == "held":
                paused = await self._pause()
                await self._save_state("held")
                return paused
        await self._save_state("finished")
        return ()

    async def _work(self, plan: Plan, wave: RolloutWave, run: Run, run_id: str) -> RolloutWave:
        """Change the instances of a wave, including paused ones of earlier waves, and check its health."""
        begun = {key for each in self.rollout.waves if each.number <= wave.number for key in each.members}
        todo = tuple(each for each in instances_to_change(plan) if each.key in begun - self._done)
        # Compared with what Graph says of cycles and events, so by Graph's clock.
        graph = run_context().graph
        if wave.began_at is None or wave.state == "held":
            # A job that was paused meanwhile has to show another cycle.
            wave = replace(wave, began_at=graph.now(), applied_at=None)
        # Failures that were there before are not the wave's.
        before = {each.key: each.health.escrows for each in plan.instances if each.key in wave.members}
        # A resumed wave keeps its first count: its own failures must not become the baseline.
        wave = replace(wave, state="applying", before=wave.before or before)
        await self._save(wave)
        if todo:
            for outcome in await run(replace(plan, instances=todo)):
                self._outcomes[outcome.key] = outcome
                self._done.add(outcome.key)
        # Nothing left to do: the cycles since the earlier apply count.
        applied_at = graph.now() if todo else wave.applied_at or graph.now()
        wave = replace(wave, state="applied", applied_at=applied_at)
        await self._save(wave)
        verdicts, passed = await self._judge(wave, plan, run_id)
        wave = replace(wave, state="passed" if passed else "held", verdicts=[each.as_json() for each in verdicts])
        await self._save(wave)
        await publish_waves(self.fleet.fleet, self._report(()))
        return wave

    async def _judge(self, wave: RolloutWave, plan: Plan, run_id: str) -> tuple[list[HealthCheck], bool]:
        report = self._wave_report(wave)
        outcomes = {key: self._outcomes[key] for key in wave.members}
        # Users are tried once, on the canaries.
        users = self.rules.users if wave.number == 1 else []
        trials = await try_users(self.fleet, outcomes, users, run_id)
        now = run_context().graph.now()
        watch = Watch(self.fleet, report.name, wave.began_at or now, wave.applied_at or now, outcomes, self.rules)
        quarantined = [each.key for each in plan.instances if each.health.state == "quarantined"]
        seen = await watch_wave(watch, wave.before, quarantined, trials)
        state = await cast("Awaitable[State]", judge_wave(report, seen, self.rules, return_state=True))
        verdicts = await state.aresult(raise_on_failure=False)  # a failed state has them as its data
        if isinstance(verdicts, BaseException):
            raise verdicts
        return verdicts, not state.is_failed()

    async def _pause(self) -> tuple[str, ...]:
        """Pause the jobs of every wave that has begun; return the keys of those that are paused then."""
        begun = [key for wave in self.rollout.waves if wave.state != "pending" for key in wave.members]
        controls = await plan_controls(self.fleet, "pause", begun, "", False)
        async with journal.open_journal(self.fleet, None, self.ticket, "canary-hold") as entry:
            needed = [each for each in controls if each.needed]
            done = await map_instances(control_job, needed, entry.run_id, phase="pause", width=WIDTH)
            entry.outcome = FleetOutcome(self.fleet.fleet, done, 0, 0.0, ("paused", "unchanged", "failed"))
        for each in done:
            self._outcomes[each.key].job_state = each.job_state
        return tuple(sorted(each.key for each in done if each.failure is None))

    async def _save(self, wave: RolloutWave) -> None:
        waves = tuple(wave if each.number == wave.number else each for each in self.rollout.waves)
        self.rollout = replace(self.rollout, waves=waves)
        await asyncio.to_thread(run_context().store.rollouts.save_wave, self.rollout.id, wave)

    async def _save_state(self, state: Literal["held", "finished"]) -> None:
        self.rollout = replace(self.rollout, state=state)
        await asyncio.to_thread(run_context().store.rollouts.save_state, self.rollout.id, state)

    def _report(self, paused: tuple[str, ...]) -> RolloutReport:
        waves = tuple(map(self._wave_report, self.rollout.waves))
        return RolloutReport(self.rollout.id, waves, self.resumed, paused)

    def _wave_report(self, wave: RolloutWave) -> WaveReport:
        verdicts = tuple(HealthCheck.from_json(dict(each)) for each in wave.verdicts)
        return WaveReport(wave.number, len(self.rollout.waves), wave.members, wave.state, verdicts)


async def choose_rollout(
    fleet: Fleet,
    plan: Plan,
    canary: int | Sequence[str] | None,
    rules: CanaryRules | None,
    digest: str | None,
    ticket: str | None,
    *,
    force: bool,
) -> AllAtOnce | InWaves:
    """Return how to carry out a plan: all together, in waves from the first, or in waves from where a run stopped.

    Args:
        fleet: The desired state.
        plan: The plan of the apply.
        canary: How many instances go first, or their keys; None for all of them together.
        rules: The health rules of a wave.
        digest: The digest of the reviewed plan; None if there is none.
        ticket: Noted in the journal where jobs are paused.
        force: Whether to continue a held rollout.

    Raises:
        StepFailed: A canary, or a user to try, does not exist.
    """
    rules = rules or CanaryRules()
    known = await asyncio.to_thread(run_context().store.rollouts.under_way, fleet.tenant_id, fleet.fleet)
    same = known is not None and same_rollout(plan, known.fingerprints, _begun(known))
    held = same and known is not None and known.state == "held" and not force
    if known and same and (canary is not None or held):
        # What is left of a plan has another digest than the whole that was reviewed.
        reviewed = plan.digest if digest == known.plan_digest else digest
        return InWaves(fleet, known, rules, True, reviewed, ticket, stays_held=held)
    if canary is None:
        whole = known and known.fingerprints.keys() <= {each.key for each in plan.instances}
        return AllAtOnce(digest, instead_of=known if whole else None)
    waves = split_into_waves(plan, canary)
    for user in rules.users:  # a misspelt user must fail before the first write
        await find_user(run_context().graph, user)
    rollout = Rollout(
        tenant_id=fleet.tenant_id,
        fleet=fleet.fleet,
        plan_digest=plan.digest,
        fingerprints=fingerprint_changes(plan),
        waves=tuple(RolloutWave(number=number, members=each) for number, each in enumerate(waves, start=1)),
        started_at=datetime.now(UTC),
    )
    return InWaves(fleet, rollout, rules, False, digest, ticket)


def _begun(rollout: Rollout) -> set[str]:
    return {key for wave in rollout.waves if wave.state != "pending" for key in wave.members}
