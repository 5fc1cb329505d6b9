"""The changes that bring the tenant in line with the fleet file."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from flows.errors import StepFailed
from flows.fleet_file.models import Instance
from flows.mappings.scope_filter import Selection
from flows.monitoring.health import TOO_MANY_DELETES, JobHealth
from flows.plan.outcome import InstanceOutcome
from flows.tenant.assignments import Assigned
from flows.tenant.recycle_bin import DeletedApplication

if TYPE_CHECKING:
    # It brings the store, which a plan can do without.
    from flows.monitoring.attribution import Attribution


class Action(StrEnum):
    """What an apply would do to one instance."""

    CREATE = "create"
    ADOPT = "adopt"
    UPDATE = "update"
    NONE = "none"
    CONFLICT = "conflict"


_DONE: Mapping[Action, str] = {
    Action.CREATE: "created",
    Action.ADOPT: "adopted",
    Action.UPDATE: "updated",
    Action.NONE: "unchanged",
    Action.CONFLICT: "failed",
}

DESCRIPTION = ("mark", "display_name", "notes", "service_management_reference")
"""Fields of the application object; one write changes them all."""

# Start and pause take one request each, and so do the whole set of secrets and the whole schema.
_WRITES = {"application": 1, "mark": 1, "credentials": 1, "job": 1, "mappings": 1, "job_state": 1}
"""Write requests, by field."""

NEVER_STARTED = frozenset({"missing", "created"})
"""States of a job that has not begun its work."""

UNFINISHED = ("job", "credentials", "job_state")
"""Fields that a first apply comes to last."""

_ONE_BY_ONE = {"assignments", "owners"}


@dataclass(frozen=True)
class FieldChange:
    """One difference from the fleet file."""

    field: str
    before: str | None
    after: str | None
    dangerous: bool = False
    """Whether users may gain or lose access."""
    members: int | None = None
    """Member count of the group that loses an assignment, if known."""
    danger: str = ""
    """What is dangerous about it, if known: scoping filter, matching attribute …"""
    origin: str = ""
    """For a mapping: what changed since it was last applied: the file, the tenant or both."""
    changed_by: "Attribution | None" = None
    """Who made it differ in the tenant, where the audit log says so."""

    def as_json(self) -> dict[str, Any]:
        """Return it as `plan --output json` prints it."""
        document: dict[str, Any] = {"field": self.field, "before": self.before, "after": self.after}
        if self.dangerous:
            document["dangerous"] = True
        if self.members is not None:
            document["members"] = self.members
        document |= {name: value for name in ("danger", "origin") if (value := getattr(self, name))}
        return document | {"changed_by": self.changed_by.as_json() if self.changed_by else None}


@dataclass(frozen=True)
class Conflict:
    """Why an instance is not changed."""

    code: str
    message: str
    hint: str
    step: str = "plan"
    """Where it was found."""


_UNKNOWN = JobHealth("missing")


@dataclass(frozen=True)
class InstancePlan:
    """The plan for one instance; all that the steps need."""

    fleet: str
    instance: Instance
    action: Action
    template_id: str = ""
    changes: tuple[FieldChange, ...] = ()
    health: JobHealth = _UNKNOWN
    paused_by: Literal["us", "someone"] | None = None
    """Who paused the job, if it is paused: us if the journal says so, else someone."""
    changed_by: "Attribution | None" = None
    """Who that someone is, where the audit log says so."""
    settings_read: bool = False
    """Whether Graph showed the saved settings, which takes the permission to write them."""
    credentials: Mapping[str, Literal["known", "unknown"]] = field(default_factory=dict)
    """Saved credentials in the file; known if the store has their fingerprint."""
    removals: tuple[Assigned, ...] = ()
    """The assignments to remove; no others are, even if more are added meanwhile."""
    pending: tuple[str, ...] = ()
    """What is left to a later apply: assignments to roles not imported yet, or all until the target allows it."""
    warnings: tuple[str, ...] = ()
    app_id: str | None = None
    application_id: str | None = None
    service_principal_id: str | None = None
    job_id: str | None = None
    job_template_id: str = ""
    """Id of the job's synchronization template, if there is a job."""
    schema_digest: str | None = None
    """Digest of the schema that the mappings were compared with."""
    selections: tuple[Selection, ...] = ()
    """Estimated number of users for each changed scoping filter."""
    conflict: Conflict | None = None

    @property
    def key(self) -> str:
        """The key of the instance."""
        return self.instance.key

    @property
    def needed(self) -> bool:
        """Whether an apply would do anything to the instance."""
        return self.action in {Action.CREATE, Action.ADOPT, Action.UPDATE}

    @property
    def is_unfinished(self) -> bool:
        """Whether an earlier apply began the instance and did not come to its end."""
        if self.action is Action.ADOPT:
            # Found by the name it was created under, and not named in `adopt`.
            return self.instance.adopt is None
        return self.action is Action.UPDATE and self.health.state in NEVER_STARTED and self.touches(*UNFINISHED)

    def outcome(self) -> InstanceOutcome:
        """Return the outcome if all goes well; a conflict has failed already."""
        outcome = InstanceOutcome(
            self.key,
            _DONE[self.action],
            self.application_id,
            self.service_principal_id,
            self.job_id,
            self.health.state if self.job_id else None,
            pending=self.pending,
            app_id=self.app_id,
        )
        if self.conflict:
            conflict = self.conflict
            outcome.fail(StepFailed(conflict.code, conflict.message, conflict.hint, step=conflict.step))
        return outcome

    def touches(self, *areas: str) -> bool:
        """Return whether a change is in one of `areas`; `credentials` covers all `credentials.…`."""
        return any(change.field.partition(".")[0] in areas for change in self.changes)

    def touches_field(self, *names: str) -> bool:
        """Return whether one of these fields changes."""
        return any(change.field in names for change in self.changes)

    @property
    def writes(self) -> int:
        """Number of write requests an apply would send."""
        areas = [_area(change.field) for change in self.changes if not change.field.startswith(_COUNTED_APART)]
        counted = sum(area in _ONE_BY_ONE for area in areas) + sum(_WRITES[area] for area in set(areas) - _ONE_BY_ONE)
        # Credentials are validated before they are saved, and at the latest before a first start.
        begins = any(each.field == "job_state" and each.after == "running" for each in self.changes)
        first = begins and not self.health.has_run
        counted += _count_sign_on_writes(self.changes) + _count_policy_writes(self.changes)
        return counted + (first or (self.touches("credentials") and bool(self.instance.credentials)))

    @property
    def held(self) -> bool:
        """Whether a pause by someone else keeps the job from running as the file says."""
        return self.paused_by == "someone" and self.instance.job == "running" and not self.touches("job_state")

    @property
    def unwell(self) -> bool:
        """Whether the job needs attention, even without changes from the file."""
        return self.health.is_ailing or self.held

    @property
    def condition(self) -> str:
        """Job state in a short phrase."""
        who = self.changed_by.summary if self.changed_by else "someone"
        state = f"{self.health.state} by {who}" if self.held else self.health.state
        if self.held and self.health.held_by != TOO_MANY_DELETES:
            state += "; resume with --force"
        return ": ".join(filter(None, (state, ", ".join(self.health.remarks))))

    @property
    def digest(self) -> str:
        """SHA-256 of the changes, their targets, and the instance in the file; excludes health and time."""
        done: dict[str, Any] = {
            "action": self.action,
            "changes": [[change.field, change.before, change.after] for change in self.changes],
            # The assignments themselves: another one of the same user was not reviewed.
            "removals": [each.assignment_id for each in self.removals],
            "conflict": self.conflict.code if self.conflict else None,
            # By id: an application that was deleted and created again is another target.
            "ids": [self.template_id, self.application_id, self.service_principal_id, self.job_id],
            "instance": self.instance.model_dump(mode="json"),  # also what the plan does not show, such as references
        }
        if self.touches("mappings"):
            # The reviewer has seen everything that is replaced.
            done["schema"] = self.schema_digest
        return hashlib.sha256(json.dumps(done, sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return it as `plan --output json` prints it."""
        document: dict[str, Any] = {
            "key": self.key,
            "action": str(self.action),
            "changes": [change.as_json() for change in self.changes],
            "credentials": dict(self.credentials),
            "pending": list(self.pending),
            "warnings": list(self.warnings),
            "health": self.health.as_json()
            | {"paused_by": self.paused_by, "changed_by": self.changed_by.as_json() if self.changed_by else None},
        }
        return document | ({"conflict": vars(self.conflict)} if self.conflict else {})


_COUNTED_APART = ("sso.", "target.", "source.")


def _count_policy_writes(changes: Iterable[FieldChange]) -> int:
    # One request sets users and groups.
    fields = {each.field.replace("target.groups", "target.users") for each in changes}
    return sum(each.startswith(("target.", "source.")) for each in fields)


_SIGN_ON_OF_APPLICATION = {"sso.identifiers", "sso.reply_urls"}
_FIRST_CERTIFICATE = "sso.certificate"
_CLAIMS = "sso.claims"
SHARED_CLAIMS = frozenset({"sso.claims.definition", "sso.claims.name"})
"""Fields of a claims policy, which one write changes for all instances that name it."""


def _count_sign_on_writes(changes: Iterable[FieldChange]) -> int:
    fields = [each for each in changes if each.field.startswith("sso.")]
    certificate = sum(2 if each.before is None else 1 for each in fields if each.field == _FIRST_CERTIFICATE)
    application = any(each.field in _SIGN_ON_OF_APPLICATION for each in fields)
    others = {*_SIGN_ON_OF_APPLICATION, _FIRST_CERTIFICATE, _CLAIMS, *SHARED_CLAIMS}
    principal = any(each.field not in others for each in fields)
    # One is taken off before another is assigned.
    claims = sum((each.before is not None) + (each.after is not None) for each in fields if each.field == _CLAIMS)
    policy = any(each.field in SHARED_CLAIMS for each in fields)
    # Graph removes only roles that were disabled by a request before.
    removes = any(each.field.startswith("sso.roles.") and each.after is None for each in fields)
    return certificate + application + principal + removes + claims + policy


def _area(name: str) -> str:
    area = name.partition(".")[0]
    return "mark" if area in DESCRIPTION else area


@dataclass(frozen=True)
class Orphan:
    """An application with the fleet's tag that is not in the fleet file."""

    key: str
    display_name: str
    application_id: str | None
    service_principal_id: str | None


@dataclass(frozen=True)
class Plan:
    """The plan for a fleet."""

    fleet: str
    tenant_id: str
    instances: tuple[InstancePlan, ...]
    orphans: tuple[Orphan, ...]
    deleted: tuple[DeletedApplication, ...] = ()
    """Deleted applications of instances to be created, which can still be restored."""
    existing: int = 0
    """Number of existing instances in the whole fleet file."""

    @property
    def writes(self) -> int:
        """Number of write requests an apply would send."""
        changed = [each.instance.sso for each in self.instances if each.touches_field(*SHARED_CLAIMS)]
        policies = [sso.claims.name for sso in changed if sso and sso.claims]
        # Each instance's own number has the write to its policy, which is sent once for all.
        return sum(instance.writes for instance in self.instances) - len(policies) + len(set(policies))

    @property
    def has_changes(self) -> bool:
        """Whether there are changes or conflicts."""
        return any(instance.action is not Action.NONE for instance in self.instances)

    @property
    def has_conflicts(self) -> bool:
        """Whether apply would leave an instance alone, and fail."""
        return any(instance.conflict for instance in self.instances)

    @property
    def digest(self) -> str:
        """SHA-256 of the plan; equal as long as an apply would do the same."""
        done = [self.fleet, self.tenant_id, *(f"{each.key} {each.digest}" for each in self.instances)]
        return hashlib.sha256("\n".join(done).encode()).hexdigest()

    def count(self) -> dict[str, int]:
        """Return the number of instances by action, for every action."""
        counted = Counter(str(instance.action) for instance in self.instances)
        return {str(action): counted[str(action)] for action in Action}

    def as_json(self) -> dict[str, Any]:
        """Return what `plan --output json` prints."""
        return {
            "fleet": self.fleet,
            "writes": self.writes,
            "digest": self.digest,
            "instances": [instance.as_json() for instance in self.instances],
            "orphans": [vars(orphan) for orphan in self.orphans],
            "deleted": [each.as_json() for each in self.deleted],
        }
