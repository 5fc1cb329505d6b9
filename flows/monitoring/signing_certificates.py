"""The certificates that sign SAML tokens: which one is active, which is staged, and when people would be locked out.

When the active certificate expires and another one is valid, Entra ID switches by itself. The other side does not know
that one unless somebody handed it over, and then refuses every sign-in.

Source: https://learn.microsoft.com/entra/identity/enterprise-apps/tutorial-manage-certificates-for-federated-single-sign-on
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from flows.formatting import format_iso
from graph_client.models import KeyCredential, SigningKeys

CertificateState = Literal["active", "staged", "inactive", "expired"]
URGENCIES = {14: "urgent", 30: "warning", 60: "notice"}
"""How urgent it is that the active certificate expires within so many days."""
_X509 = "AsymmetricX509Cert"
_LOUDER = {"notice": "warning", "warning": "urgent", "urgent": "urgent"}


@dataclass(frozen=True)
class SigningCertificate:
    """One certificate of an application; Graph keeps it as a private and a public key."""

    thumbprint: str
    key_ids: tuple[str, ...]
    subject: str
    ends_at: datetime
    state: CertificateState
    active: bool = False
    """Whether it signs; an expired one may."""
    public: str | None = None
    """The certificate, Base64; it is no secret."""

    def as_json(self) -> dict[str, Any]:
        """Return it as `certificates list --output json` prints it."""
        return {
            "thumbprint": self.thumbprint,
            "subject": self.subject,
            "expires": format_iso(self.ends_at),
            "state": self.state,
            "active": self.active,
        }


@dataclass(frozen=True)
class SigningCertificates:
    """The certificates of one application, the last to expire first."""

    certificates: tuple[SigningCertificate, ...] = ()
    preferred: str | None = None
    """Thumbprint of the one that is to sign."""

    @property
    def is_whole(self) -> bool:
        """Whether the one that is to sign is among them; otherwise the replica lags, or that one was deleted."""
        return self.preferred is None or self.active is not None

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of all keys."""
        return frozenset(key_id for each in self.certificates for key_id in each.key_ids)

    @property
    def active(self) -> SigningCertificate | None:
        """The one that signs, valid or not."""
        return next((each for each in self.certificates if each.active), None)

    @property
    def staged(self) -> SigningCertificate | None:
        """The next one: valid for longer than the active one, and not active yet."""
        return next((each for each in self.certificates if each.state == "staged"), None)

    def days_left(self, now: datetime) -> int | None:
        """Return how many whole days the active certificate is still valid; negative once it has expired."""
        return (self.active.ends_at - now).days if self.active else None

    def urgency(self, now: datetime) -> str | None:
        """Return how urgent it is to act; None while there is time.

        It is louder where a staged certificate waits: Entra ID would switch to it, whoever knows it or not.
        """
        days = self.days_left(now)
        word = next((word for limit, word in URGENCIES.items() if days is not None and days <= limit), None)
        return _LOUDER[word] if word and self.staged else word


def read_certificates(keys: SigningKeys, now: datetime) -> SigningCertificates:
    """Return the signing certificates among the keys of a service principal.

    Args:
        keys: As Graph returned them.
        now: The time at Graph.
    """
    groups: dict[str, list[KeyCredential]] = {}
    for each in keys.key_credentials:
        # A read may leave out private keys, so a public key alone counts as a certificate.
        if each.type == _X509 and each.usage in {"Sign", "Verify"} and each.end_date_time:
            groups.setdefault(each.custom_key_identifier or each.key_id or "", []).append(each)
    preferred = (keys.preferred_token_signing_key_thumbprint or "").upper()
    found = [_certificate(group) for group in groups.values()]
    active = next((each for each in found if each.thumbprint == preferred), None)
    limit = active.ends_at if active else None
    judged = (_judged(each, active is each, limit, now) for each in found)
    ordered = sorted(judged, key=lambda each: (each.ends_at, each.thumbprint), reverse=True)
    return SigningCertificates(tuple(ordered), preferred or None)


NO_CERTIFICATES = SigningCertificates()


def _certificate(group: list[KeyCredential]) -> SigningCertificate:
    public = next((each for each in group if each.usage == "Verify"), group[0])
    key_ids = tuple(sorted(each.key_id or "" for each in group))
    ends_at = min(each.end_date_time for each in group if each.end_date_time)
    return SigningCertificate(
        public.thumbprint or "", key_ids, public.display_name or "", ends_at, "inactive", public=public.key
    )


def _judged(certificate: SigningCertificate, active: bool, limit: datetime | None, now: datetime) -> SigningCertificate:
    state: CertificateState = "active" if active else "inactive"
    if certificate.ends_at <= now:
        state = "expired"
    elif not active and (limit is None or certificate.ends_at > limit):
        state = "staged"
    return replace(certificate, state=state, active=active)


@dataclass(frozen=True)
class ExpiringCertificate:
    """An application whose active signing certificate expires soon, or has expired."""

    key: str
    """The key of the instance, or the name of an application of no fleet."""
    thumbprint: str
    ends_at: datetime
    days: int
    """Until then; negative once it has passed."""
    urgency: str
    staged: str | None
    """Thumbprint of the certificate that Entra ID would switch to by itself."""

    def __str__(self) -> str:
        on = f"{self.ends_at:%Y-%m-%d}"
        when = f"expired on {on}" if self.days < 0 else f"expires on {on}, in {self.days} days"
        if self.staged is None:
            return (
                f"The signing certificate of {self.key} {when}. "
                f"Add the next one: entra-fleet certificates renew FLEET --only {self.key}"
            )
        switch = "has switched" if self.days < 0 else "then switches"
        return (
            f"The signing certificate of {self.key} {when}. Entra ID {switch} to {self.staged} by itself, and nobody "
            "can sign in unless the other side knows that one. Hand it over, then: "
            f"entra-fleet certificates activate FLEET --only {self.key} --acknowledged"
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `monitor --output json` prints of it."""
        return {
            "key": self.key,
            "thumbprint": self.thumbprint,
            "expires": format_iso(self.ends_at),
            "days": self.days,
            "urgency": self.urgency,
            "staged": self.staged,
        }


def find_expiring_certificates(
    certificates: Iterable[tuple[str, SigningCertificates]], now: datetime
) -> list[ExpiringCertificate]:
    """Return the applications whose active certificate expires within 60 days, the earliest first."""
    found = []
    for key, each in certificates:
        active, urgency = each.active, each.urgency(now)
        if active and urgency:
            staged = each.staged.thumbprint if each.staged else None
            days = (active.ends_at - now).days
            found.append(ExpiringCertificate(key, active.thumbprint, active.ends_at, days, urgency, staged))
    return sorted(found, key=lambda each: each.ends_at)
