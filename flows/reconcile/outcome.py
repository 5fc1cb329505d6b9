"""What a command did, per instance and in all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.reconcile.plan import Action, InstancePlan
from flows.reconcile.steps.application import Placed
from flows.reconcile.steps.failure import StepFailed

if TYPE_CHECKING:
    from flows.reconcile.rollout_report import RolloutReport

_DONE = {
    Action.CREATE: "created",
    Action.ADOPT: "adopted",
    Action.UPDATE: "updated",
    Action.NONE: "unchanged",
    Action.CONFLICT: "failed",
}
APPLIED = tuple(_DONE.values())
"""What an apply can do to an instance, in the order of its summary."""


@dataclass(repr=False)
class InstanceOutcome:
    """What was done for one instance; filled in as its steps go by, so that a failure shows how far it came."""

    key: str
    outcome: str
    application_id: str | None = None
    service_principal_id: str | None = None
    job_id: str | None = None
    job_state: str | None = None
    failure: StepFailed | None = None
    pending: tuple[str, ...] = ()
    """Assignments that a later apply finishes, once their roles have been imported."""
    app_id: str | None = None

    @classmethod
    def of(cls, plan: InstancePlan) -> "InstanceOutcome":
        """Return the outcome that `plan` will have if all goes well; a conflict has failed already."""
        outcome = cls(
            plan.key,
            _DONE[plan.action],
            plan.application_id,
            plan.service_principal_id,
            plan.job_id,
            plan.health.state if plan.job_id else None,
            pending=plan.pending,
            app_id=plan.app_id,
        )
        if plan.conflict:
            conflict = plan.conflict
            outcome.fail(StepFailed(conflict.code, conflict.message, conflict.hint, step=conflict.step))
        return outcome

    def place(self, placed: Placed) -> None:
        """Note the ids of the application and its service principal."""
        self.application_id = placed.application_id
        self.service_principal_id = placed.service_principal_id
        self.app_id = placed.app_id

    def fail(self, failure: StepFailed) -> None:
        """Note that a step failed."""
        self.outcome = "failed"
        self.failure = failure

    def __repr__(self) -> str:
        # Prefect logs it with the state of the task, beside the failure's own words.
        failure = self.failure
        where = f" at {failure.step}, request-id {failure.request_id or 'none'}" if failure else ""
        return f"<{self.key} {self.outcome}{where}>"

    def as_json(self) -> dict[str, Any]:
        """Return what `apply --output json` prints of it."""
        return {
            "key": self.key,
            "outcome": self.outcome,
            "application_id": self.application_id,
            "service_principal_id": self.service_principal_id,
            "job_id": self.job_id,
            "job_state": self.job_state,
            "pending": list(self.pending),
            "error": self.failure.as_json() if self.failure else None,
        }


@dataclass(frozen=True)
class FleetOutcome:
    """What a command did."""

    fleet: str
    instances: Sequence[InstanceOutcome]
    requests: int
    seconds: float
    words: tuple[str, ...] = APPLIED
    """The outcomes that the command knows."""
    rollout: "RolloutReport | None" = None
    """How it went in waves, if it did."""

    @property
    def summary(self) -> dict[str, int]:
        """The number of instances by outcome, for every outcome."""
        counted = Counter(instance.outcome for instance in self.instances)
        return {word: counted[word] for word in self.words}

    @property
    def failed(self) -> int:
        """How many instances failed."""
        return self.summary["failed"]

    def as_json(self) -> dict[str, Any]:
        """Return what the command prints with `--output json`."""
        return {
            "fleet": self.fleet,
            "summary": self.summary,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "instances": [instance.as_json() for instance in self.instances],
            **({"canary": self.rollout.as_json()} if self.rollout else {}),
        }
