"""One cycle: the people in its scope compared with those that the target system has, and the counts of an execution."""

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

from graph_emulator.clock import NEVER, guid, share, to_ticks, write_ticks
from graph_emulator.directory.gallery import Template
from graph_emulator.directory.people import People

COUNTS = (
    "countEntitled",
    "countEntitledForProvisioning",
    "countEscrowed",
    "countEscrowedRaw",
    "countExported",
    "countExports",
    "countImported",
    "countImportedDeltas",
    "countImportedReferenceDeltas",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome for one user or group in a cycle."""

    subject_type: str
    subject: dict[str, Any]
    action: str
    status: str
    error: str | None = None


@dataclass(slots=True)
class Execution:
    """One cycle, running or completed."""

    job_id: str
    life: int
    """The number of the job among those that have had this id."""
    number: int
    initial: bool
    began: float
    ends: float
    outcomes: list[Outcome] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    error: dict[str, Any] | None = None

    @property
    def cycle_id(self) -> str:
        """The cycle id in the events of this cycle."""
        return guid(self.job_id, self.life, "cycle", self.number)

    @property
    def state(self) -> str:
        """The result of the cycle, in Graph's terms."""
        if self.error:
            return "Failed"
        # Failing entries are no failure of the cycle.
        return "EntryLevelErrors" if self.counts.get("countEscrowed") else "Succeeded"

    def outcome_at(self, position: int) -> float:
        """When the outcome at a position happens: they are spread over the cycle."""
        return self.began + (position + 1) / (len(self.outcomes) + 1) * (self.ends - self.began)

    def still_to_come(self, now: float) -> list[str]:
        """The types of the objects that the cycle will create later than now."""
        added = ((n, o) for n, o in enumerate(self.outcomes) if (o.action, o.status) == ("create", "success"))
        return [outcome.subject_type for position, outcome in added if self.outcome_at(position) > now]

    def as_graph(self) -> dict[str, Any]:
        """The execution in a job's status."""
        return {
            "activityIdentifier": self.cycle_id,
            **{name: self.counts.get(name, 0) for name in COUNTS},
            "error": self.error,
            "state": self.state,
            "timeBegan": write_ticks(to_ticks(self.began)),
            "timeEnded": write_ticks(to_ticks(self.ends)),
        }


def ended(execution: Execution) -> dict[str, Any]:
    """The last successful execution in the status of a healthy job: it has an end, but no beginning.

    https://github.com/MicrosoftDocs/azure-docs active-directory/cloud-provisioning/concept-attributes.md, 2019-12-02
    """
    # On Microsoft's page a healthy job's last success has its real end, but begins in the year 1.
    return {**execution.as_graph(), "activityIdentifier": None, "state": "Succeeded", "timeBegan": NEVER}


def never_began() -> dict[str, Any]:
    """The execution in the status of a started job before its first cycle: it looks like a failure but is not."""
    return {
        "activityIdentifier": None,
        **dict.fromkeys(COUNTS, 0),
        "error": {"code": "None", "message": "", "tenantActionable": False},  # on Microsoft's page of a started job
        "state": "Failed",
        "timeBegan": NEVER,
        "timeEnded": NEVER,
    }


Subject = tuple[str, dict[str, Any]]


def in_scope(people: People, assignments: list[dict[str, Any]], *, all_in_scope: bool) -> dict[str, Subject]:
    """The users and groups in scope by id; members of an assigned group count, nested groups do not."""
    if all_in_scope:
        return {
            **{id_: ("User", user) for id_, user in people.users.items()},
            **{id_: ("Group", group) for id_, group in people.groups.items()},
        }
    found: dict[str, Subject] = {}
    for assignment in assignments:
        subject = people.find(assignment["principalId"])
        if subject is None:
            continue
        found[assignment["principalId"]] = subject
        # One level only: Entra does not expand nested groups.
        for member in people.members.get(assignment["principalId"], ()):
            found.setdefault(member, ("User", people.users[member]))
    return found


def syncs_all(secrets: dict[str, str]) -> bool:
    """Whether all are in scope: the secret `SyncAll`; by default only the assigned ones are."""
    return secrets.get("SyncAll", "").lower() == "true"  # scope, too, is kept among the secrets


@dataclass(frozen=True, slots=True)
class DeletionRules:
    """What happens to users and groups that leave the scope."""

    skip: bool
    threshold: int | None

    @classmethod
    def of(cls, secrets: dict[str, str]) -> "DeletionRules":
        """The rules, which are stored as secrets; notification settings are JSON in a string."""
        skip = secrets.get("SkipOutOfScopeDeletions", "").lower() == "true"
        try:
            settings = json.loads(secrets.get("SyncNotificationSettings") or "{}")
        except ValueError:
            settings = {}
        threshold = None
        if isinstance(settings, dict) and settings.get("DeleteThresholdEnabled") is True:
            value = settings.get("DeleteThresholdValue")
            # The number in Microsoft's samples.
            threshold = value if isinstance(value, int) else 500
        return cls(skip, threshold)


FAILURES = (
    "EntryConflict",
    "SystemForCrossDomainIdentityManagementServiceIncompatible",
    "InsufficientRights",
    "DuplicateTargetEntries",
)
# https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-configure
INVITATION_REFUSED = "AzureActiveDirectoryForbidden"
PILOT_GROUP = "Self-service Pilot"  # one failure that is there on every run, for demos
UPDATED_SHARE = 0.02


@dataclass(slots=True)
class Target:
    """The people of this job in the target system, and those whose provisioning is to be retried."""

    present: dict[str, Subject] = field(default_factory=dict)
    escrowed: dict[str, int] = field(default_factory=dict)
    """The failed ones, with the number of the cycle that retries them."""
    skipped: set[str] = field(default_factory=set)
    outdated: set[str] = field(default_factory=set)
    """Those that no cycle has processed since the mappings changed."""


class Writer(Protocol):
    """Writes into the target system; each method returns the code of the error, if any."""

    def create(self, kind: str, subject: dict[str, Any]) -> str | None:
        """Create the object, or take over the one that exists."""

    def update(self, kind: str, subject: dict[str, Any]) -> str | None:
        """Change the mapped attributes."""

    def remove(self, kind: str, subject: dict[str, Any]) -> str | None:
        """Disable or delete the object."""


@dataclass(frozen=True, slots=True)
class CyclePlan:
    """The inputs of one cycle."""

    seed: int
    template: Template
    app_id: str
    scope: dict[str, Subject]
    deletions: DeletionRules
    force_deletes: bool
    failure_share: float
    eventful: bool
    writer: Writer | None = None
    """How the target system is written to, where it runs here; what it refuses fails."""
    guest_removal: str = "delete"

    def error_of(self, subject_id: str, subject: Subject, attempt: int) -> str | None:
        """The target system's reason for rejecting a user, if any; half of them are accepted at each retry."""
        kind, value = subject
        if kind == "Group" and self.template.slug == "box" and value["displayName"] == PILOT_GROUP:
            return "BoxEntryConflict"
        if share(self.seed, self.app_id, subject_id, "fails") >= self.failure_share:
            return None
        if attempt and share(self.seed, self.app_id, subject_id, attempt) < 0.5:  # half of the retries succeed
            return None
        if self.template.is_cross_tenant:
            return INVITATION_REFUSED
        return FAILURES[int(share(self.seed, self.app_id, subject_id, "why") * len(FAILURES))]


def run_cycle(plan: CyclePlan, execution: Execution, target: Target) -> bool:
    """Decide every outcome of a cycle and count it.

    Returns:
        False if the cycle must stop, because it would delete more than the threshold allows.
    """
    if plan.template.imports_roles:
        # The AWS connector imports roles, and its events are not in the provisioning log.
        execution.counts = {"countImported": len(imported_roles(plan.seed, plan.app_id))}
        return True
    outcomes = execution.outcomes
    for subject_id, subject in plan.scope.items():
        if outcome := _entering(plan, execution, target, subject_id, subject):
            outcomes.append(outcome)
    allowed = _leaving(plan, outcomes, target)
    target.outdated.clear()  # this cycle has processed all of them
    _count(plan, execution, target)
    return allowed


def _entering(
    plan: CyclePlan, execution: Execution, target: Target, subject_id: str, subject: Subject
) -> Outcome | None:
    kind, value = subject
    if subject_id in target.present:
        # People's attributes change at random; updates are exported only in incremental cycles.
        changed = plan.eventful and share(plan.app_id, execution.number, subject_id) < UPDATED_SHARE
        return update(plan, kind, value) if changed and not execution.initial else None
    if kind == "User" and not value["accountEnabled"]:
        # The log has one event for a skipped user, not one for each cycle.
        if subject_id in target.skipped:
            return None
        target.skipped.add(subject_id)
        return Outcome(kind, value, "other", "skipped", "EntrySynchronizationSkipped")
    # Not due for its next attempt.
    if target.escrowed.get(subject_id, 0) > execution.number:
        return None
    return provision(plan, target, subject_id, subject, execution.number)


def provision(plan: CyclePlan, target: Target, subject_id: str, subject: Subject, number: int) -> Outcome:
    """Create a user or group in the target system, or record why not, for a later cycle to retry."""
    kind, value = subject
    if kind == "User" and not value["accountEnabled"]:
        return Outcome(kind, value, "other", "skipped", "EntrySynchronizationSkipped")
    error = plan.error_of(subject_id, subject, target.escrowed.get(subject_id, 0))
    if error is None and plan.writer:
        error = plan.writer.create(kind, value)
    if error:
        # Retries become rarer, as in the service: after 1, 2, 4, 8 … cycles.
        target.escrowed[subject_id] = max(number * 2, number + 1)
        return Outcome(kind, value, "create", "failure", error)
    target.escrowed.pop(subject_id, None)
    target.present[subject_id] = subject
    return Outcome(kind, value, "create", "success")


def update(plan: CyclePlan, kind: str, value: dict[str, Any]) -> Outcome:
    """Update a user or group in the target system."""
    error = plan.writer.update(kind, value) if plan.writer else None
    return Outcome(kind, value, "update", "failure" if error else "success", error)


def _leaving(plan: CyclePlan, outcomes: list[Outcome], target: Target) -> bool:
    for forgotten in [id_ for id_ in target.escrowed if id_ not in plan.scope]:
        # Who has left the scope is not tried again.
        del target.escrowed[forgotten]
    target.skipped &= plan.scope.keys()  # who comes back is reported again
    if plan.deletions.skip:
        return True
    leaving = [id_ for id_ in target.present if id_ not in plan.scope]
    limit = plan.deletions.threshold
    # All or nothing: above the threshold not one of them is deleted, until a person allows it.
    if limit is not None and len(leaving) > limit and not plan.force_deletes:
        outcomes += [Outcome(*target.present[id_], "stagedDelete", "skipped", "TooManyDeletes") for id_ in leaving]
        return False
    for subject_id in leaving:
        kind, value = target.present[subject_id]
        error = plan.writer.remove(kind, value) if plan.writer else None
        if error is None:
            del target.present[subject_id]
        # Users are disabled first (soft delete); groups have no such state, and a tenant has a recycle bin.
        removal = plan.guest_removal if plan.template.is_cross_tenant else "disable"
        action = removal if kind == "User" else "delete"
        outcomes.append(Outcome(kind, value, action, "failure" if error else "success", error))
    return True


def _count(plan: CyclePlan, execution: Execution, target: Target) -> None:
    exports = [o for o in execution.outcomes if o.status in ("success", "failure")]
    disabled = sum(kind == "User" and not value["accountEnabled"] for kind, value in plan.scope.values())
    execution.counts = {
        "countEntitled": len(plan.scope),
        "countEntitledForProvisioning": len(plan.scope) - disabled,
        "countEscrowed": len(target.escrowed),
        "countEscrowedRaw": len(target.escrowed),
        "countExports": len(exports),
        "countExported": sum(o.status == "success" for o in exports),
        "countImported": len(plan.scope) if execution.initial else 0,  # an incremental cycle reads changes only
        "countImportedDeltas": 0 if execution.initial else len(execution.outcomes),
    }


def imported_roles(seed: int, app_id: str) -> list[str]:
    """The roles that the AWS connector imports from an account, as pairs of role and identity provider."""
    account = f"{int(share(seed, app_id, 'account') * 10**12):012d}"
    names = ["AdministratorAccess", "ReadOnlyAccess", "PowerUserAccess", "Billing", "SecurityAudit"]
    count = 2 + int(share(seed, app_id, "roles") * 4)
    provider = f"arn:aws:iam::{account}:saml-provider/EntraID"
    return [f"arn:aws:iam::{account}:role/{name},{provider}" for name in names[:count]]
