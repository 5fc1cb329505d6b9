"""provision-on-demand: provision single users or groups now, and report each step."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.fleet_file.loader import FleetParameter
from flows.fleet_file.models import Fleet
from flows.plan.outcome import InstanceOutcome
from flows.run import journal
from flows.run.artifacts import publish_on_demand_results
from flows.run.context import name_run
from flows.run.journal import open_fleet_run
from flows.run.progress import Progress, report_progress
from flows.steps.on_demand import Expectation, OnDemandRequest, OnDemandResult, OnDemandResults
from flows.tasks.on_demand import plan_on_demand, try_request

OUTCOMES = ("tried", "failed")


@flow(name="provision-on-demand", flow_run_name=name_run("try"), persist_result=False, retries=0)
async def provision_on_demand(
    fleet: FleetParameter,
    only: Annotated[list[str], Field(min_length=1)],
    users: list[str] | None = None,
    groups: list[str] | None = None,
    tenant: str | None = None,
    expect: Expectation | None = None,
    change: Annotated[str | None, Field(max_length=200)] = None,
) -> State:
    """Provision users or groups in their target systems now, one after the other, and report what was done.

    Args:
        fleet: Path or content of the fleet file.
        only: Keys of the instances.
        users: Users by object id, user principal name, or display name.
        groups: Groups by object id, of at most 5 members.
        tenant: EntraTenant block to sign in with; empty to use the environment.
        expect: Expected outcome of each attempt; the run fails on any other.
        change: Ticket to record in the journal.
    """
    async with open_fleet_run(fleet, tenant) as run:
        planned = await plan_on_demand(run.fleet, only, users or [], groups or [])
        async with journal.open_journal(run.fleet, None, change, "try") as entry:
            trials = await _try_all(run.fleet, planned, entry.run_id)
            entry.outcome = run.outcome(await _journal(entry.run_id, trials), OUTCOMES)
        outcome = OnDemandResults(run.fleet.fleet, tuple(trials), expect, *run.spent)
        await publish_on_demand_results(outcome)
    return _final_state(outcome)


async def _try_all(fleet: Fleet, planned: list[OnDemandRequest], run_id: str) -> list[OnDemandResult]:
    trials: list[OnDemandResult] = []
    # One after the other: Graph allows 5 of them in 10 s.
    for attempt in planned:
        report_progress(Progress("try", len(trials), len(planned), f"{attempt.subject.label} · {attempt.key}"))
        trials.append(await try_request(attempt, fleet, run_id))
    report_progress(Progress("try", len(trials), len(planned)))
    return trials


async def _journal(run_id: str, trials: list[OnDemandResult]) -> list[InstanceOutcome]:
    """Record the run in the journal, without the users and groups, which are only in the results."""
    outcomes: dict[str, InstanceOutcome] = {}
    for trial in trials:
        ids = (None, trial.service_principal_id, trial.job_id)
        outcome = outcomes.setdefault(trial.key, InstanceOutcome(trial.key, "tried", *ids))
        if trial.failure:
            outcome.fail(trial.failure)
    for outcome in outcomes.values():
        await journal.record(run_id, "try", (), outcome)
    return list(outcomes.values())


def _final_state(outcome: OnDemandResults) -> State:
    counts = ", ".join(f"{each.subject.label} · {each.key}: {each.outcome}" for each in outcome.trials[:20])
    if not outcome.unexpected:
        return Completed(message=counts or "no users", data=outcome)
    name = "NotAsExpected" if outcome.expected else "Failed"
    return Failed(name=name, message=counts, data=outcome)
