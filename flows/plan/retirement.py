"""Planning a retirement: which applications are deleted, and what goes with them."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flows.errors import StepFailed
from flows.fleet_file.cross_tenant import TEMPLATE_ID
from flows.fleet_file.models import Fleet
from flows.monitoring.health import UNREADABLE, JobHealth, assess_job
from flows.plan.deprovisioning import SYNCHRONIZATION_TEMPLATE_ID, Deprovisioning, plan_deprovisioning
from flows.plan.diff import UnknownKey
from flows.plan.outcome import InstanceOutcome
from flows.plan.plan import FieldChange
from flows.plan.safety import refuse_large_share
from flows.plan.withdrawal import Withdrawal, list_given, plan_withdrawal
from flows.tenant.assignments import Assigned, list_assigned
from flows.tenant.instance_state import ObservedInstance
from flows.tenant.observe import OwnedApplications, find_owned_applications, format_two_applications
from flows.tenant.recycle_bin import DeletedApplication, deleted_applications, deleted_service_principal
from graph_client import GraphClient
from graph_client.errors import NotFound
from graph_client.models import SynchronizationJob
from graph_client.parallel import gather
from graph_client.protocol import text_literal

if TYPE_CHECKING:
    from flows.store import GivenAccess, Store


@dataclass(frozen=True)
class Retirement:
    """The plan for retiring one instance."""

    key: str
    fleets: frozenset[str]
    """The fleet names that its tags may have."""
    display_name: str = ""
    application_id: str | None = None
    service_principal_id: str | None = None
    jobs: tuple[JobHealth, ...] = ()
    assigned: frozenset[Assigned] = frozenset()
    live: bool = False
    """Whether it exists outside the recycle bin."""
    purge: bool = False
    """Whether to delete it from the recycle bin too."""
    is_cross_tenant: bool = False
    """Whether it synchronizes to another tenant, where accounts would stay."""
    force: bool = False
    """Whether accounts may stay in the target system."""
    deprovisioning: Deprovisioning | None = None
    """What the target loses first; None but for cross-tenant synchronization."""
    given: tuple["GivenAccess", ...] = ()
    """The access that was given for it in the policies of two tenants."""
    withdrawal: Withdrawal | None = None
    """What is withdrawn of that; None if all of it stays."""
    refusal: StepFailed | None = None

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return self.refusal is None and (self.live or self.purge or self.withdrawal is not None)

    @property
    def action(self) -> str:
        """What the journal calls it."""
        return "retire"

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """The changes for the journal."""
        gone = FieldChange("application", self.display_name, "purged" if self.purge else "deleted")
        withdrawn = self.withdrawal.changes if self.withdrawal else ()
        if not (self.live or self.purge):
            return withdrawn
        first = self.deprovisioning
        if first is None or not first.needed:
            return (gone, *withdrawn)
        removed = (
            FieldChange("assignments", each.principal_name or each.principal_id, None) for each in first.assigned
        )
        return (*first.changes, *removed, gone, *withdrawn)

    def outcome(self) -> InstanceOutcome:
        """Return the outcome."""
        done = "unchanged" if not self.needed else "purged" if self.purge else "retired"
        job_id = self.jobs[0].job_id if self.jobs else None
        outcome = InstanceOutcome(self.key, done, self.application_id, self.service_principal_id, job_id)
        if self.deprovisioning and self.deprovisioning.is_blocked:
            outcome.accounts_left = self.deprovisioning.present
        if self.refusal:
            outcome.fail(self.refusal)
        return outcome


async def plan_retirements(
    graph: GraphClient,
    fleet: Fleet,
    keys: Sequence[str],
    *,
    application_id: str | None = None,
    purge: bool = False,
    force: bool = False,
    policies: bool = False,
    store: "Store | None" = None,
) -> list[Retirement]:
    """Find the applications with the tags of some keys, including keys no longer in the fleet file.

    Args:
        graph: A signed-in client.
        fleet: The fleet.
        keys: Keys to retire.
        application_id: Object id of the application to retire, where two have the tag of the key.
        purge: Whether to delete them from the recycle bin too.
        force: Whether to override the limit, and to leave accounts in a target that no longer lets them be deleted.
        policies: Whether to withdraw the access that was given for them in the policies of two tenants.
        store: Where harvested events are; None if there is none.

    Raises:
        UnknownKey: A key is neither in the file nor in the tenant, nor in its recycle bin.
        StepFailed: They are too large a part of the fleet.
        GraphError: A read failed after all retries.
    """
    application_id = application_id.lower() if application_id else None  # as Graph returns ids
    owned = await find_owned_applications(graph, fleet)
    instances = {instance.key: instance for instance in fleet.instances}
    live = {key: owned.of(key, instances.get(key)) for key in keys}
    absent = [key for key, found in live.items() if not found]
    # The bin has no filter, so it is read only when it is needed.
    deleted = await deleted_applications(graph, fleet) if absent or application_id else ()
    given = await asyncio.to_thread(lambda: {key: list_given(store, fleet, key) for key in live}) if store else {}
    known = {*instances, *(each.key for each in deleted), *(key for key in given if given[key])}
    if unknown := [key for key in absent if key not in known]:
        where = "the fleet file, the tenant or its recycle bin"
        raise UnknownKey(f"Fleet {fleet.fleet} has no instance {', '.join(unknown)} in {where}.", "Check --only.")
    # Of those that exist: keys that are gone already cost nothing.
    _check_share(sum(map(bool, live.values())), len(owned.by_key), force=force)
    search = _Search(graph, store, fleet, owned, deleted, application_id, policies)
    blank = [Retirement(key, fleet.names, purge=purge, force=force, given=given.get(key, ())) for key in live]
    return list(await gather(*(search.complete(plan, live[plan.key]) for plan in blank)))


@dataclass(frozen=True)
class _Search:
    """Where the applications of the keys are looked for."""

    graph: GraphClient
    store: "Store | None"
    fleet: Fleet
    owned: OwnedApplications
    deleted: Collection[DeletedApplication]
    application_id: str | None
    policies: bool

    async def complete(self, plan: Retirement, live: Collection[ObservedInstance]) -> Retirement:
        """Return the plan with what was found, or with why it is refused."""
        try:
            # A second application with the same key still needs the policies.
            if self.policies and len(live) <= 1:
                plan = replace(plan, withdrawal=plan_withdrawal(self.fleet, plan.key, plan.given))
            found = _chosen(plan.key, live, self.application_id)
            if found is not None:
                seen = await _looked_up(self.graph, plan, found)
                return await _deprovision_first(self.graph, self.store, self.fleet, seen)
            return await self._look_into_bin(plan)
        except StepFailed as refusal:
            return replace(plan, refusal=refusal)
        except UNREADABLE as error:
            return replace(plan, refusal=StepFailed.of("find-job", error))

    async def _look_into_bin(self, plan: Retirement) -> Retirement:
        mine = [each for each in self.deleted if each.key == plan.key]
        gone = [each for each in mine if self.application_id in {None, each.application_id}]
        if not gone:
            _refuse_unmanaged(plan.key, self.fleet.fleet, self.owned, self.application_id)
        # The most recently deleted one is the retired one.
        return await _from_bin(self.graph, plan, gone[-1]) if gone and plan.purge else replace(plan, purge=False)


def _check_share(count: int, of: int, *, force: bool) -> None:
    refusal = None if force else refuse_large_share(count, of, "retire")
    if refusal:
        # Cause: One retire of more than 30 % of the fleet.
        raise StepFailed("TooManyRetired", refusal.message, refusal.hint, step="plan")


def _chosen(key: str, found: Collection[ObservedInstance], application_id: str | None) -> ObservedInstance | None:
    if application_id is None:
        if len(found) > 1:
            raise format_two_applications(key, [item.application_id or item.app_id for item in found])
        return next(iter(found), None)
    return next((item for item in found if item.application_id == application_id), None)


def _refuse_unmanaged(key: str, fleet: str, owned: OwnedApplications, application_id: str | None) -> None:
    """Refuse an application that the fleet does not manage.

    Raises:
        StepFailed: There is one that could be meant.
    """
    strangers = owned.strangers.get(key, ())
    if application_id is None and not strangers:
        return
    named = application_id or strangers[0].application_id or strangers[0].app_id
    raise StepFailed(
        "NotOurs",
        f"The application {named} does not have the ownership tag of {key} in fleet {fleet}.",
        "It was not changed: only applications with the fleet's tag are retired. Delete it in the portal if necessary.",
        step="find",
    )


async def _from_bin(graph: GraphClient, plan: Retirement, deleted: DeletedApplication) -> Retirement:
    return replace(
        plan,
        display_name=deleted.display_name,
        application_id=deleted.application_id,
        service_principal_id=await deleted_service_principal(graph, deleted.app_id),
    )


async def _looked_up(graph: GraphClient, plan: Retirement, found: ObservedInstance) -> Retirement:
    # Its tag may be missing, so that it was found by its service principal alone.
    application_id = found.application_id or await _application_id(graph, found.app_id)
    plan = replace(plan, display_name=found.display_name, application_id=application_id, live=True)
    if found.service_principal_id is None:
        return plan
    # By its template too: a job that was deleted by hand leaves accounts behind.
    cross_tenant = found.template_id == TEMPLATE_ID
    plan = replace(plan, service_principal_id=found.service_principal_id, is_cross_tenant=cross_tenant)
    jobs, principals = await _read_below(graph, found.service_principal_id)
    healths = tuple(assess_job(job) for job in sorted(jobs, key=lambda job: job.id))
    cross_tenant = cross_tenant or any(job.template_id == SYNCHRONIZATION_TEMPLATE_ID for job in jobs)
    return replace(plan, jobs=healths, assigned=principals, is_cross_tenant=cross_tenant)


async def _read_below(
    graph: GraphClient, service_principal_id: str
) -> tuple[Sequence[SynchronizationJob], frozenset[Assigned]]:
    """Return the jobs and the assignments of a service principal, and nothing if it is gone."""
    read: tuple[Sequence[SynchronizationJob], frozenset[Assigned]] = (), frozenset()
    # A job that is not seen is deleted with its application while it runs, and one replica may be behind: that there
    # is none is believed of the second read, also where the assignments are what was not found.
    for _ in range(2):
        with suppress(NotFound):
            read = await gather(
                graph.batched.synchronization.jobs(service_principal_id),
                list_assigned(graph.batched, service_principal_id),
            )
        if read[0]:
            break
    return read


async def _deprovision_first(graph: GraphClient, store: "Store | None", fleet: Fleet, plan: Retirement) -> Retirement:
    """Add what the target loses first, and refuse to leave accounts behind there."""
    if plan.service_principal_id is None or not plan.is_cross_tenant:
        return plan
    first = await plan_deprovisioning(
        graph, store, fleet.tenant_id, plan.service_principal_id, plan.jobs, plan.assigned
    )
    plan = replace(plan, deprovisioning=first)
    if first is None or not first.is_blocked or plan.force:
        return plan
    return replace(plan, refusal=first.explain_guests_stay(plan.key))


async def _application_id(graph: GraphClient, app_id: str) -> str | None:
    condition = f"appId eq {text_literal(app_id)}"
    found = [each.id async for each in graph.batched.applications.list(filter=condition, select=("id",))]
    return found[0] if found else None
