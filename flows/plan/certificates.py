"""Planning the stages of a certificate rotation: add the next one, activate it, remove expired ones."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from flows.errors import StepFailed
from flows.fleet_file.models import Fleet, Instance
from flows.fleet_file.single_sign_on import CertificateSettings
from flows.formatting import format_iso
from flows.monitoring.signing_certificates import NO_CERTIFICATES, SigningCertificate, SigningCertificates
from flows.plan.diff import select_instances
from flows.plan.outcome import InstanceOutcome, StagedCertificate
from flows.plan.plan import FieldChange
from flows.tenant.observe import format_two_applications
from flows.tenant.signing_certificates import FleetCertificates, find_fleet_certificates
from graph_client import GraphClient

Stage = Literal["renew", "activate", "clean"]
STAGES: tuple[Stage, ...] = ("renew", "activate", "clean")
DONE: dict[Stage, str] = {"renew": "staged", "activate": "activated", "clean": "cleaned"}


@dataclass(frozen=True)
class CertificateChange:
    """What one stage is to do to the certificates of one instance."""

    key: str
    stage: Stage
    settings: CertificateSettings
    found: SigningCertificates = NO_CERTIFICATES
    application_id: str | None = None
    service_principal_id: str = ""
    app_id: str = ""
    metadata_url: str = ""
    subject: str = ""
    """The subject of a certificate to be added, by which it is found again."""
    ends_at: datetime | None = None
    """When a certificate to be added expires."""
    target: SigningCertificate | None = None
    """The certificate to be activated; an active one is only to be handed over."""
    removed: tuple[SigningCertificate, ...] = ()
    """The expired certificates to be removed."""
    refusal: StepFailed | None = None
    """Why it is refused."""
    fleet: str = ""
    by_hook: bool = False
    """Whether the hook hands the certificate over before it is activated."""

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return self.refusal is None and bool(self.ends_at or self.target or self.removed)

    @property
    def action(self) -> str:
        """What the journal calls it."""
        return self.stage

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """The changes for the journal."""
        active = self.found.active.thumbprint if self.found.active else None
        if not self.needed:
            return ()
        if self.target:
            name = "certificates.handed_over" if self.target.active else "certificates.active"
            return (FieldChange(name, None if self.target.active else active, self.target.thumbprint),)
        if self.ends_at:
            return (FieldChange("certificates.staged", None, self.subject),)
        return tuple(FieldChange(f"certificates.{each.thumbprint}", "expired", None) for each in self.removed)

    def outcome(self) -> InstanceOutcome:
        """Return the outcome if all goes well; a refusal has failed already."""
        done = DONE[self.stage] if self.needed else "unchanged"
        outcome = InstanceOutcome(
            self.key, done, self.application_id, self.service_principal_id or None, app_id=self.app_id or None
        )
        if staged := self.found.staged:
            outcome.staged_certificate = self.staged(staged)
        if self.refusal:
            outcome.fail(self.refusal)
        return outcome

    def staged(self, certificate: SigningCertificate) -> StagedCertificate:
        """Return a staged certificate as the service provider needs it."""
        return StagedCertificate(
            certificate.thumbprint, certificate.ends_at, self.metadata_url, certificate.public or ""
        )


def plan_handing_over(change: CertificateChange, activated: Collection[str]) -> CertificateChange:
    """Plan that the hook hands a certificate over, before it is activated or although it signs already.

    One of ours that signs and that no run has activated was switched to by Entra ID when the one before expired, or
    activated by someone else. The service provider may not know it, and a hook may run twice for the same certificate.

    Args:
        change: The planned activation.
        activated: Thumbprints of the certificates that runs have activated.
    """
    active, target = change.found.active, change.target
    if active and active.state == "active" and not target and not change.refusal and active.thumbprint not in activated:
        target = active if active.subject.endswith(_signature(change.fleet)) else None
    return replace(change, target=target, by_hook=True)


async def plan_certificate_changes(
    graph: GraphClient, fleet: Fleet, stage: Stage, only: Collection[str] | None, *, force: bool = False
) -> list[CertificateChange]:
    """Read the certificates of a fleet, and plan one stage for each instance.

    Args:
        graph: A signed-in client.
        fleet: The fleet.
        stage: The stage.
        only: Keys of the instances; None for all.
        force: Whether to add a certificate although the active one is valid for long.

    Raises:
        UnknownKey: A key in `only` is not in the fleet file.
        GraphError: A read failed after all retries.
    """
    wanted = select_instances(fleet, only)
    found = await find_fleet_certificates(graph, fleet, wanted)
    now = graph.now()
    return [_plan(fleet, instance, found[instance.key], stage, now, force=force) for instance in wanted]


def _plan(
    fleet: Fleet, instance: Instance, seen: FleetCertificates, stage: Stage, now: datetime, *, force: bool
) -> CertificateChange:
    settings = instance.sso.certificate if instance.sso else CertificateSettings()
    change = CertificateChange(
        instance.key,
        stage,
        settings,
        seen.certificates,
        seen.application_id,
        seen.service_principal_id or "",
        seen.app_id or "",
        seen.metadata_url,
        fleet=fleet.fleet,
    )
    if len(seen.duplicates) > 1:
        return replace(change, refusal=format_two_applications(instance.key, list(seen.duplicates)))
    if seen.unreadable:
        return replace(change, refusal=StepFailed.of("read-certificates", seen.unreadable))
    if stage == "renew":
        return _renewal(change, replace(seen, is_saml=seen.is_saml or instance.sso is not None), now, force=force)
    if stage == "activate":
        return replace(change, target=seen.certificates.staged)
    return replace(change, removed=find_removable(seen.certificates, settings, now))


def _renewal(change: CertificateChange, seen: FleetCertificates, now: datetime, *, force: bool) -> CertificateChange:
    """Plan to add a certificate if the active one expires soon, or a SAML application has none."""
    certificates, active = seen.certificates, seen.certificates.active
    due = active.ends_at - now <= timedelta(days=change.settings.renew_before) if active else seen.is_saml
    if certificates.staged or not (due or (force and active)):  # one successor at a time
        return change
    ends_at = choose_end(now, change.settings.years)
    return replace(change, subject=name_certificate(change.fleet, change.key, ends_at), ends_at=ends_at)


def choose_end(now: datetime, years: int) -> datetime:
    """Return when a certificate of so many years expires; a day early, for Graph refuses more than three years."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    # Never a 29 February, which most years lack.
    return today.replace(year=today.year + years, day=min(today.day, 28)) - timedelta(days=1)


def name_certificate(fleet: str, key: str, ends_at: datetime) -> str:
    """Return the subject of a certificate; it says whose it is, and is found again by it."""
    # It is found again by its subject if the answer is lost: Graph has no idempotency key.
    return f"CN={key} {ends_at:%Y-%m-%d}{_signature(fleet)}"


def _signature(fleet: str) -> str:
    return f" entra-fleet:{fleet}"


def find_removable(
    certificates: SigningCertificates, settings: CertificateSettings, now: datetime
) -> tuple[SigningCertificate, ...]:
    """Return the certificates that expired so long ago that they need not be kept; never the active one."""
    limit = now - timedelta(days=settings.keep_old)
    return tuple(
        each
        for each in certificates.certificates
        if each.state == "expired" and not each.active and each.ends_at < limit
    )


def split_into_certificate_waves(changes: Collection[CertificateChange], canary: int) -> list[list[CertificateChange]]:
    """Return the instances to activate in the order in which people may be locked out: few, a tenth, then the rest."""
    needed = sorted((each for each in changes if each.needed), key=_risk)
    tenth = canary + -(-len(needed) // 10)  # rounded up
    waves = (needed[:canary], needed[canary:tenth], needed[tenth:])
    return [wave for wave in waves if wave]


def _risk(change: CertificateChange) -> tuple[str, str]:
    # The one that expires first has the least time for a second try.
    active = change.found.active
    return (format_iso(active.ends_at) or "" if active else "", change.key)
