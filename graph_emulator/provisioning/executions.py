"""Executions: the counters of a cycle, and the outcomes behind them."""

from dataclasses import dataclass, field
from typing import Any

from graph_emulator.clock import NEVER, guid, to_ticks, write_ticks

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
    return {**execution.as_graph(), "activityIdentifier": None, "state": "Succeeded", "timeBegan": NEVER}


def never_began() -> dict[str, Any]:
    """The execution in the status of a started job before its first cycle: it looks like a failure but is not."""
    return {
        "activityIdentifier": None,
        **dict.fromkeys(COUNTS, 0),
        "error": {"code": "None", "message": "", "tenantActionable": False},
        "state": "Failed",
        "timeBegan": NEVER,
        "timeEnded": NEVER,
    }
