"""Policies for tokens, and the service principals that they are assigned to.

https://learn.microsoft.com/graph/api/resources/claimsmappingpolicy
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from graph_emulator.clock import guid
from graph_emulator.directory.directory import arrivals, has_arrived
from graph_emulator.settings import EmulatorSettings
from graph_emulator.wire.problems import bad_request, not_found

PolicyKind = Literal["claimsMappingPolicies", "tokenIssuancePolicies"]


@dataclass(slots=True)
class Policy:
    """One policy, and when each replica knows it."""

    value: dict[str, Any]
    arrivals: tuple[float, ...]


@dataclass(slots=True)
class Assigned:
    """The policy of a service principal, and when each replica shows it there."""

    policy_id: str
    arrivals: tuple[float, ...]


class TokenPolicies:
    """The policies of one kind; a service principal has at most one of them.

    Args:
        settings: the seed and the lags of the tenant.
        kind: the name of their collection.
    """

    def __init__(self, settings: EmulatorSettings, kind: PolicyKind) -> None:
        self.kind = kind
        self._settings = settings
        self._made = 0
        self._policies: dict[str, Policy] = {}
        self._assigned: dict[str, Assigned] = {}

    def create(self, display_name: str, definition: list[str], default: bool, now: float) -> dict[str, Any]:
        """Add a policy; names need not be unique."""
        self._made += 1
        id_ = guid(self._settings.seed, self.kind, self._made)
        value = {
            "id": id_,
            "deletedDateTime": None,
            "definition": definition,
            "displayName": display_name,
            "isOrganizationDefault": default,
        }
        lag = self._settings.replication_lag_seconds
        self._policies[id_] = Policy(value, arrivals(self._settings.seed, id_, now, lag))
        return value

    def get(self, policy_id: str, replica: int, now: float) -> dict[str, Any]:
        """One policy.

        Raises:
            GraphProblem: 404, it does not exist, or not yet on this replica.
        """
        policy = self._policies.get(policy_id.lower())
        if policy is None or not has_arrived(policy.arrivals, replica, now):
            raise not_found(policy_id)
        return policy.value

    def all(self, replica: int, now: float) -> Iterator[dict[str, Any]]:
        """The policies that a replica knows."""
        return (each.value for each in self._policies.values() if has_arrived(each.arrivals, replica, now))

    def delete(self, policy_id: str) -> None:
        """Delete a policy, which no service principal has any more."""
        del self._policies[policy_id]
        self._assigned = {id_: each for id_, each in self._assigned.items() if each.policy_id != policy_id}

    def assign(self, principal_id: str, policy_id: str, now: float) -> None:
        """Assign a policy to a service principal.

        Raises:
            GraphProblem: 400, it has one already.
        """
        assigned = self._assigned.get(principal_id)
        if assigned is not None and assigned.policy_id == policy_id:
            raise bad_request(
                "One or more added object references already exist for the following modified properties: "
                f"'{self.kind}'."
            )
        if assigned is not None:
            raise bad_request(f"Only one of {self.kind} can be assigned to a service principal.")
        lag = self._settings.change_lag_seconds
        when = arrivals(self._settings.seed, f"{principal_id} {policy_id} {now}", now, lag)
        self._assigned[principal_id] = Assigned(policy_id, when)

    def unassign(self, principal_id: str, policy_id: str) -> None:
        """Take a policy from a service principal.

        Raises:
            GraphProblem: 404, it does not have this one.
        """
        assigned = self._assigned.get(principal_id)
        if assigned is None or assigned.policy_id != policy_id.lower():
            raise not_found(policy_id)
        del self._assigned[principal_id]

    def of(self, principal_id: str, replica: int, now: float) -> list[dict[str, Any]]:
        """The policy of a service principal, if it has one, as a replica shows it."""
        assigned = self._assigned.get(principal_id)
        if assigned is None or not has_arrived(assigned.arrivals, replica, now):
            return []
        return [self._policies[assigned.policy_id].value]

    def principals_of(self, policy_id: str) -> list[str]:
        """The ids of the service principals that have a policy."""
        return [id_ for id_, each in self._assigned.items() if each.policy_id == policy_id]
