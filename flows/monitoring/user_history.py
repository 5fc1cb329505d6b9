"""The history of one user or group over the fleets, from the store."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows.formatting import format_iso
from flows.monitoring.audit_trail import RoleImport, read_role_imports
from flows.monitoring.instances import Instance, group_by_principal
from flows.monitoring.triage import Explanation, explain_error
from flows.store import ApplicationHistory, Coverage, Identity, JobObservation, Store, StoredOnDemandResult


@dataclass(frozen=True)
class HistoryEntry:
    """The state of one user or group in one application: what the log says, and what it means."""

    history: ApplicationHistory
    instance: Instance | None
    """None for an application of no fleet."""
    explanation: Explanation | None
    """None where there is nothing to explain."""
    other_jobs: Sequence[JobObservation] = ()
    """Further jobs of the application, which the log does not tell apart by their application alone."""

    @property
    def name(self) -> str:
        """The key of the instance, or else the name of the application."""
        return (
            self.instance.label
            if self.instance
            else self.history.service_principal_name or self.history.service_principal_id or "?"
        )

    @property
    def job(self) -> JobObservation | None:
        """The job as last seen."""
        return self.instance.job if self.instance else None

    def as_json(self) -> dict[str, Any]:
        """Return what `why --output json` prints of it."""
        history, instance = self.history, self.instance
        return {
            "key": instance.command_key if instance else None,
            "fleet": (instance.fleet or None) if instance else None,
            "job_state": self.job.state if self.job else None,
            "other_jobs": [{"job_id": job.job_id, "job_state": job.state} for job in self.other_jobs],
            "service_principal_id": history.service_principal_id,
            "service_principal_name": history.service_principal_name,
            "last": {
                "at": format_iso(history.activity_at),
                "action": history.action,
                "status": history.status,
                "error_code": history.error_code,
                "reason": history.reason,
                "additional_details": history.last.additional_details,
                "recommended_action": history.recommended_action,
                "skip_reason": history.last.skip_reason,
                "step": asdict(history.last.step) if history.last.step else None,
            },
            "failures": history.failures,
            "failing_since": format_iso(history.failing_since),
            "last_success": format_iso(history.last_success_at),
            "explanation": self.explanation.as_json() if self.explanation else None,
        }


@dataclass(frozen=True)
class TriedOnDemand:
    """The result of provisioning a user or group on demand, and whether the log in the store has an event of it."""

    result: StoredOnDemandResult
    logged: bool

    def as_json(self) -> dict[str, Any]:
        """Return what `why --output json` prints of it."""
        result = self.result
        return {
            "at": format_iso(result.tried_at),
            "fleet": result.fleet,
            "key": result.key,
            "outcome": result.outcome,
            "error_code": result.error_code,
            "reason": result.reason,
            "logged": self.logged,
        }


@dataclass(frozen=True)
class UserHistory:
    """What happened to one user or group."""

    identity: Identity
    chapters: Sequence[HistoryEntry]
    unseen: Sequence[JobObservation]
    """Instances that have no event about them."""
    coverage: Sequence[Coverage]
    trials: Sequence[TriedOnDemand] = ()
    """What was tried on demand, the newest first."""
    role_imports: Sequence[RoleImport] = ()
    """Roles that the connector imported into these applications, the newest first."""

    def as_json(self) -> dict[str, Any]:
        """Return what `why --output json` prints."""
        return {
            "user": asdict(self.identity),
            "applications": [chapter.as_json() for chapter in self.chapters],
            "unseen": [{"fleet": job.fleet, "key": job.key, "job_state": job.state} for job in self.unseen],
            "harvest": [coverage_json(each) for each in self.coverage],
            "on_demand": [each.as_json() for each in self.trials],
            "role_imports": [each.as_json() for each in self.role_imports],
        }


def read_user_history(
    store: Store, identity: Identity, instances: Sequence[Instance], *, everywhere: bool
) -> UserHistory:
    """Return what happened to a user or group.

    Args:
        store: The store.
        identity: Whose story.
        instances: The instances of interest.
        everywhere: Whether applications of no fleet are of interest as well.

    Raises:
        StoreError: The store cannot be read.
    """
    by_principal = group_by_principal(instances)
    chapters = []
    for history in store.stories.of(identity):
        first, *others = by_principal.get(history.service_principal_id or "", (None,))
        if first or everywhere:
            further = tuple(each.job for each in others if each and each.job)
            chapters.append(HistoryEntry(history, first, _explanation(history, first), further))
    known = {chapter.history.service_principal_id for chapter in chapters}
    # A user who is in none of a fleet's logs should perhaps be; for unmanaged jobs it cannot be said.
    silent = [each for each in instances if each.fleet and each.service_principal_id not in known]
    jobs = [each.job for each in silent if each.job]
    unseen = [job for job in jobs if job.tenant_id == identity.tenant_id]
    results = [each for each in store.on_demand.of(identity) if everywhere or each.service_principal_id in by_principal]
    logged = store.on_demand.logged(results)
    trials = [TriedOnDemand(each, each.change_id in logged) for each in results]
    principals = {chapter.history.service_principal_id for chapter in chapters} | set(by_principal)
    imports = read_role_imports(store, {each for each in principals if each})
    return UserHistory(identity, chapters, unseen, store.coverage(), trials, imports)


def coverage_json(coverage: Coverage) -> dict[str, Any]:
    """Return what commands print of how far a log is in the store."""
    gaps = [{"reason": gap.reason, "start": format_iso(gap.start), "end": format_iso(gap.end)} for gap in coverage.gaps]
    return {
        "tenant_id": coverage.tenant_id,
        "scope": coverage.scope,
        "watermark": format_iso(coverage.watermark),
        "gaps": gaps,
    }


def _explanation(history: ApplicationHistory, instance: Instance | None) -> Explanation | None:
    code = history.last.skip_reason or history.error_code
    if code is None and not history.failed:
        return None
    words = " ".join(filter(None, (history.reason, history.last.step.description if history.last.step else None)))
    key = instance.command_key if instance else None
    return explain_error(code, history.recommended_action, key, reason=words, details=history.last.details)
