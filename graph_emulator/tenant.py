"""The tenant: directory, people, assignments, secrets, jobs and log."""

from typing import Any, get_args

from graph_emulator.directory.directory import Directory
from graph_emulator.directory.gallery import gallery
from graph_emulator.directory.people import Assignments, People
from graph_emulator.directory.token_policies import PolicyKind, TokenPolicies
from graph_emulator.provisioning.audit_log import AuditLog
from graph_emulator.provisioning.credentials import SavedSecrets, TargetSystems
from graph_emulator.provisioning.job_lifecycle import HandlerContext
from graph_emulator.provisioning.provisioning_log import ProvisioningLog
from graph_emulator.provisioning.scheduler import JobScheduler
from graph_emulator.scim.server import ScimServers
from graph_emulator.settings import EmulatorSettings


class Tenant:
    """One tenant of one cloud; new ones have only the gallery and people."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self.settings = settings
        self.gallery = gallery(settings.cloud, own_ids=settings.gallery_ids == "per cloud")
        self.people = People(settings.seed, settings.users, settings.groups)
        self.directory = Directory(settings)
        self.policies: dict[PolicyKind, TokenPolicies] = {
            kind: TokenPolicies(settings, kind) for kind in get_args(PolicyKind)
        }
        self.assignments = Assignments(settings, self.people)
        self.secrets: dict[str, SavedSecrets] = {}
        self.targets = TargetSystems(settings)
        self.scim = ScimServers(settings, self.targets.accepts)
        # Set afterwards: each of the two needs the other.
        self.targets.writer = self.scim.writer
        self.log = ProvisioningLog(settings)
        self.audits = AuditLog(settings)
        context = HandlerContext(
            settings, self.people, self.targets, self.log, self.audits, self.secrets_of, self.assignments.of
        )
        self.jobs = JobScheduler(context)

    def secrets_of(self, principal_id: str) -> SavedSecrets:
        """The saved secrets of a service principal."""
        # By service principal and not by job: they can be saved before there is a job, and outlive it.
        return self.secrets.setdefault(principal_id, SavedSecrets())

    def snapshot(self, now: float) -> dict[str, Any]:
        """The whole state as JSON; the keys of secrets, but never their values."""
        self.jobs.settle(now)  # what is due happens before it is shown
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
