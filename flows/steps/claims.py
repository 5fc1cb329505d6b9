"""Claims mapping policies: created once, kept as the file says, and assigned to the applications that name them.

Source: https://learn.microsoft.com/graph/api/resources/claimsmappingpolicy
"""

import asyncio
from collections import defaultdict
from contextlib import suppress

from flows.errors import StepFailed
from flows.fleet_file.single_sign_on import ClaimsPolicy
from flows.plan.outcome import ApplicationIds
from flows.plan.plan import InstancePlan
from flows.plan.single_sign_on import find_claims_conflict
from flows.steps.idempotency import create_once, find_existing
from flows.steps.single_sign_on import wait_until_agreed
from flows.tenant.ownership_tag import OwnershipTag
from flows.tenant.single_sign_on import (
    FleetPolicies,
    ObservedSignOn,
    choose_policy,
    has_definition,
    read_assigned_policy,
)
from graph_client import GraphClient
from graph_client.errors import BadRequest, Conflict, NotFound
from graph_client.models import ClaimsMappingPolicy


class ClaimsPolicies:
    """The policies of one run: each is looked at, created or changed once, however many instances name it."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._ready: dict[str, ClaimsMappingPolicy] = {}

    async def prepare(self, graph: GraphClient, plan: InstancePlan, claims: ClaimsPolicy) -> ClaimsMappingPolicy:
        """Return the policy that an instance names, which says what the file says.

        Raises:
            WaitExpired: The reads of the policy do not agree in time.
            GraphError: Graph refused.
        """
        # One after the other: two that find none would create two.
        async with self._locks[claims.name]:
            if claims.name not in self._ready:
                self._ready[claims.name] = await _prepare(graph, plan, claims)
            return self._ready[claims.name]


async def configure_claims(
    graph: GraphClient, policies: ClaimsPolicies, plan: InstancePlan, placed: ApplicationIds
) -> None:
    """Give an application the claims policy in `sso`, or take one of the fleet off it that the file no longer names.

    Raises:
        StepFailed: Someone else has assigned a policy since the plan.
        WaitExpired: The reads of the policy do not agree in time.
        GraphError: Graph refused.
    """
    sso, principal_id = plan.instance.sso, placed.service_principal_id
    wanted = await policies.prepare(graph, plan, sso.claims) if sso and sso.claims else None
    assigned = await read_assigned_policy(graph, principal_id)
    if assigned is not None and (wanted is None or assigned.id != wanted.id):
        known = FleetPolicies((assigned,) if assigned.display_name == _planned(plan, "sso.claims") else ())
        if conflict := find_claims_conflict(plan.fleet, plan.instance, ObservedSignOn(claims=assigned), known):
            raise StepFailed(conflict.code, conflict.message, conflict.hint, step="configure-sign-on")
        if known.has(assigned, plan.fleet):
            # Gone already: someone else removed it, or an earlier attempt whose answer was lost.
            with suppress(NotFound):
                await graph.claims_mapping_policies.unassign(principal_id, assigned.id)
        assigned = None
    if wanted is not None and assigned is None:
        await _assign(graph, principal_id, wanted.id)


def _planned(plan: InstancePlan, field: str) -> str | None:
    """Return what a field was when it was planned."""
    return next((each.before for each in plan.changes if each.field == field), None)


async def _prepare(graph: GraphClient, plan: InstancePlan, claims: ClaimsPolicy) -> ClaimsMappingPolicy:
    name = OwnershipTag(plan.fleet, claims.name).tag
    # After a rename of the fleet, the policy still has the name from before.
    names = dict.fromkeys(filter(None, (name, _planned(plan, "sso.claims.name"))))

    async def look() -> ClaimsMappingPolicy | None:
        listed = [each for own in names async for each in graph.claims_mapping_policies.list(display_name=own)]
        return choose_policy(listed, plan.fleet, claims.name)

    async def create() -> ClaimsMappingPolicy:
        return await graph.claims_mapping_policies.create(display_name=name, definition=[claims.text])

    async def find() -> ClaimsMappingPolicy | None:
        return await find_existing(graph, look)

    if await find() is None:
        await create_once(create, find)
    # Every replica has to know it: an assignment of an unknown policy is refused.
    policy = await wait_until_agreed(graph, look)
    if policy.display_name != name or not has_definition(policy, claims):
        await graph.claims_mapping_policies.patch(policy.id, display_name=name, definition=[claims.text])
    return policy


async def _assign(graph: GraphClient, principal_id: str, policy_id: str) -> None:
    async def look() -> bool | None:
        policy = await read_assigned_policy(graph, principal_id)
        return (policy is not None and policy.id == policy_id) or None

    async def is_assigned() -> bool | None:
        return await find_existing(graph, look)

    async def assign() -> bool:
        try:
            await graph.claims_mapping_policies.assign(principal_id, policy_id)
        except (BadRequest, Conflict):
            # Graph reports a duplicate as a bad request, and reads lag behind writes: look it up.
            if not await is_assigned():
                raise
        return True

    await create_once(assign, is_assigned)
