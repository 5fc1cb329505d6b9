"""What a command did for one instance."""

from dataclasses import dataclass, field
from typing import Any

from flows.errors import StepFailed

APPLIED = ("created", "adopted", "updated", "unchanged", "failed")
"""What an apply can do to an instance, in the order of its summary."""


@dataclass(frozen=True)
class ApplicationIds:
    """The two objects that are one instance in the tenant."""

    application_id: str
    service_principal_id: str
    app_id: str | None = None
    requested_at: float | None = field(default=None, compare=False)
    """When this run asked for them, by the loop's clock; None if they were there."""


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

    def place(self, placed: ApplicationIds) -> None:
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
