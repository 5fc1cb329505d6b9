"""What a command did for one instance."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flows.errors import StepFailed
from flows.formatting import format_iso

APPLIED = ("created", "adopted", "updated", "unchanged", "pending", "failed")
"""Outcomes of an apply, in the order of its summary."""


@dataclass(frozen=True)
class ApplicationIds:
    """The two objects of one instance in the tenant."""

    application_id: str
    service_principal_id: str
    app_id: str | None = None
    requested_at: float | None = field(default=None, compare=False)
    """When this run created them, by the loop's clock; None if they already existed."""


@dataclass(frozen=True)
class TokenExpiry:
    """When tokens end, as far as they say so: what was saved before, and what is saved now."""

    before: datetime | None
    after: datetime | None

    def __str__(self) -> str:
        now = f"the token ends on {self.after:%Y-%m-%d}" if self.after else "the token does not say when it ends"
        return f"{now}; the one before ended on {self.before:%Y-%m-%d}" if self.before else now

    def as_json(self) -> dict[str, str | None]:
        """Return it as `rotate --output json` prints it."""
        return {"before": format_iso(self.before), "after": format_iso(self.after)}


@dataclass(frozen=True)
class StagedCertificate:
    """A signing certificate that waits to be handed over to the service provider, and then to be activated."""

    thumbprint: str
    ends_at: datetime
    metadata_url: str
    public: str
    """The certificate, Base64 of DER; it is no secret."""

    def __str__(self) -> str:
        return (
            f"staged until it is activated: {self.thumbprint}, valid until {self.ends_at:%Y-%m-%d}; {self.metadata_url}"
        )

    def as_json(self) -> dict[str, str | None]:
        """Return it as `certificates renew --output json` prints it."""
        return {
            "thumbprint": self.thumbprint,
            "expires": format_iso(self.ends_at),
            "metadata_url": self.metadata_url,
            "certificate": self.public or None,
        }


@dataclass(repr=False)
class InstanceOutcome:
    """What was done for one instance; filled in step by step, so that a failure shows the progress."""

    key: str
    outcome: str
    application_id: str | None = None
    service_principal_id: str | None = None
    job_id: str | None = None
    job_state: str | None = None
    failure: StepFailed | None = None
    pending: tuple[str, ...] = ()
    """What a later apply does: assignments once their roles are imported, all else once the target allows it."""
    app_id: str | None = None
    token_expiry: TokenExpiry | None = None
    """When the saved token ends and the one before ended; None where nothing was rotated, or no token says so."""
    staged_certificate: StagedCertificate | None = None
    """The signing certificate that is staged now."""
    accounts_left: tuple[str, ...] = ()
    """The accounts that a retirement leaves in the target system, because nothing can delete them."""
    policies_left: tuple[str, ...] = ()
    """The policies that a retirement leaves as they are, because others have come to use them."""

    def place(self, placed: ApplicationIds) -> None:
        """Record the ids of the application and its service principal."""
        self.application_id = placed.application_id
        self.service_principal_id = placed.service_principal_id
        self.app_id = placed.app_id

    def wait(self, pending: str) -> None:
        """Record that someone else has to act first; a later apply finishes it."""
        self.outcome = "pending"
        self.pending = (pending,)

    def fail(self, failure: StepFailed) -> None:
        """Record that a step failed."""
        self.outcome = "failed"
        self.failure = failure

    def __repr__(self) -> str:
        # Prefect logs it with the task state, next to the failure's message.
        failure = self.failure
        where = f" at {failure.step}, request-id {failure.request_id or 'none'}" if failure else ""
        return f"<{self.key} {self.outcome}{where}>"

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `apply --output json` prints it."""
        return {
            "key": self.key,
            "outcome": self.outcome,
            "application_id": self.application_id,
            "service_principal_id": self.service_principal_id,
            "job_id": self.job_id,
            "job_state": self.job_state,
            "pending": list(self.pending),
            "error": self.failure.as_json() if self.failure else None,
            "token_expiry": self.token_expiry.as_json() if self.token_expiry else None,
            **({"staged_certificate": self.staged_certificate.as_json()} if self.staged_certificate else {}),
            **({"accounts_left": list(self.accounts_left)} if self.accounts_left else {}),
            **({"policies_left": list(self.policies_left)} if self.policies_left else {}),
        }
