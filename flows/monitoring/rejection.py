"""Credentials that the target system no longer accepts."""

from collections.abc import Iterable
from dataclasses import dataclass

from flows.monitoring.error_codes import error_codes
from flows.monitoring.expiry import rotation_command
from flows.monitoring.health import JobHealth
from flows.monitoring.sweep import Reading


@dataclass(frozen=True)
class Rejection:
    """A job in quarantine because its credentials do not work."""

    key: str
    code: str

    def __str__(self) -> str:
        return (
            f"The credentials of {self.key} do not work any more ({self.code}). "
            f"Renew them, then: {rotation_command(self.key)}"
        )


def rejections(readings: Iterable[Reading]) -> list[Rejection]:
    """Return the jobs that need new credentials."""
    return [
        Rejection(reading.target.key, reading.health.error_code or "no code")
        for reading in readings
        if _rejected(reading.health)
    ]


def _rejected(health: JobHealth) -> bool:
    """Tell whether the error behind a quarantine is one of credentials; its reason does not tell.

    Source: https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-quarantine-status
    """
    known = error_codes().job_error(health.error_code, health.error_message)
    return health.state == "quarantined" and known is not None and known.action == "rotate"
