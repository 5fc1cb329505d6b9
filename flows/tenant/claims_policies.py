"""The claims mapping policies of a fleet, and the one that an application has.

Graph's policies have no tags, so ours are known by their display name, which is the ownership tag that an application
would have: `entra-fleet:FLEET:NAME`.

Source: https://learn.microsoft.com/graph/api/resources/claimsmappingpolicy
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from flows.fleet_file.models import Fleet
from flows.fleet_file.single_sign_on import ClaimsPolicy
from flows.monitoring.health import UNREADABLE
from flows.tenant.ownership_tag import OwnershipTag
from graph_client import GraphClient, Resources
from graph_client.errors import GraphError
from graph_client.models import ClaimsMappingPolicy


@dataclass(frozen=True)
class FleetPolicies:
    """The policies of a fleet, as far as they could be read."""

    policies: tuple[ClaimsMappingPolicy, ...] = ()
    unreadable: GraphError | None = None
    """Why they could not be read, which concerns only the instances that name one."""

    def has(self, policy: ClaimsMappingPolicy | None, fleet: str) -> bool:
        """Return whether a policy is the fleet's, by its name or by what was read."""
        if policy is None:
            return False
        return is_of_fleet(policy, {fleet}) or policy.id in {each.id for each in self.policies}


NO_POLICIES = FleetPolicies()


async def find_fleet_policies(graph: GraphClient, fleet: Fleet) -> FleetPolicies:
    """Return the policies with a fleet's tag; none is looked for if no instance signs people in.

    Source: https://learn.microsoft.com/graph/api/claimsmappingpolicy-list
    """
    if not any(instance.sso for instance in fleet.instances):
        return NO_POLICIES
    try:
        # All of them: the service filters by whole names, and a tenant has few.
        found = [each async for each in graph.batched.claims_mapping_policies.list()]
    except UNREADABLE as error:
        return FleetPolicies(unreadable=error)
    return FleetPolicies(tuple(each for each in found if is_of_fleet(each, fleet.names)))


async def read_assigned_policy(graph: Resources, service_principal_id: str) -> ClaimsMappingPolicy | None:
    """Return the policy that is assigned to an application, no matter who assigned it.

    Raises:
        GraphError: The read failed after all retries.

    Source: https://learn.microsoft.com/graph/api/serviceprincipal-list-claimsmappingpolicies
    """
    async for policy in graph.claims_mapping_policies.assigned(service_principal_id):
        return policy
    return None


def is_of_fleet(policy: ClaimsMappingPolicy, fleets: Collection[str]) -> bool:
    """Return whether a policy has the tag of one of these fleets as its name."""
    tag = OwnershipTag.in_tags([policy.display_name or ""])
    return tag is not None and tag.fleet in fleets


def choose_policy(policies: Iterable[ClaimsMappingPolicy], fleet: str, name: str) -> ClaimsMappingPolicy | None:
    """Return the policy with a name: that of the fleet's current name first, then always the same one."""
    found = [(OwnershipTag.in_tags([each.display_name or ""]), each) for each in policies]
    named = [(tag.fleet != fleet, each.id, each) for tag, each in found if tag and tag.key == name]
    return min(named, key=lambda each: each[:2])[2] if named else None


def has_definition(policy: ClaimsMappingPolicy, wanted: ClaimsPolicy) -> bool:
    """Return whether a policy says what the file says; `true` and `"true"` are the same to Entra ID."""
    try:
        (found,) = map(json.loads, policy.definition)
    except ValueError:
        return False
    return _as_texts(found) == _as_texts(wanted.definition)


def _as_texts(value: object) -> object:
    if isinstance(value, dict):
        return {name: _as_texts(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_texts(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
