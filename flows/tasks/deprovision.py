"""The tasks that take accounts away from a target tenant before the job that can delete them is gone."""

from datetime import datetime

from flows.plan.deprovisioning import Deprovisioning, format_names
from flows.plan.retirement import Retirement
from flows.run.context import run_context
from flows.run.task_runner import leave_place
from flows.steps import deprovision, retire
from flows.tasks.mapped import log, step


@step("pause-job")
async def pause_job(plan: Retirement, job_id: str) -> None:
    """Pause the job, so that no cycle begins meanwhile."""
    log().info("%s: pausing job %s", plan.key, job_id)
    await retire.pause_job(run_context().graph, _principal(plan), job_id)


@step("save-settings")
async def save_settings(plan: Retirement, first: Deprovisioning) -> None:
    """Change the settings that would keep the job from deleting accounts."""
    log().info("%s: %s", plan.key, ", ".join(f"{each.field} becomes {each.after}" for each in first.changes))
    await deprovision.save_settings(run_context().graph, first, _principal(plan))


@step("empty-scope")
async def empty_scope(plan: Retirement, first: Deprovisioning) -> None:
    """Remove all assignments."""
    log().info("%s: removing %d assignments", plan.key, len(first.assigned))
    await deprovision.empty_scope(run_context().graph, first, _principal(plan))


@step("restart-job")
async def restart_job(plan: Retirement, first: Deprovisioning) -> datetime:
    """Have the job examine all users again; return since when."""
    log().info("%s: restarting the job, which deletes %s", plan.key, format_names(first.present, first.count))
    return await deprovision.restart(run_context().graph, plan.key, first, _principal(plan))


@step("wait-for-deletions")
async def wait_for_deletions(plan: Retirement, first: Deprovisioning, began_at: datetime | None) -> tuple[str, ...]:
    """Wait until the log shows the deletions; return who stays, which force allows if waiting would not help."""
    async with leave_place():
        seen = await deprovision.wait_for_deletions(run_context().graph, plan.key, first, _principal(plan), began_at)
    if seen.failure is None:
        return ()
    # What the job can still delete is not left behind, not even by force.
    if not (plan.force and seen.is_final):
        raise seen.failure
    log().warning("%s: %s", plan.key, seen.failure.message)
    return seen.left


async def deprovision_instance(plan: Retirement) -> tuple[str, ...]:
    """Have the job delete the accounts that it created; return those that stay.

    Every step is one that the plan found to be missing, so that a run that was killed goes on where it stopped.
    """
    first = plan.deprovisioning
    if first is None or first.job is None:
        return ()
    changes = bool(first.settings or first.assigned)
    # Paused meanwhile: a cycle over half of the assignments would delete and create accounts to no purpose.
    if changes and first.is_running:
        await pause_job(plan, first.job.job_id or "")
    if first.settings:
        await save_settings(plan, first)
    if first.assigned:
        await empty_scope(plan, first)
    # A job that runs with nothing left to change was restarted by an earlier run.
    began_at = await restart_job(plan, first) if changes or not first.is_running else None
    return await wait_for_deletions(plan, first, began_at)


def _principal(plan: Retirement) -> str:
    return plan.service_principal_id or ""
