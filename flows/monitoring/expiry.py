"""Credentials that are about to expire."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

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
class Expiry:
    """Credentials that expire soon, or have expired."""

    key: str
    on: date

    def __str__(self) -> str:
        return f"The credentials of {self.key} expire on {self.on}. Renew them, then: {rotation_command(self.key)}"


def rotation_command(key: str) -> str:
    """Return the command that saves the new credentials of an instance."""
    return f"entra-fleet rotate FLEET --only {key}"


def expiring(instances: Iterable[Expiring], today: date) -> list[Expiry]:
    """Return the credentials that expire within 30 days, the earliest first."""
    dated = [Expiry(each.key, each.credentials_expire) for each in instances if each.credentials_expire]
    return sorted((expiry for expiry in dated if expiry.on <= today + NOTICE), key=lambda expiry: expiry.on)
