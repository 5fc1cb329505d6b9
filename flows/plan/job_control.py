"""Planning the start, pause or restart of jobs."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from flows.errors import StepFailed
from flows.fleet_file.models import Fleet, Instance
from flows.monitoring.health import TOO_MANY_DELETES, UNREADABLE, JobState, assess_job
from flows.monitoring.own_job import OwnJob, find_own_job, other_jobs
from flows.plan.diff import select_instances
from flows.plan.outcome import InstanceOutcome
from flows.plan.plan import FieldChange
from flows.tenant.instance_state import ObservedInstance
from flows.tenant.observe import find_owned_applications, format_two_applications
from graph_client import GraphClient, Resources
from graph_client.models import SynchronizationJob
from graph_client.parallel import gather


class ResetScope(StrEnum):
    """Graph's reset scopes.

    Source: https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationjobrestartcriteria
    """

    QUARANTINE_STATE = "QuarantineState"
    WATERMARK = "Watermark"
    ESCROWS = "Escrows"
    CONNECTOR_DATA_STORE = "ConnectorDataStore"
    FULL = "Full"
    FORCE_DELETES = "ForceDeletes"
    NONE = "None"


SAFE = ResetScope.QUARANTINE_STATE
"""Lifts a quarantine and resets nothing else: the next cycle continues where the last one ended."""

_DANGERS = {
    ResetScope.WATERMARK: "reads and evaluates every object again, in an initial cycle that may take hours",
    ResetScope.ESCROWS: "stops retrying failed objects, unless Watermark is reset too",
    ResetScope.CONNECTOR_DATA_STORE: "clears the cache of all users; use it only if Microsoft support asks for it",
    ResetScope.FULL: "combines Watermark, Escrows and ConnectorDataStore",
    ResetScope.NONE: "must not be used according to Microsoft; jobs start resumes a job",
}


def reset_scope(wanted: Collection[ResetScope], *, force: bool) -> str:
    """Return the reset scope as Graph takes it; by default, the one that only lifts quarantines.

    Raises:
        StepFailed: One of them needs --force, or is never allowed.
    """
    # In Graph's order, whatever order they were given in.
    scopes = [scope for scope in ResetScope if scope in wanted] or [SAFE]
    if ResetScope.FORCE_DELETES in scopes:
        raise StepFailed(
            "ResetRefused",
            "ForceDeletes carries out the deletions held by the delete threshold, which only a person may decide.",
            "In the portal: Enterprise applications > the application > Provisioning > Allow deletes.",
            step="restart-job",
        )
    dangers = [f"{scope} {_DANGERS[scope]}" for scope in scopes if scope in _DANGERS]
    if dangers and not force:
        raise StepFailed(
            "ResetRefused",
            f"A reset of {' and '.join(scope for scope in scopes if scope in _DANGERS)} needs --force.",
            f"{'; '.join(dangers)}.",
            step="restart-job",
        )
    return ", ".join(scopes)  # Graph's flags: comma and space


Verb = Literal["start", "pause", "restart"]
DONE: dict[Verb, str] = {"start": "started", "pause": "paused", "restart": "restarted"}


@dataclass(frozen=True)
class JobControl:
    """The planned action on the job of one instance."""

    key: str
    verb: Verb
    state: JobState
    application_id: str | None = None
    service_principal_id: str = ""
    job_id: str = ""
    reset_scope: str | None = None
    needed: bool = True
    """Whether there is anything to do."""
    refusal: StepFailed | None = None
    """Why it is refused."""
    has_run: bool = False
    """Whether the job has ever started a cycle."""
    others: tuple[str, ...] = ()
    """Ids of jobs that someone else added to the service principal; they are never changed."""

    @property
    def warning(self) -> str | None:
        """The warning about jobs of others."""
        return f"{self.key}: its service principal has {other_jobs(self.others)}" if self.others else None

    @property
    def action(self) -> str:
        """What the journal calls it."""
        return self.verb

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """The changes for the journal."""
        after = "paused" if self.verb == "pause" else "running"
        return (FieldChange("job_state", self.state, after),) if self.needed else ()

    def outcome(self) -> InstanceOutcome:
        """Return the outcome."""
        done = DONE[self.verb] if self.needed else "unchanged"
        ids = (self.application_id, self.service_principal_id or None, self.job_id or None)
        outcome = InstanceOutcome(self.key, done, *ids, job_state=self.state)
        if self.refusal:
            outcome.fail(self.refusal)
        return outcome


async def plan_job_controls(
    graph: GraphClient, fleet: Fleet, verb: Verb, only: Collection[str] | None, scope: str, *, force: bool
) -> list[JobControl]:
    """Read the jobs of a fleet, and plan `verb` for each.

    Args:
        graph: A signed-in client.
        fleet: The fleet.
        verb: The requested action.
        only: Keys of the instances; None for all.
        scope: Reset scope of a restart.
        force: Whether to restart jobs paused by someone else.

    Raises:
        UnknownKey: A key in `only` is not in the fleet file.
        GraphError: A read failed after all retries.
    """
    wanted = select_instances(fleet, only)
    owned = await find_owned_applications(graph, fleet)

    async def planned(instance: Instance) -> JobControl:
        found = owned.of(instance.key, instance)
        if len(found) != 1:
            return JobControl(instance.key, verb, "missing", needed=False, refusal=_nowhere(instance.key, found))
        try:
            own = await _own_job(graph.batched, found[0], instance)
        except UNREADABLE as error:
            unknown = replace(_control(instance.key, verb, found[0], OwnJob()), state="unknown")
            return replace(unknown, refusal=StepFailed.of("find-job", error))
        control = _control(instance.key, verb, found[0], own)
        try:
            needed = decide_control(instance.key, verb, own.job, scope, force=force)
        except StepFailed as refusal:
            return replace(control, refusal=refusal)
        return replace(control, reset_scope=scope if verb == "restart" else None, needed=needed)

    return list(await gather(*map(planned, wanted)))


def decide_control(key: str, verb: Verb, job: SynchronizationJob | None, scope: str, *, force: bool) -> bool:
    """Return whether the job needs the action.

    Raises:
        StepFailed: The action is refused.
    """
    if job is None:
        raise _refused("JobMissing", f"{key} has no provisioning job.", "Apply first.", verb)
    health = assess_job(job)
    # A job paused in quarantine shows as paused.
    state, reason = health.state, health.held_by
    halted = (job.schedule.state if job.schedule else None) in {"Paused", "Disabled"}
    if verb == "pause":
        # Pausing twice does no harm, but would be in the journal as a pause of ours.
        return not (halted or state in {"paused", "created"})
    # Only a person may let held deletions through, so not even --force lifts this.
    if reason == TOO_MANY_DELETES:
        raise _held_deletions(key, verb)
    if verb == "start":
        if reason:
            hint = "Fix the cause (entra-fleet monitor shows it), then run: entra-fleet jobs restart."
            raise _refused("Quarantined", f"The job of {key} is in quarantine ({reason}).", hint, verb)
        return state in {"paused", "created"}
    if not reason and state == "created":
        raise _refused(
            "NeverStarted", f"The job of {key} has never been started.", "Start it with entra-fleet jobs start.", verb
        )
    # A restart resumes, too.
    if not reason and state == "paused" and not force:
        hint = "Resume it with entra-fleet jobs start, or restart it with --force."
        raise _refused("Paused", f"The job of {key} was paused by someone else.", hint, verb)
    return bool(reason) or scope != SAFE or state == "paused"


def _held_deletions(key: str, verb: Verb) -> StepFailed:
    return _refused(
        "TooManyDeletes",
        f"The job of {key} is held because it would delete too many accounts; entra-fleet never overrides that.",
        "In the portal, open Provisioning of the application and check the logs for who would be deleted.\n"
        "Then choose Allow deletes, or bring them back into scope and choose Restart provisioning.",
        verb,
    )


def _refused(code: str, message: str, hint: str, verb: Verb) -> StepFailed:
    return StepFailed(code, message, hint, step=f"{verb}-job")


def _nowhere(key: str, found: tuple[ObservedInstance, ...]) -> StepFailed:
    if found:
        return format_two_applications(key, [item.application_id or item.app_id for item in found])
    return StepFailed("NotCreated", f"No application has the ownership tag of {key}.", "Apply first.", step="find")


async def _own_job(graph: Resources, item: ObservedInstance, instance: Instance) -> OwnJob:
    if item.service_principal_id is None:
        return OwnJob()
    return await find_own_job(graph, item.service_principal_id, instance.synchronization_template)


def _control(key: str, verb: Verb, item: ObservedInstance, own: OwnJob) -> JobControl:
    health = assess_job(own.job)
    return JobControl(
        key,
        verb,
        health.state,
        item.application_id,
        item.service_principal_id or "",
        own.job.id if own.job else "",
        needed=False,
        has_run=health.has_run,
        others=tuple(sorted(job.id for job in own.others)),
    )
