"""Credentials that are about to expire."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

from flows.monitoring.error_codes import error_codes
from flows.monitoring.health import JobHealth
from flows.monitoring.sweep import Reading


@dataclass(frozen=True)
class RejectedCredential:
    """A job in quarantine because its credentials do not work."""

    key: str
    code: str

    def __str__(self) -> str:
        return (
            f"The credentials of {self.key} do not work any more ({self.code}). "
            f"Renew them, then: {format_rotation_command(self.key)}"
        )


def find_rejected_credentials(readings: Iterable[Reading]) -> list[RejectedCredential]:
    """Return the jobs that need new credentials."""
    return [
        RejectedCredential(reading.target.key, reading.health.error_code or "no code")
        for reading in readings
        if _rejected(reading.health)
    ]


def _rejected(health: JobHealth) -> bool:
    """Tell whether the error behind a quarantine is one of credentials; its reason does not tell.

    Source: https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-quarantine-status
    """
    known = error_codes().job_error(health.error_code, health.error_message)
    return health.state == "quarantined" and known is not None and known.action == "rotate"


URGENCIES = {3: "urgent", 14: "warning", 30: "notice"}
"""How urgent it is that credentials expire within so many days."""
_NOTICE = timedelta(days=max(URGENCIES))


class Expiring(Protocol):
    """What has a key, and credentials that may have a date."""

    @property
    def key(self) -> str:
        """The key of the instance."""

    @property
    def credentials_expire(self) -> date | None:
        """When its credentials expire."""


@dataclass(frozen=True)
class ExpiringCredential:
    """Credentials that expire soon, or have expired."""

    key: str
    on: date
    days: int
    """Until then; negative once it has passed."""

    @property
    def urgency(self) -> str:
        """How urgent it is."""
        return next(word for days, word in URGENCIES.items() if self.days <= days)

    @property
    def command(self) -> str:
        """The command that comes next."""
        return format_rotation_command(self.key)

    def __str__(self) -> str:
        when = f"expired on {self.on}" if self.days < 0 else f"expire on {self.on}, in {self.days} days"
        return f"The credentials of {self.key} {when}. Renew them, then: {format_rotation_command(self.key)}"

    def as_json(self) -> dict[str, Any]:
        """Return what `monitor --output json` prints of it."""
        return {"key": self.key, "on": self.on.isoformat(), "days": self.days, "urgency": self.urgency}


def format_rotation_command(key: str) -> str:
    """Return the command that saves the new credentials of an instance."""
    return f"entra-fleet rotate FLEET --only {key}"


def find_expiring_credentials(
    instances: Iterable[Expiring], today: date, tokens: Mapping[str, datetime] = MappingProxyType({})
) -> list[ExpiringCredential]:
    """Return the credentials that expire within 30 days, the earliest first.

    Args:
        instances: Of the fleet, with the dates that its file has.
        today: In UTC.
        tokens: When saved tokens say that they end, by key.
    """
    dated = {each.key: each.credentials_expire for each in instances}
    for key, end in tokens.items():
        # Whichever ends first stops the job.
        dated[key] = min(filter(None, (dated.get(key), end.date())))
    found = [ExpiringCredential(key, on, (on - today).days) for key, on in dated.items() if on]
    return sorted((each for each in found if each.on <= today + _NOTICE), key=lambda each: each.on)
