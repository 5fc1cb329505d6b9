"""Taking back access that was given in a cross-tenant access policy; what others set stays as it is."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from flows.errors import StepFailed
from flows.steps.idempotency import find_existing, wait_limits
from flows.store import Access, GivenAccess
from flows.tenant.cross_tenant import read_identity_synchronization, read_partner
from graph_client import GraphClient
from graph_client.errors import NotFound, WaitExpired
from graph_client.models import IdentitySynchronization

_ATTEMPTS = 3


async def withdraw_access(graph: GraphClient, partner_id: str, given: GivenAccess) -> bool:
    """Take one thing back, unless it is gone already, and see that it is gone.

    Args:
        graph: A client of the tenant whose policy it is.
        partner_id: The other tenant.
        given: What was given there, and what was there before.

    Returns:
        False if it is left because others have come to use it.

    Raises:
        StepFailed: It is still given after repeated withdrawal.
    """

    async def is_given() -> bool:
        return await _is_given(graph, partner_id, given.access)

    # Seen once is proof; not seen may be a replica that is behind.
    if not await is_given() and not await _stays(graph, is_given):
        return True
    for _ in range(_ATTEMPTS):
        if not await _take_back(graph, partner_id, given):
            return False
        # Also after a "not found", which Graph has been seen to answer about objects that exist.
        if not await _stays(graph, is_given):
            return True
    raise StepFailed(
        "AccessStillGiven",
        f"{given.access.side}.{given.access.field} of {given.access.key} is still given after {_ATTEMPTS} withdrawals.",
        "Retire it again later with --policies.",
    )


async def _is_given(graph: GraphClient, partner_id: str, access: Access) -> bool:
    if access.field in {"users", "groups"}:
        there = await _read_synchronization(graph, partner_id)
        return there is not None and (there.users_allowed if access.field == "users" else there.groups_allowed)
    partner = await read_partner(graph, partner_id)
    if partner is None or access.field == "partner":
        return partner is not None
    return bool(partner.inbound_allowed if access.side == "target" else partner.outbound_allowed)


async def _take_back(graph: GraphClient, partner_id: str, given: GivenAccess) -> bool:
    field = given.access.field
    if field == "partner":
        return await _delete_partner(graph, partner_id)
    # Gone, or said so by a replica that is behind: the next look decides.
    with suppress(NotFound):
        if field == "redeem":
            await _withdraw_consent(graph, partner_id, inbound=given.access.side == "target")
        else:
            await _withdraw_synchronization(graph, partner_id, given, groups=field == "groups")
    return True


async def _stays(graph: GraphClient, is_so: Callable[[], Awaitable[bool]]) -> bool:
    """Return whether something stays so although replicas have had the time to show the opposite."""
    last = True

    async def look() -> bool | None:
        nonlocal last
        last = await is_so()
        return None if last else True

    bounds = wait_limits()
    # What was seen last counts, not that the time is over: retries of a read take some of it.
    with suppress(WaitExpired):
        await graph.wait_until(
            look,
            seen=bounds.good_reads,
            within_seconds=bounds.lookup_seconds,
            interval_seconds=bounds.interval_seconds,
        )
    # Seen once more: one odd answer is no proof that others use something.
    return last and await is_so()


async def _withdraw_synchronization(graph: GraphClient, partner_id: str, given: GivenAccess, *, groups: bool) -> None:
    """Disallow users or groups; the object goes if it was made for them and allows nothing else.

    Source: https://learn.microsoft.com/graph/api/crosstenantidentitysyncpolicypartner-update,
        https://learn.microsoft.com/graph/api/crosstenantidentitysyncpolicypartner-delete
    """
    access = graph.cross_tenant_access
    there = await find_existing(graph, lambda: _read_synchronization(graph, partner_id))
    if there is None:
        return
    allowed, other = there.users_allowed, there.groups_allowed
    if groups:
        allowed, other = other, allowed
    if given.before is None and not other:
        await access.delete_identity_synchronization(partner_id)
    elif allowed and groups:
        await access.patch_identity_synchronization(partner_id, groups=False)
    elif allowed:
        await access.patch_identity_synchronization(partner_id, users=False)


async def _withdraw_consent(graph: GraphClient, partner_id: str, *, inbound: bool) -> None:
    """Have invitations accepted by hand again; false where nothing was set before, as null cannot be relied on.

    Source: https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-update
    """
    there = await find_existing(graph, lambda: read_partner(graph, partner_id))
    if there is None:
        return
    # The other direction is sent as it is: whether Graph keeps what is left out is not documented.
    if inbound and there.inbound_allowed:
        await graph.cross_tenant_access.patch_consent(
            partner_id, inbound_allowed=False, outbound_allowed=there.outbound_allowed
        )
    elif not inbound and there.outbound_allowed:
        await graph.cross_tenant_access.patch_consent(
            partner_id, inbound_allowed=there.inbound_allowed, outbound_allowed=False
        )


async def _delete_partner(graph: GraphClient, partner_id: str) -> bool:
    """Delete the partner, unless others have set something there; return whether it is gone.

    Source: https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-delete
    """
    # What was withdrawn a moment ago may still show.
    if await _stays(graph, lambda: _shows_use(graph, partner_id)):
        return False
    # Graph deletes no partner that has one, even if it allows nothing.
    if await _read_synchronization(graph, partner_id):
        with suppress(NotFound):
            await graph.cross_tenant_access.delete_identity_synchronization(partner_id)
    with suppress(NotFound):
        await graph.cross_tenant_access.delete_partner(partner_id)
    return True


async def _shows_use(graph: GraphClient, partner_id: str) -> bool:
    partner = await read_partner(graph, partner_id)
    synchronization = await _read_synchronization(graph, partner_id)
    used = partner and (partner.has_other_settings or partner.inbound_allowed or partner.outbound_allowed)
    allows = synchronization and (synchronization.users_allowed or synchronization.groups_allowed)
    return bool(used or allows)


async def _read_synchronization(graph: GraphClient, partner_id: str) -> IdentitySynchronization | None:
    # With groups, which others may have allowed: deleting the object would take that away.
    return await read_identity_synchronization(graph, partner_id, groups=True)
