"""What has to happen in the target tenant before a cross-tenant job may be deleted: its accounts go first."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.errors import StepFailed
from flows.fleet_file.cross_tenant import AUTHENTICATION_TYPE, COMPANY_ID, SYNC_POLICY
from flows.monitoring.health import RUNNING, JobHealth
from flows.plan.job_settings import MASK, NOTIFICATION, parse_setting
from flows.plan.plan import FieldChange
from flows.tenant.assignments import Assigned
from flows.tenant.provisioned_accounts import read_accounts
from graph_client import GraphClient
from graph_client.errors import BadRequest
from graph_client.parallel import gather

if TYPE_CHECKING:
    from flows.store import AccountChange, Store

SYNCHRONIZATION_TEMPLATE_ID = "Azure2Azure"

_NAMED = 10


@dataclass(frozen=True)
class Deprovisioning:
    """The accounts that a cross-tenant job has in its target, and what keeps its next cycle from deleting them."""

    target_tenant_id: str
    job: JobHealth | None
    """None where the job was deleted by hand: nothing removes the accounts then."""
    accounts: Mapping[str, "AccountChange"] = field(default_factory=dict)
    """The last change of every account that was ever there, by the id in the source."""
    assigned: tuple[Assigned, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """The whole set of secrets to save; empty if none has to change."""
    changes: tuple[FieldChange, ...] = ()
    refused_by_target: str = ""
    """Why the target takes no changes any more, in Graph's words."""

    @property
    def present(self) -> tuple[str, ...]:
        """The names of those that are in the target according to the log, in order."""
        return tuple(sorted(each.label for each in self.accounts.values() if each.is_present))

    @property
    def entries(self) -> int:
        """How many objects the job itself counts in the target."""
        # Pairs of object types, such as "User to User".
        return sum(count for name, count in (self.job.counts if self.job else {}).items() if " to " in name)

    @property
    def count(self) -> int:
        """How many accounts would go: the log may not reach back to all of them."""
        return max(len(self.present), self.entries)

    @property
    def is_blocked(self) -> bool:
        """Whether accounts would stay in the target, because nothing can delete them."""
        return bool(self.present or self.entries) and (self.job is None or bool(self.refused_by_target))

    @property
    def was_started(self) -> bool:
        """Whether the job may have created accounts: its first cycle creates some before it ends."""
        return self.job is not None and self.job.state != "created"

    @property
    def needed(self) -> bool:
        """Whether the job has to delete accounts first."""
        if self.job is None or not self.was_started or self.refused_by_target:
            return False
        if self.settings or self.assigned or self.present:
            return True
        # The count may be of the cycle before the one that deleted them: Graph does not document it.
        return self.entries > sum(not each.is_present for each in self.accounts.values())

    @property
    def is_running(self) -> bool:
        """Whether the job does its work."""
        return self.job is not None and self.job.state in RUNNING

    def explain_guests_stay(self, key: str) -> StepFailed:
        """Return why an instance is not retired although all else could be deleted."""
        accounts = format_names(self.present, self.count)
        why = f": {self.refused_by_target}" if self.refused_by_target else "."
        if self.job is None:
            why = ": its job is gone."
        # Cause: The target withdrew its policy before the accounts were deleted, or the job was deleted by hand.
        return StepFailed(
            "GuestsStay",
            f"Retiring {key} would leave {accounts} in tenant {self.target_tenant_id}, "
            f"which cannot be deleted from here any more{why}",
            "Have the target allow synchronization again and retire it once more, "
            "or add --force and have its administrators delete them.",
            step="deprovision",
        )

    def explain_unfinished(self, key: str, names: Sequence[str]) -> StepFailed:
        """Return that the deletions were not seen in time."""
        accounts = format_names(names, 0 if names else self.entries)
        # Cause: The job has not deleted all accounts in time, or the provisioning log does not show it yet.
        return StepFailed(
            "DeprovisioningUnfinished",
            f"{key} was not deleted yet: the log does not show that {accounts} left tenant {self.target_tenant_id}.",
            "The job goes on deleting them. Retire it again later; that continues here.",
            step="deprovision",
        )


def format_names(names: Sequence[str], count: int = 0) -> str:
    """Return accounts as a text: their number, and the first names; the count may be larger than the known names."""
    total, shown = max(len(names), count), names[:_NAMED]
    accounts = f"{total} account{'' if total == 1 else 's'}"
    more = f" and {total - len(shown)} more" if total > len(shown) else ""
    return f"{accounts} ({', '.join(shown)}{more})" if shown else accounts


async def plan_deprovisioning(
    graph: GraphClient,
    store: "Store | None",
    tenant_id: str,
    service_principal_id: str,
    jobs: Sequence[JobHealth],
    assigned: Iterable[Assigned],
) -> Deprovisioning | None:
    """Return what has to happen in the target of a cross-tenant application; None for any other.

    Args:
        graph: A client of the source tenant.
        store: Where harvested events are; None if there is none.
        tenant_id: The source tenant.
        service_principal_id: The application's.
        jobs: Its jobs.
        assigned: Who is assigned to it.

    Raises:
        StepFailed: A setting cannot be changed without losing a secret.
        GraphError: The secrets or the log could not be read.
    """
    secrets = await graph.batched.synchronization.secrets(service_principal_id)
    target = secrets.get(COMPANY_ID, "")
    if not target or secrets.get(AUTHENTICATION_TYPE) != SYNC_POLICY:
        return None
    job = jobs[0] if jobs else None
    if job is not None and not Deprovisioning(target, job).was_started:
        return Deprovisioning(target, job)
    accounts, refusal = await gather(
        read_accounts(graph, store, tenant_id, service_principal_id),
        _read_refusal(graph, service_principal_id, job),
    )
    wanted = _wanted_settings(secrets)
    changes = tuple(FieldChange(name, secrets.get(name), value) for name, value in wanted.items())
    people = tuple(sorted(assigned, key=lambda each: (each.principal_id, each.role_id)))
    return Deprovisioning(target, job, accounts, people, {**secrets, **wanted} if wanted else {}, changes, refusal)


async def _read_refusal(graph: GraphClient, service_principal_id: str, job: JobHealth | None) -> str:
    """Return why the target takes no changes; empty if it does.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-validatecredentials
    """
    if job is None:
        return ""
    try:
        # Saved credentials are validated at the target, which refuses them once it allows no synchronization.
        await graph.synchronization.validate_saved_credentials(service_principal_id, job.job_id or "")
    except BadRequest as error:
        return error.message or error.what
    return ""


def _wanted_settings(secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with which a cycle deletes all accounts that left the scope."""
    wanted = {}
    if secrets.get("SyncAll", "").lower() == "true":
        # With all users in scope, none leaves it.
        wanted["SyncAll"] = "false"
    if secrets.get("SkipOutOfScopeDeletions", "").lower() == "true":
        wanted["SkipOutOfScopeDeletions"] = "False"
    notification = parse_setting(secrets.get(NOTIFICATION, ""))
    if notification.get("DeleteThresholdEnabled"):
        # Emptying the scope deletes all at once, which the threshold exists to hold back.
        wanted[NOTIFICATION] = json.dumps(notification | {"DeleteThresholdEnabled": False}, separators=(",", ":"))
    if wanted and MASK in secrets.values():
        masked = ", ".join(sorted(key for key, value in secrets.items() if value == MASK))
        raise StepFailed(
            "SettingsNotChangeable",
            f"Its settings keep accounts from being deleted, and saving others would erase {masked}.",
            f"Change {', '.join(wanted)} in the portal, then retire it again.",
            step="plan",
        )
    return wanted
