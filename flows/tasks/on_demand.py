"""The tasks that provision a user or group on demand: a log line and one call each."""

import asyncio
from collections.abc import Awaitable, Collection
from dataclasses import asdict, replace
from typing import cast

from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.errors import KNOWN_ERRORS, StepFailed
from flows.fleet_file.models import Fleet
from flows.plan.diff import select_instances
from flows.plan.on_demand import find_group, find_targets, find_user
from flows.run.context import run_context
from flows.steps.on_demand import (
    OnDemandRequest,
    OnDemandResult,
    build_requests,
    fail_request,
    provision_subject,
)
from flows.store import StoredOnDemandResult
from flows.tasks.mapped import log, redacted_task


@redacted_task("find-whom-and-where")
async def plan_on_demand(
    fleet: Fleet, only: Collection[str], users: Collection[str], groups: Collection[str]
) -> list[OnDemandRequest]:
    """Look the jobs and the people up; no one is provisioned unless all of them exist."""
    graph = run_context().graph
    select_instances(fleet, only)
    subjects = [await find_user(graph, each) for each in users]
    subjects += [await find_group(graph, each) for each in groups]
    found = build_requests(await find_targets(graph, fleet, only), list(dict.fromkeys(subjects)))
    log().info("%s: %d to provision on demand", fleet.fleet, len(found))
    return found


# Never again by itself: a second time would no longer tell what the first one did.
@redacted_task("provision-on-demand", task_run_name="{attempt.subject.label} · {attempt.key}", retries=0)
async def try_subject(attempt: OnDemandRequest, fleet: Fleet, run_id: str | None) -> State | OnDemandResult:
    """Provision one user or group now, and store the result."""
    log().info("%s: provisioning %s on demand", attempt.key, attempt.subject.label)
    graph = run_context().graph
    try:
        trial = await provision_subject(graph, attempt)
    except KNOWN_ERRORS as error:
        trial = fail_request(attempt, StepFailed.of("provision-on-demand", error), graph.now())
    await asyncio.to_thread(_keep, trial, fleet, run_id)
    if trial.ok:
        return trial
    return Failed(message=str(trial.failure or trial.reason or trial.outcome), data=trial)


async def try_request(attempt: OnDemandRequest, fleet: Fleet, run_id: str | None) -> OnDemandResult:
    """Return the result of a task that provisions a user or group, also of one that failed."""
    state = await cast("Awaitable[State]", try_subject(attempt, fleet, run_id, return_state=True))
    trial = await state.aresult(raise_on_failure=False)
    if not isinstance(trial, OnDemandResult):
        raise trial
    return trial


def _keep(trial: OnDemandResult, fleet: Fleet, run_id: str | None) -> None:
    failure, subject = trial.failure, trial.subject
    kept = replace(trial, reason=trial.reason or (failure.message if failure else None))
    result = StoredOnDemandResult(
        tenant_id=fleet.tenant_id,
        fleet=fleet.fleet,
        key=kept.key,
        service_principal_id=kept.service_principal_id,
        job_id=kept.job_id,
        tried_at=kept.tried_at,
        source_id=subject.id,
        source_type=subject.kind,
        source_name=subject.name,
        outcome=kept.outcome,
        error_code=kept.error_code or (failure.code if failure else None),
        reason=kept.reason,
        recommended_action=kept.recommended_action,
        steps=[asdict(step) for step in kept.steps],
        modified=[asdict(each) for each in kept.modified],
        change_id=kept.change_id,
        target_id=kept.target_id,
        run_id=run_id,
    )
    run_context().store.on_demand.keep(result, subject.user_principal_name)
