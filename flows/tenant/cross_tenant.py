"""The cross-tenant access policies of both tenants, and the applications that have a target already.

Source: https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicy-overview
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from flows.configuration.target_tenants import TargetTenants
from flows.errors import StepFailed
from flows.fleet_file.cross_tenant import COMPANY_ID, CrossTenant
from flows.fleet_file.models import Fleet, Instance
from flows.monitoring.health import UNREADABLE
from graph_client import GraphClient, Resources, TokenClaims
from graph_client.errors import GraphError, NotFound
from graph_client.hints import missing
from graph_client.models import CrossTenantPartner, IdentitySynchronization
from graph_client.parallel import gather

_WRITING = ("PATCH", "/policies/crossTenantAccessPolicy/partners/id")


@dataclass(frozen=True)
class PolicySide:
    """What the policies of one tenant say about the other one."""

    partner: CrossTenantPartner | None = None
    synchronization: IdentitySynchronization | None = None
    """What may be synchronized into it; read of the target only."""
    failure: StepFailed | None = None
    """Why it could not be read."""
    lacking: tuple[str, ...] = ()
    """Permissions to change it that the token shows to be missing."""


@dataclass(frozen=True)
class Partnership:
    """The policies of source and target about each other, for one instance."""

    source_tenant_id: str
    source: PolicySide = PolicySide()
    target: PolicySide | None = None
    """None without a sign-in for the target."""
    taken_by: tuple[str, ...] = ()
    """Other applications of the source tenant that have this target."""


async def read_partner(graph: Resources, tenant_id: str) -> CrossTenantPartner | None:
    """Return what a tenant has set up for another one; None if nothing.

    Source: https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-get
    """
    try:
        return await graph.cross_tenant_access.get_partner(tenant_id)
    except NotFound:
        return None


async def read_identity_synchronization(
    graph: Resources, tenant_id: str, *, groups: bool
) -> IdentitySynchronization | None:
    """Return what another tenant may synchronize into this one; None if nothing was ever allowed.

    Args:
        graph: A client of the target.
        tenant_id: The source.
        groups: Whether to read about groups too, which only beta shows.

    Source: https://learn.microsoft.com/graph/api/crosstenantidentitysyncpolicypartner-get
    """
    try:
        return await graph.cross_tenant_access.get_identity_synchronization(tenant_id, groups=groups)
    except NotFound:
        return None


@dataclass(frozen=True)
class Candidate:
    """An application in the source tenant that may have a target."""

    key: str | None
    """The instance that it belongs to; None if it belongs to no instance of the fleet file."""
    label: str
    service_principal_id: str
    settings: Mapping[str, str] | None = None
    """The saved settings of its job; None if they were not read yet."""


async def observe_partnerships(
    graph: GraphClient,
    fleet: Fleet,
    planned: Iterable[Instance],
    candidates: Iterable[Candidate],
    targets: TargetTenants,
) -> dict[str, Partnership]:
    """Return the policies of both sides, by the key of each instance that has a target.

    A target that cannot be read or signed in to is a matter of its own instance.

    Args:
        graph: A client of the source.
        fleet: The fleet.
        planned: The instances to look at.
        candidates: The applications of the cross-tenant template in the source tenant.
        targets: Signs in to the targets.

    Raises:
        GraphError: The source could not be read after all retries.
    """
    wanted = {each.key: each.cross_tenant for each in planned if each.cross_tenant}
    sources, found, holders = await gather(
        gather(*(_read_source(graph, each) for each in wanted.values())),
        gather(*(_read_target(targets, each, fleet.tenant_id) for each in wanted.values())),
        gather(*(_with_settings(graph.batched, each) for each in candidates)),
    )
    sides = zip(wanted.items(), sources, found, strict=True)
    return {
        key: Partnership(fleet.tenant_id, source, target, _find_takers(key, each.tenant_id, holders))
        for (key, each), source, target in sides
    }


def _find_takers(key: str, target_tenant_id: str, candidates: Iterable[Candidate]) -> tuple[str, ...]:
    others = (each for each in candidates if each.key != key)
    return tuple(
        sorted(each.label for each in others if (each.settings or {}).get(COMPANY_ID, "").lower() == target_tenant_id)
    )


async def _read_source(graph: GraphClient, wanted: CrossTenant) -> PolicySide:
    try:
        partner = await read_partner(graph.batched, wanted.tenant_id)
        return PolicySide(partner, lacking=find_lacking_permissions(await graph.claims()))
    except UNREADABLE as error:
        return PolicySide(failure=StepFailed.of("plan", error))


async def _read_target(targets: TargetTenants, wanted: CrossTenant, source_tenant_id: str) -> PolicySide | None:
    if wanted.sign_in is None:
        return None
    try:
        target = await targets.open_tenant(wanted.sign_in, wanted.tenant_id)
        groups = wanted.groups is not None
        partner, synchronization = await gather(
            read_partner(target.graph.batched, source_tenant_id),
            read_identity_synchronization(target.graph.batched, source_tenant_id, groups=groups),
        )
    except (StepFailed, GraphError) as error:
        return PolicySide(failure=StepFailed.of("plan", error))
    return PolicySide(partner, synchronization, lacking=find_lacking_permissions(target.claims))


def find_lacking_permissions(claims: TokenClaims) -> tuple[str, ...]:
    """Return the permissions to change policies that a token shows to be missing; an opaque one shows nothing."""
    return () if claims.app_id is None else missing(*_WRITING, claims.roles)


async def _with_settings(graph: Resources, candidate: Candidate) -> Candidate:
    if candidate.settings is not None:
        return candidate
    try:
        return replace(candidate, settings=await graph.synchronization.secrets(candidate.service_principal_id))
    except UNREADABLE:
        # Those of others may be withheld from this caller.
        return candidate
