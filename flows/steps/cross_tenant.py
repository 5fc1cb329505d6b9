"""Setting up the policies of both tenants for cross-tenant synchronization: partner, what may come in, redemption.

Each is found before it is made. Of a partner configuration nothing but `automaticUserConsentSettings` is written.

Source: https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-configure-graph
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from flows.credentials.references import Secret
from flows.errors import StepFailed
from flows.fleet_file.cross_tenant import CrossTenant
from flows.plan.plan import InstancePlan
from flows.steps.credentials import send_validation
from flows.steps.idempotency import create_once, find_existing, wait_limits
from flows.store import Access, Store
from flows.store.given_access import Field, Side
from flows.tenant.cross_tenant import find_lacking_permissions, read_identity_synchronization, read_partner
from graph_client import GraphClient, TokenClaims
from graph_client.errors import BadRequest, Conflict, GraphError, NotFound, WaitExpired
from graph_client.models import CrossTenantPartner, IdentitySynchronization
from graph_client.redaction import mask


@dataclass(frozen=True)
class PolicyWriter:
    """Changes the policy of one tenant about another, and has the store remember what it gave."""

    graph: GraphClient
    """A client of the tenant whose policy it is."""
    side: Side
    store: Store
    fleet: str
    key: str
    source_tenant_id: str
    target_tenant_id: str
    intended: set[Field] = field(default_factory=set)
    """What this writer was the first to intend."""

    @property
    def partner_id(self) -> str:
        """The other tenant."""
        return self.source_tenant_id if self.side == "target" else self.target_tenant_id

    async def find_partner(self) -> CrossTenantPartner | None:
        """Return the partner configuration, if there is one."""
        return await read_partner(self.graph, self.partner_id)

    async def ensure_partner(self) -> CrossTenantPartner:
        """Return the partner configuration; create an empty one if there is none.

        Source: https://learn.microsoft.com/graph/api/crosstenantaccesspolicy-post-partners
        """
        if found := await self.find_partner():
            return found
        lost = False

        async def look_again() -> CrossTenantPartner | None:
            return await find_existing(self.graph, self.find_partner)

        async def create() -> CrossTenantPartner:
            nonlocal lost
            try:
                return await self.graph.cross_tenant_access.create_partner(self.partner_id)
            except GraphError as error:
                lost = lost or error.may_have_happened
                if not _is_duplicate(error):
                    raise
                # Another one was faster, or a replica had not shown it: it is not ours.
                if not lost:
                    await self._forget("partner")
                found = await look_again()
                if found is None:
                    raise
                return found

        async with self.giving("partner", None):
            created = await create_once(create, look_again, misleading=NotFound)
        # Also where the answer was lost: replicas may deny it for a while.
        self.graph.note_created(self.partner_id)
        return created

    async def allow_redemption(self, partner: CrossTenantPartner, allowed: bool) -> None:
        """Set whether invitations are redeemed automatically, on this side; the other direction stays as it is.

        Source: https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-update
        """
        inward = self.side == "target"
        if bool(partner.inbound_allowed if inward else partner.outbound_allowed) == allowed:
            return
        before = _text(partner.inbound_allowed if inward else partner.outbound_allowed)
        async with self.giving("redeem", before, allowed=allowed):
            # With the other direction as it was read: whether Graph would keep it is not documented.
            await self.graph.cross_tenant_access.patch_consent(
                self.partner_id,
                inbound_allowed=allowed if inward else partner.inbound_allowed,
                outbound_allowed=partner.outbound_allowed if inward else allowed,
            )

    async def allow_synchronization(self, wanted: CrossTenant) -> None:
        """Set whether users and groups may be synchronized into this tenant; what is not named stays as it is.

        Source: https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-put-identitysynchronization
        """
        found = await self._find_synchronization(wanted)
        changes = _find_changes(wanted, found)
        if not changes:
            return
        if found is not None:
            await self._patch(changes, found)
            return
        async with self._giving_all(changes, found):
            try:
                await self.graph.cross_tenant_access.put_identity_synchronization(self.partner_id, **changes)
                return
            except Conflict as error:
                lost = error.may_have_happened
                # Ours, if an earlier attempt was lost on the way back; otherwise someone else's.
                if not lost:
                    for name in changes:
                        await self._forget(name)
        found = await find_existing(self.graph, lambda: self._find_synchronization(wanted))
        await self._patch(_find_changes(wanted, found), found)

    async def _patch(self, changes: dict[Field, bool], found: IdentitySynchronization | None) -> None:
        if not changes:
            return
        async with self._giving_all(changes, found):
            await self.graph.cross_tenant_access.patch_identity_synchronization(self.partner_id, **changes)

    async def _find_synchronization(self, wanted: CrossTenant) -> IdentitySynchronization | None:
        groups = wanted.groups is not None
        return await read_identity_synchronization(self.graph, self.partner_id, groups=groups)

    @asynccontextmanager
    async def _giving_all(
        self, changes: dict[Field, bool], found: IdentitySynchronization | None
    ) -> AsyncIterator[None]:
        before = {"users": found.users_allowed, "groups": found.groups_allowed} if found else {}
        for name, allowed in changes.items():
            await self._begin(name, _text(before.get(name)), allowed)
        yield
        for name, allowed in changes.items():
            await self._end(name, allowed)

    @asynccontextmanager
    async def giving(self, name: Field, before: str | None, *, allowed: bool = True) -> AsyncIterator[None]:
        """Write down what is given before the request, and that it was given after it; or that it was taken away."""
        await self._begin(name, before, allowed)
        yield
        await self._end(name, allowed)

    async def _begin(self, name: Field, before: str | None, allowed: bool) -> None:
        given = self.store.given_access
        if allowed and await asyncio.to_thread(given.intend, self._access(name), before):
            self.intended.add(name)

    async def _end(self, name: Field, allowed: bool) -> None:
        given = self.store.given_access
        await asyncio.to_thread(given.confirm if allowed else given.withdraw, self._access(name))

    async def _forget(self, name: Field) -> None:
        # An earlier run may have given it, and died before it had the answer.
        if name in self.intended:
            await asyncio.to_thread(self.store.given_access.forget, self._access(name))

    def _access(self, name: Field) -> Access:
        return Access(self.source_tenant_id, self.fleet, self.key, self.target_tenant_id, self.side, name)


def check_permissions(plan: InstancePlan, wanted: CrossTenant, claims: TokenClaims) -> None:
    """Let an instance begin only if its target can be changed, as far as the token shows.

    Raises:
        StepFailed: A permission is missing.
    """
    if lacking := find_lacking_permissions(claims):
        raise StepFailed(
            "TargetPermissionMissing",
            f"The application that signs in to tenant {wanted.tenant_id}, the target of {plan.key}, lacks "
            f"{' and '.join(lacking)}.",
            "Nothing was changed. Grant it there as an application permission of Microsoft Graph, with admin consent.",
        )


async def prepare_target(writer: PolicyWriter, plan: InstancePlan, wanted: CrossTenant) -> None:
    """Have the target allow what the file names: the partner, what may come in, automatic redemption.

    Raises:
        GraphError: Graph refused, or the outcome stayed unknown.
    """
    partner = await writer.ensure_partner()
    if plan.touches_field("target.users", "target.groups"):
        await writer.allow_synchronization(wanted)
    if plan.touches_field("target.redeem"):
        await writer.allow_redemption(partner, wanted.redeem == "automatic")


async def prepare_source(writer: PolicyWriter, wanted: CrossTenant) -> None:
    """Have the source redeem invitations automatically.

    Raises:
        GraphError: Graph refused, or the outcome stayed unknown.
    """
    await writer.allow_redemption(await writer.ensure_partner(), wanted.redeem == "automatic")


async def validate_target(
    graph: GraphClient,
    plan: InstancePlan,
    wanted: CrossTenant,
    service_principal_id: str,
    template_id: str,
    credentials: Mapping[str, Secret],
) -> str | None:
    """Have the provisioning service try the target until it is allowed in: policies replicate.

    Returns:
        None if it is; otherwise why it is not. Only without a sign-in for the target: its administrators may take days.

    Raises:
        StepFailed: It is not, although the target's policy allows it.
        GraphError: Graph refused for another reason.
    """
    bounds = wait_limits()
    refusal: BadRequest | None = None

    async def check() -> bool | None:
        nonlocal refusal
        try:
            await send_validation(graph, plan, service_principal_id, template_id, credentials)
        except BadRequest as error:
            refusal = error
            return None
        return True

    try:
        await graph.wait_until(
            check,
            seen=1,
            within_seconds=bounds.ready_seconds if wanted.sign_in and not wanted.is_closed else bounds.lookup_seconds,
            interval_seconds=bounds.interval_seconds,
        )
    except WaitExpired:
        if refusal is None:
            raise
    else:
        return None
    if wanted.sign_in is None:
        return mask(refusal.message or refusal.what)
    raise explain_closed_target(plan.key, wanted, refusal.message or refusal.what, refusal.request_id)


def explain_closed_target(key: str, wanted: CrossTenant, refusal: str, request_id: str | None = None) -> StepFailed:
    """Return the failure of an instance whose target does not let the provisioning service in."""
    # Cause: Policies replicate for minutes; or something else in the target keeps the service out.
    return StepFailed(
        "TargetNotReady",
        f"The provisioning service is not allowed into tenant {wanted.tenant_id}, the target of {key}: {refusal}",
        "Nothing was started. Try again in some minutes; if it persists, check Cross-tenant access settings there.",
        request_id=request_id,
        step="validate-credentials",
    )


def _is_duplicate(error: GraphError) -> bool:
    # By its code: the status is not documented for a partner.
    return isinstance(error, Conflict) or error.code == "Request_MultipleObjectsWithSameKeyValue"


def _find_changes(wanted: CrossTenant, found: IdentitySynchronization | None) -> dict[Field, bool]:
    there = found or IdentitySynchronization()
    pairs: Iterable[tuple[Field, bool | None, bool]] = (
        ("users", wanted.users, there.users_allowed),
        ("groups", wanted.groups, there.groups_allowed),
    )
    return {name: after for name, after, before in pairs if after is not None and after != before}


def _text(flag: bool | None) -> str | None:
    return None if flag is None else "true" if flag else "false"
