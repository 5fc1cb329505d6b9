"""Credentials that are about to expire."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

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


NOTICE = timedelta(days=30)


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

    def __str__(self) -> str:
        return (
            f"The credentials of {self.key} expire on {self.on}. Renew them, then: {format_rotation_command(self.key)}"
        )


def format_rotation_command(key: str) -> str:
    """Return the command that saves the new credentials of an instance."""
    return f"entra-fleet rotate FLEET --only {key}"


def find_expiring_credentials(instances: Iterable[Expiring], today: date) -> list[ExpiringCredential]:
    """Return the credentials that expire within 30 days, the earliest first."""
    dated = [ExpiringCredential(each.key, each.credentials_expire) for each in instances if each.credentials_expire]
    return sorted((expiry for expiry in dated if expiry.on <= today + NOTICE), key=lambda expiry: expiry.on)
