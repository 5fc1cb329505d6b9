"""What has to change in the tenant for it to be as the fleet file says."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flows.monitoring.health import JobHealth
from flows.reconcile.fleet import Instance


class Action(StrEnum):
    """What an apply would do to one instance."""

    CREATE = "create"
    ADOPT = "adopt"
    UPDATE = "update"
    NONE = "none"
    CONFLICT = "conflict"


DESCRIPTION = ("mark", "display_name", "notes", "service_management_reference")
"""Fields of the application itself; one write changes them all."""

_WRITES = {"application": 1, "mark": 1, "credentials": 2, "job": 1, "job_state": 1}
"""Requests that change something, by field; credentials are validated and saved."""

_ONE_BY_ONE = {"assignments", "owners"}


@dataclass(frozen=True)
class FieldChange:
    """One thing that is not as the fleet file says."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Conflict:
    """Why an instance is left alone."""

    code: str
    message: str
    hint: str
    step: str = "plan"
    """Where it was found."""


_UNKNOWN = JobHealth("missing")


@dataclass(frozen=True)
class InstancePlan:
    """What is to be done for one instance; the steps need nothing else."""

    fleet: str
    instance: Instance
    action: Action
    template_id: str = ""
    changes: tuple[FieldChange, ...] = ()
    health: JobHealth = _UNKNOWN
    application_id: str | None = None
    service_principal_id: str | None = None
    job_id: str | None = None
    conflict: Conflict | None = None

    @property
    def key(self) -> str:
        """The key of the instance."""
        return self.instance.key

    def touches(self, *areas: str) -> bool:
        """Tell whether a change is among `areas`; `credentials` stands for all of `credentials.…`."""
        return any(change.field.partition(".")[0] in areas for change in self.changes)

    @property
    def writes(self) -> int:
        """How many requests that change something an apply would send."""
        areas = [_area(change.field) for change in self.changes]
        return sum(area in _ONE_BY_ONE for area in areas) + sum(_WRITES[area] for area in set(areas) - _ONE_BY_ONE)

    def as_json(self) -> dict[str, Any]:
        """Return what `plan --output json` prints of it."""
        document: dict[str, Any] = {
            "key": self.key,
            "action": str(self.action),
            "changes": [vars(change) for change in self.changes],
            "health": self.health.as_json(),
        }
        return document | ({"conflict": vars(self.conflict)} if self.conflict else {})


def _area(field: str) -> str:
    area = field.partition(".")[0]
    return "mark" if area in DESCRIPTION else area


@dataclass(frozen=True)
class Orphan:
    """An application that bears the fleet's mark but stands in no fleet file."""

    key: str
    display_name: str
    application_id: str | None
    service_principal_id: str | None


@dataclass(frozen=True)
class Plan:
    """What is to be done for a fleet."""

    fleet: str
    tenant_id: str
    instances: tuple[InstancePlan, ...]
    orphans: tuple[Orphan, ...]

    @property
    def writes(self) -> int:
        """How many requests that change something an apply would send."""
        return sum(instance.writes for instance in self.instances)

    @property
    def has_changes(self) -> bool:
        """Whether anything is to be done, or stands in the way of it."""
        return any(instance.action is not Action.NONE for instance in self.instances)

    def count(self) -> dict[str, int]:
        """Return the number of instances by action, for every action."""
        counted = Counter(str(instance.action) for instance in self.instances)
        return {str(action): counted[str(action)] for action in Action}

    def as_json(self) -> dict[str, Any]:
        """Return what `plan --output json` prints."""
        return {
            "fleet": self.fleet,
            "writes": self.writes,
            "instances": [instance.as_json() for instance in self.instances],
            "orphans": [vars(orphan) for orphan in self.orphans],
        }
