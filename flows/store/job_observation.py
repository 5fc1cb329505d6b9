"""What was seen of a job at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class JobObservation:
    """How a job was when it was looked at; the fields are the columns of table `job_history`."""

    tenant_id: str
    fleet: str
    key: str
    observed_at: datetime
    state: str
    service_principal_id: str | None = None
    job_id: str | None = None
    reason: str | None = None
    since: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    last_execution_at: datetime | None = None
    last_success_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    stalled_since: datetime | None = None

    def same_as(self, earlier: "JobObservation") -> bool:
        """Return whether nothing but the time of looking differs."""
        return replace(self, observed_at=earlier.observed_at) == earlier
