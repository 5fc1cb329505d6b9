"""The certificates that sign SAML tokens: which one is active, which is staged, and when people would be locked out.

When the active certificate expires and another one is valid, Entra ID switches by itself. The service provider does not
know that one unless it was handed over, and then refuses every sign-in.

Source: https://learn.microsoft.com/entra/identity/enterprise-apps/tutorial-manage-certificates-for-federated-single-sign-on
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
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

    def expiring(self, key: str, now: datetime) -> "ExpiringCertificate | None":
        """Return the warning about its active certificate; None while there is time."""
        return next(iter(find_expiring_certificates(self.ends(key), now)), None)

    def ends(self, key: str) -> list[tuple[str, datetime, bool]]:
        """Return when its active certificate expires, as `find_expiring_certificates` takes it."""
        return [(key, self.active.ends_at, self.staged is not None)] if self.active else []


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
    ends_at: datetime
    days: int
    """Until then; negative once it has passed."""
    staged: bool
    """Whether a certificate waits that Entra ID would switch to by itself."""

    @property
    def on(self) -> date:
        """The day on which it expires."""
        return self.ends_at.date()

    @property
    def urgency(self) -> str:
        """How urgent it is; louder where Entra ID would switch, whether or not the staged certificate is known."""
        word = next(word for limit, word in URGENCIES.items() if self.days <= limit)
        return _LOUDER[word] if self.staged else word

    @property
    def command(self) -> str:
        """The command that comes next."""
        if self.staged:
            return f"entra-fleet certificates activate FLEET --only {self.key} --acknowledged"
        return f"entra-fleet certificates renew FLEET --only {self.key}"

    def __str__(self) -> str:
        when = f"expired on {self.on}" if self.days < 0 else f"expires on {self.on}, in {self.days} days"
        what = f"The signing certificate of {self.key} {when}."
        if not self.staged:
            return f"{what} Add the next one: {self.command}"
        switch = "has switched" if self.days < 0 else "then switches"
        return (
            f"{what} Entra ID {switch} to the staged one by itself, and no user can sign in unless the service "
            f"provider knows that one. Hand it over, then: {self.command}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `monitor --output json` prints of it."""
        return {
            "key": self.key,
            "expires": format_iso(self.ends_at),
            "days": self.days,
            "urgency": self.urgency,
            "staged": self.staged,
        }


def find_expiring_certificates(ends: Iterable[tuple[str, datetime, bool]], now: datetime) -> list[ExpiringCertificate]:
    """Return the applications whose active certificate expires within 60 days, the earliest first.

    Args:
        ends: Of each application its key, when its active certificate expires, and whether another is staged.
        now: The time at Graph.
    """
    found = [ExpiringCertificate(key, ends_at, (ends_at - now).days, staged) for key, ends_at, staged in ends]
    return sorted((each for each in found if each.days <= max(URGENCIES)), key=lambda each: (each.ends_at, each.key))
