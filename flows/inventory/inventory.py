"""The inventory of a tenant: every job with what is wrong with it, as the last look found it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from flows.formatting import format_iso
from flows.inventory.findings import (
    Facts,
    Finding,
    evaluate,
    evaluate_certificate,
    find_shared_targets,
    find_target,
    read_expiry,
)
from flows.monitoring.health import RUNNING, STALE_AFTER, UNREADABLE, JobHealth, JobState
from flows.monitoring.signing_certificates import read_certificates
from flows.store import Store, TenantJob, TenantPrincipal
from graph_client import GraphClient
from graph_client.errors import NotFound
from graph_client.models import ServicePrincipal


def restore_health(job: TenantJob, now: datetime) -> JobHealth:
    """Return the health of a job as the last look found it."""
    running, success = job.state in RUNNING, job.last_success_at
    return JobHealth(
        state=cast("JobState", job.state),
        job_id=job.job_id,
        reason=job.reason,
        since=job.since,
        error_code=job.error_code,
        error_message=job.error_message,
        last_execution=job.last_execution_at,
        last_success=success,
        counts=job.counts,
        held_by=job.held_by,
        stale=bool(running and success and now - success > STALE_AFTER),
    )


@dataclass(frozen=True)
class InventoryRow:
    """A job of the tenant."""

    job: TenantJob
    principal: TenantPrincipal
    health: JobHealth
    findings: Sequence[Finding]
    fleet: str | None = None
    """The fleet that manages it; None for an unmanaged job."""
    key: str | None = None

    @property
    def since(self) -> datetime | None:
        """When what ails the job began, if Graph says so."""
        return self.health.since if self.health.state == "quarantined" else self.job.stalled_since

    @property
    def warnings(self) -> list[str]:
        """The rules of the findings that need action."""
        return [finding.rule for finding in self.findings if not finding.notice]

    @property
    def target_tenant_id(self) -> str | None:
        """The tenant that a cross-tenant job provisions to, where its settings tell."""
        target = find_target(self.job, self.principal)
        return target[1] if target else None

    def as_json(self) -> dict[str, Any]:
        """Return what `inventory --output json` prints of it."""
        health = self.health.as_json()
        shared = ("state", "quarantine", "last_execution", "last_success", "escrows", "never_ran")
        return {
            "service_principal_id": self.job.service_principal_id,
            "app_id": self.principal.app_id,
            "display_name": self.principal.display_name,
            "application_template_id": self.principal.application_template_id,
            "job_id": self.job.job_id,
            "synchronization_template_id": self.job.synchronization_template_id,
            "target_tenant_id": self.target_tenant_id,
            **{name: health[name] for name in shared[:1]},
            "since": format_iso(self.since),
            **{name: health[name] for name in shared[1:]},
            "notification_email": (self.principal.connection or {}).get("notification_email"),
            "certificate_expires": format_iso(read_expiry(self.principal)),
            "certificate_staged": (self.principal.certificates or {}).get("staged"),
            "fleet": self.fleet,
            "key": self.key,
            "first_seen": format_iso(self.job.first_seen_at),
            "changed": format_iso(self.job.changed_at),
            "removed": format_iso(self.job.gone_at),
            "findings": [finding.as_json() for finding in self.findings],
        }


COLUMNS = (
    "service_principal_id",
    "app_id",
    "display_name",
    "application_template_id",
    "job_id",
    "synchronization_template_id",
    "target_tenant_id",
    "state",
    "since",
    "quarantine",
    "last_execution",
    "last_success",
    "escrows",
    "never_ran",
    "notification_email",
    "certificate_expires",
    "certificate_staged",
    "fleet",
    "key",
    "first_seen",
    "changed",
    "removed",
    "findings",
)
"""The columns of a CSV, in order; the names of the JSON fields."""


@dataclass(frozen=True)
class SigningApplication:
    """An application that signs people in by SAML, with jobs or without."""

    principal: TenantPrincipal
    findings: Sequence[Finding]

    def as_json(self) -> dict[str, Any]:
        """Return what `inventory --output json` prints of it."""
        known = self.principal.certificates or {}
        return {
            "service_principal_id": self.principal.service_principal_id,
            "app_id": self.principal.app_id,
            "display_name": self.principal.display_name,
            "fleet": self.principal.fleet,
            "key": self.principal.key,
            **{name: known.get(name) for name in ("active", "expires", "staged", "error")},
            "read": format_iso(self.principal.certificates_at),
            "findings": [finding.as_json() for finding in self.findings],
        }


@dataclass(frozen=True)
class Inventory:
    """Every job of a tenant, whom its service principals could not be read of, and what looking has cost."""

    tenant_id: str
    rows: Sequence[InventoryRow]
    service_principals: int
    unreadable: Sequence[TenantPrincipal]
    requests: int = 0
    seconds: float = 0.0
    complete: bool = True
    """Whether the look came to its end."""
    looked_at: datetime | None = None
    signing: Sequence[SigningApplication] = ()
    """The applications that sign people in by SAML, the first to expire first."""

    def with_rules(self, chosen: Collection[str]) -> list[InventoryRow | SigningApplication]:
        """Return the jobs and applications that one of these rules says something of."""
        everything: list[InventoryRow | SigningApplication] = [*self.rows, *self.signing]
        return [each for each in everything if any(finding.rule in chosen for finding in each.findings)]

    def as_json(self) -> dict[str, Any]:
        """Return what `inventory --output json` prints."""
        return {
            "tenant_id": self.tenant_id,
            "looked_at": format_iso(self.looked_at),
            "service_principals": self.service_principals,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "complete": self.complete,
            "unreadable": [
                {
                    "service_principal_id": each.service_principal_id,
                    "display_name": each.display_name,
                    "error": {"code": each.error_code, "message": each.error_message},
                }
                for each in self.unreadable
            ],
            "jobs": [row.as_json() for row in self.rows],
            "certificates": [each.as_json() for each in self.signing],
        }


def read_inventory(
    store: Store,
    tenant_id: str,
    now: datetime,
    *,
    changed_since: datetime | None = None,
    requests: int = 0,
    seconds: float = 0.0,
) -> Inventory:
    """Return the inventory of a tenant as the last look left it in the store.

    Args:
        store: The store.
        tenant_id: The tenant.
        now: The moment to judge by how long something has been so.
        changed_since: Only jobs that have changed since, and then also those that are gone.
        requests: What the look has cost.
        seconds: How long it has taken.
    """
    look, present = store.inventory.look(tenant_id), store.inventory.principals(tenant_id)
    principals = {each.service_principal_id: each for each in present}
    everything = store.inventory.jobs(tenant_id)
    shown = everything if changed_since is None else store.inventory.jobs(tenant_id, changed_since=changed_since)
    gone = {job.service_principal_id for job in shown} - principals.keys()
    # Of deleted applications only what is still shown: their names are in no current list.
    principals |= {each.service_principal_id: each for each in store.inventory.known_principals(tenant_id, gone)}
    shared = find_shared_targets([(job, principals[job.service_principal_id]) for job in everything])
    owned = _find_owned(store, everything, principals)
    rows = []
    for job in shown:
        principal = principals[job.service_principal_id]
        found = [] if job.gone_at else evaluate(Facts(job, principal, shared), now)
        mine = (principal.fleet, principal.key) if (job.service_principal_id, job.job_id) in owned else (None, None)
        rows.append(InventoryRow(job, principal, restore_health(job, now), found, *mine))
    unreadable = [each for each in present if each.error_code is not None]
    complete = look.looked_at is not None and look.began_at is None
    return Inventory(
        tenant_id,
        _in_order(rows),
        len(present),
        unreadable,
        requests,
        seconds,
        complete,
        look.looked_at,
        _list_signing(present, now),
    )


def _list_signing(principals: Sequence[TenantPrincipal], now: datetime) -> list[SigningApplication]:
    signing = [SigningApplication(each, evaluate_certificate(each, now)) for each in principals if each.certificates]
    never = datetime.max.replace(tzinfo=UTC)
    return sorted(signing, key=lambda each: (read_expiry(each.principal) or never, each.principal.service_principal_id))


def _in_order(rows: list[InventoryRow]) -> list[InventoryRow]:
    """Those that need attention first."""

    def rank(row: InventoryRow) -> tuple[bool, int, str, str]:
        name = (row.principal.display_name or "").casefold()
        return row.health.is_healthy and not row.job.stalled_since, -len(row.warnings), name, row.job.job_id

    return sorted(rows, key=rank)


def _find_owned(
    store: Store, jobs: Sequence[TenantJob], principals: Mapping[str, TenantPrincipal]
) -> set[tuple[str, str]]:
    """Return which jobs are those of instances; a second one on the same service principal is unmanaged."""
    by_principal: dict[str, list[TenantJob]] = {}
    for job in jobs:
        if principals[job.service_principal_id].fleet is not None:
            by_principal.setdefault(job.service_principal_id, []).append(job)
    watched: set[str] | None = None
    owned: set[tuple[str, str]] = set()
    for identifier, found in by_principal.items():
        if len(found) > 1:
            # Which one is ours was seen when it was watched; where it never was, it is not known here.
            # Read once, and only if a fleet's service principal has several jobs.
            watched = set(_watched(store, principals.values())) if watched is None else watched
            found = [job for job in found if job.job_id in watched]  # noqa: PLW2901  # the choice among them
        owned |= {(identifier, job.job_id) for job in found[:1]}
    return owned


def _watched(store: Store, principals: Collection[TenantPrincipal]) -> Iterator[str]:
    for tenant_id, fleet in {(each.tenant_id, each.fleet) for each in principals if each.fleet}:
        for job in store.jobs.latest(tenant_id, fleet or ""):
            if job.job_id:
                yield job.job_id


SAML = "saml"


def read_sign_on_mode(principal: ServicePrincipal) -> str | None:
    """Return how people sign in to a listed service principal, in lower case."""
    # Entra ID signs with such a certificate, whatever the mode says.
    if principal.preferred_token_signing_key_thumbprint:
        return SAML
    return (principal.preferred_single_sign_on_mode or "").lower() or None


async def read_certificate_facts(graph: GraphClient, service_principal_id: str) -> Mapping[str, Any]:
    """Return which certificate signs and until when, and which is staged; or the code of why that cannot be read.

    Args:
        graph: A signed-in client.
        service_principal_id: Object id of the service principal.

    Source: https://learn.microsoft.com/graph/api/serviceprincipal-get
    """
    try:
        # A list with keyCredentials is throttled at about 150 requests a minute; single reads are not.
        keys = await graph.batched.signing_certificates.get(service_principal_id)
    except (*UNREADABLE, NotFound) as error:
        return {"active": None, "expires": None, "staged": None, "error": error.code or type(error).__name__}
    found = read_certificates(keys, graph.now())
    return {
        "active": found.active.thumbprint if found.active else None,
        "expires": format_iso(found.active.ends_at) if found.active else None,
        "staged": found.staged.thumbprint if found.staged else None,
        "error": None,
    }
