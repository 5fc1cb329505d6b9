"""The tenant: directory, people, assignments, secrets, jobs and log."""

import threading
from dataclasses import dataclass, field
from typing import Any, get_args

from graph_emulator.directory.directory import Directory, Entry
from graph_emulator.directory.gallery import gallery
from graph_emulator.directory.partners import Partners
from graph_emulator.directory.people import Assignments, People
from graph_emulator.directory.token_policies import PolicyKind, TokenPolicies
from graph_emulator.provisioning.audit_log import AuditLog
from graph_emulator.provisioning.credentials import SavedSecrets, TargetSystems
from graph_emulator.provisioning.cross_tenant import TargetTenants
from graph_emulator.provisioning.jobs import HandlerContext
from graph_emulator.provisioning.provisioning_log import ProvisioningLog
from graph_emulator.provisioning.scheduler import JobScheduler
from graph_emulator.scim.server import ScimServers
from graph_emulator.settings import EmulatorSettings


@dataclass(slots=True)
class Neighbors:
    """The tenants of one cloud by id, and the lock that guards all of them."""

    # One lock and not one each: a cycle in one tenant writes into another one, and two locks could deadlock.
    lock: threading.RLock = field(default_factory=threading.RLock)
    tenants: dict[str, "Tenant"] = field(default_factory=dict)


class Tenant:
    """One tenant of one cloud; new ones have only the gallery and people.

    Args:
        settings: the tenant and its behaviour.
        neighbors: the tenants of the same cloud; None for a tenant that is alone.
    """

    def __init__(self, settings: EmulatorSettings, neighbors: Neighbors | None = None) -> None:
        self.settings = settings
        self._neighbors = neighbors
        self.gallery = gallery(settings.cloud, own_ids=settings.gallery_ids == "per cloud")
        self.people = People(settings)
        self.directory = Directory(settings)
        self.policies: dict[PolicyKind, TokenPolicies] = {
            kind: TokenPolicies(settings, kind) for kind in get_args(PolicyKind)
        }
        self.partners = Partners(settings)
        self.assignments = Assignments(settings, self.people)
        self.secrets: dict[str, SavedSecrets] = {}
        self.targets = TargetSystems(settings)
        self.scim = ScimServers(settings, self.targets.accepts)
        # Set afterwards: each of the two needs the other.
        self.targets.writer = self.scim.writer
        self.log = ProvisioningLog(settings)
        self.audits = AuditLog(settings)
        others = neighbors.tenants if neighbors else None
        self.target_tenants = TargetTenants(self, others, self._has_earlier)
        self.jobs = JobScheduler(
            HandlerContext(
                settings,
                self.people,
                self.targets,
                self.target_tenants,
                self.log,
                self.audits,
                self.secrets_of,
                self.assignments.of,
            )
        )

    def secrets_of(self, principal_id: str) -> SavedSecrets:
        """The saved secrets of a service principal."""
        # By service principal and not by job: they can be saved before there is a job, and outlive it.
        return self.secrets.setdefault(principal_id, SavedSecrets())

    def settle(self, now: float) -> None:
        """Process everything that is due, in the whole cloud: cycles of other tenants write into this one."""
        for tenant in self._cloud():
            tenant.jobs.settle(now)

    def wake_cross_tenant_jobs(self, partner_id: str, now: float) -> None:
        """Reactivate the jobs of this tenant and of a partner, after a change of the policy between them."""
        # Both directions: a tenant may be source and target of the same partner.
        self.jobs.touch_cross_tenant(partner_id, now)
        for tenant in self._cloud():
            if tenant.settings.tenant_id == partner_id:
                tenant.jobs.touch_cross_tenant(self.settings.tenant_id, now)

    def _cloud(self) -> list["Tenant"]:
        return list(self._neighbors.tenants.values()) if self._neighbors else [self]

    def _has_earlier(self, principal: Entry, target_id: str) -> bool:
        """Whether an older application has a job into the same tenant."""
        others = (job.principal for job in self.jobs.all() if job.principal.template.is_cross_tenant)
        return any(
            other.number < principal.number
            and other.deleted_at is None
            and self.secrets_of(other.id).values.get("CompanyId", "").lower() == target_id
            for other in others
        )

    def snapshot(self, now: float) -> dict[str, Any]:
        """The whole state as JSON; the keys of secrets, but never their values."""
        self.settle(now)  # what is due happens before it is shown
        directory = self.directory
        for entries in directory.live.values():
            for entry in entries.values():
                entry.settle(now)
        return {
            "tenantId": self.settings.tenant_id,
            "applications": [entry.value for entry in directory.live["application"].values()],
            "servicePrincipals": [entry.value for entry in directory.live["servicePrincipal"].values()],
            "deletedItems": [entry.value for entry in directory.deleted.values()],
            "users": [{"id": u["id"], "displayName": u["displayName"]} for u in self.people.users.values()],
            "groups": [{"id": g["id"], "displayName": g["displayName"]} for g in self.people.groups.values()],
            "jobs": self._jobs(now),
            "secrets": {id_: sorted(saved.values) for id_, saved in self.secrets.items() if saved.values},
            "assignments": {id_: list(found) for id_, found in self.assignments.all().items() if found},
            "owners": {id_: list(e.owners) for k in directory.live.values() for id_, e in k.items()},
            "events": self.log.counts(now),
            "targets": {name: len(self.scim.accounts(name)) for name in self.scim.names()},
        }

    def _jobs(self, now: float) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for principal_id in {job.principal.id: None for job in self.jobs.all()}:
            found[principal_id] = [job.as_graph(now) for job in self.jobs.of(principal_id, now)]
        return found
