"""Emptying the scope of a cross-tenant job, so that its own cycle deletes the accounts in the target."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flows.errors import StepFailed
from flows.monitoring.health import assess_job
from flows.plan.deprovisioning import Deprovisioning
from flows.steps.assignments import remove_assignment
from flows.steps.credentials import Start
from flows.steps.idempotency import wait_limits
from flows.steps.job import restart_job
from flows.store import AccountChange
from flows.tenant.assignments import list_assigned
from flows.tenant.provisioned_accounts import follow_accounts
from graph_client import GraphClient
from graph_client.errors import WaitExpired

RESET_SCOPE = "Escrows, Watermark, QuarantineState, ForceDeletes"
"""All are looked at again and held deletions go through; ConnectorDataStore stays, which knows what was created."""

_ROUNDS = 3
_CLOCK_ERROR = timedelta(seconds=2)
"""Graph's clock is known by a header that has whole seconds."""

_LOG_OVERLAP = timedelta(minutes=5)
_EARLIER_RUN = timedelta(days=1)
"""How far back the log is read if an earlier run restarted the job."""


async def save_settings(graph: GraphClient, plan: Deprovisioning, service_principal_id: str) -> None:
    """Save the settings with which a cycle deletes all accounts that left the scope; all others keep their values.

    Source: https://learn.microsoft.com/graph/api/synchronization-serviceprincipal-put-synchronization
    """
    await graph.synchronization.save_secrets(service_principal_id, plan.settings)


async def empty_scope(graph: GraphClient, plan: Deprovisioning, service_principal_id: str) -> None:
    """Remove every assignment of the application.

    Source: https://learn.microsoft.com/graph/api/serviceprincipal-delete-approleassignedto
    """
    there = frozenset(plan.assigned)
    for _ in range(_ROUNDS):
        for assigned in sorted(there, key=lambda each: (each.principal_id, each.role_id)):
            await remove_assignment(graph, service_principal_id, assigned)
        # Others may have been assigned since the plan, and a "not found" may have come from a replica that is behind.
        there = await list_assigned(graph, service_principal_id)
        if not there:
            return


async def restart(graph: GraphClient, key: str, plan: Deprovisioning, service_principal_id: str) -> datetime:
    """Have the job examine all users again; return since when, by Graph's clock.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-restart
    """
    began_at = graph.now() - _CLOCK_ERROR
    job_id = plan.job.job_id if plan.job else None
    start = Start(key, service_principal_id, job_id or "", has_run=True)
    await restart_job(graph, start, RESET_SCOPE)
    return began_at


@dataclass(frozen=True)
class Deletions:
    """The result of waiting for the deletions."""

    left: tuple[str, ...] = ()
    """Who is still in the target, according to the log."""
    failure: StepFailed | None = None
    """Why not all are gone."""
    is_final: bool = False
    """Whether more time would not change that."""


async def wait_for_deletions(
    graph: GraphClient, key: str, plan: Deprovisioning, service_principal_id: str, began_at: datetime | None
) -> Deletions:
    """Wait until a cycle has ended and the log shows that the accounts are gone.

    Args:
        graph: A client of the source tenant.
        key: The key of the instance.
        plan: What was there before.
        service_principal_id: The application's.
        began_at: When this run restarted the job; None if an earlier one did.

    Raises:
        GraphError: The job or the log could not be read.
    """
    watch = _Watch(graph, key, plan, service_principal_id, began_at)
    bounds = wait_limits()
    try:
        return await graph.wait_until(
            watch.look,
            seen=1,
            within_seconds=bounds.deprovision_seconds,
            interval_seconds=bounds.deprovision_interval_seconds,
        )
    except WaitExpired:
        # With no name left only the job's own count is in doubt: Graph does not document when it falls.
        failure = plan.explain_unfinished(key, watch.left)
        return Deletions(watch.left, failure, is_final=watch.cycle_ended and not watch.left)


class _Watch:
    """What the job and its log show, look by look."""

    def __init__(
        self, graph: GraphClient, key: str, plan: Deprovisioning, service_principal_id: str, began_at: datetime | None
    ) -> None:
        self._graph, self._key, self._plan, self._principal_id = graph, key, plan, service_principal_id
        self._began_at = began_at
        self._after = began_at - _LOG_OVERLAP if began_at else graph.now() - _EARLIER_RUN
        self._accounts: Mapping[str, AccountChange] = plan.accounts
        self.cycle_ended = False

    @property
    def left(self) -> tuple[str, ...]:
        """Who is still there according to the log."""
        return replace(self._plan, accounts=self._accounts).present

    async def look(self) -> Deletions | None:
        """Return the result once the cycle has ended; None before."""
        job_id = (self._plan.job and self._plan.job.job_id) or ""
        job = assess_job(await self._graph.synchronization.get_job(self._principal_id, job_id))
        self._accounts = await follow_accounts(self._graph, self._plan.accounts, self._principal_id, self._after)
        # A cycle that began before the restart still had people in its scope.
        if job.last_began is None or (self._began_at and job.last_began < self._began_at):
            return None
        self.cycle_ended = True
        now = replace(self._plan, job=job, accounts=self._accounts, assigned=(), settings={})
        if job.state == "quarantined":
            blocked = replace(now, refused_by_target=job.error_message or job.reason or "the job is in quarantine")
            failure = blocked.explain_guests_stay(self._key) if blocked.is_blocked else None
            return Deletions(self.left, failure, is_final=True)
        return None if now.needed else Deletions()
