"""Cross-tenant synchronization: what the policies of both tenants allow, and the guests in the target tenant.

https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-overview
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from graph_emulator.clock import write_moment
from graph_emulator.directory.directory import Entry
from graph_emulator.directory.partners import Partners, Version
from graph_emulator.directory.people import People
from graph_emulator.provisioning.provisioning_log import account_id
from graph_emulator.settings import EmulatorSettings

NOT_FOUND = "ExternalTenantNotFound"
_IN_WORDS = (
    "You appear to have entered invalid credentials. Please confirm you are using the correct information for an "
    "administrative account."
)
# The texts of https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-configure
_NO_TENANT = (
    "This tenant was not found by the authentication authority of the current cloud: {0}. The authentication "
    "authority is https://login.microsoftonline.com/{0}."
)
_NO_CONSENT = (
    "The source tenant has not enabled automatic user consent with the target tenant. Please enable the outbound "
    "cross-tenant access policy for automatic user consent in the source tenant. "
    "aka.ms/TroubleshootingCrossTenantSyncPolicyCheck"
)
_NOT_ALLOWED = (
    "The target tenant has not enabled inbound synchronization with this tenant. Please request the target tenant "
    "admin to enable the inbound synchronization on their cross-tenant access policy. Learn more: "
    "aka.ms/TroubleshootingCrossTenantSyncPolicyCheck"
)
_SECOND = "There is already a configuration for this target tenant."  # an invented text: none is published


class Side(Protocol):
    """What the provisioning service reaches of a tenant."""

    settings: EmulatorSettings
    partners: Partners
    people: People


@dataclass(frozen=True, slots=True)
class PolicyFailure:
    """Why synchronization into a tenant is refused."""

    code: str
    details: str

    @property
    def text(self) -> str:
        """The text as the portal shows it."""
        return f"{_IN_WORDS}\nError code: {self.code}\nDetails: {self.details}"


class TargetTenants:
    """The tenants that this one may synchronize into.

    Args:
        source: this tenant.
        neighbors: the tenants of the same cloud by id; None where it is alone, and every target is elsewhere.
        has_earlier: whether an older application than this one synchronizes into the same tenant.
    """

    def __init__(
        self, source: Side, neighbors: Mapping[str, Side] | None, has_earlier: Callable[[Entry, str], bool]
    ) -> None:
        self._source = source
        self._neighbors = neighbors
        self._has_earlier = has_earlier

    def refusal(self, principal: Entry, credentials: Mapping[str, str], now: float) -> PolicyFailure | None:
        """Why nothing may be synchronized into the tenant of these credentials; None if it may."""
        if self._neighbors is None or not principal.template.is_cross_tenant:
            return None
        target_id, settings = credentials.get("CompanyId", "").lower(), self._source.settings
        target = self._neighbors.get(target_id)
        if target is None:
            return PolicyFailure(NOT_FOUND, _NO_TENANT.format(target_id[:100]))
        code = settings.policy_failure_code
        if settings.second_configuration == "refused" and self._has_earlier(principal, target_id):
            return PolicyFailure(code, _SECOND)
        theirs, ours = self._policies(target, now)
        # The target first: which of the two Entra looks at first is not documented.
        if not theirs.users_allowed:
            return PolicyFailure(code, _NOT_ALLOWED)
        if settings.policy_check == "both tenants" and not ours.consents("outboundAllowed"):
            return PolicyFailure(code, _NO_CONSENT)
        return None

    def writer_for(self, principal: Entry, credentials: Mapping[str, str], now: float) -> "GuestWriter | None":
        """The way of writing into the tenant of these credentials; None if it is elsewhere."""
        target = self._target(principal, credentials)
        if target is None:
            return None
        theirs, ours = self._policies(target, now)
        redeemed = theirs.consents("inboundAllowed") and ours.consents("outboundAllowed")
        state = "Accepted" if redeemed else "PendingAcceptance"
        return GuestWriter(
            self._source.settings.tenant_id, target, principal.id, state, write_moment(now), theirs.groups_allowed
        )

    def is_in_flux(self, principal: Entry, credentials: Mapping[str, str], now: float) -> bool:
        """Whether a change of the policies will only become effective later."""
        target = self._target(principal, credentials)
        if target is None:
            return False
        ours, theirs = self._source.settings.tenant_id, target.settings.tenant_id
        return target.partners.is_in_flux(ours, now) or self._source.partners.is_in_flux(theirs, now)

    def _target(self, principal: Entry, credentials: Mapping[str, str]) -> Side | None:
        if self._neighbors is None or not principal.template.is_cross_tenant:
            return None
        return self._neighbors.get(credentials.get("CompanyId", "").lower())

    def _policies(self, target: Side, now: float) -> tuple[Version, Version]:
        """What the provisioning service knows of the policies of the target and of the source."""
        ours, theirs = self._source.settings.tenant_id, target.settings.tenant_id
        return target.partners.as_of(ours, now), self._source.partners.as_of(theirs, now)


@dataclass(frozen=True, slots=True)
class GuestWriter:
    """Writes users of a tenant into another one, where they are guests."""

    source_id: str
    target: Side
    principal_id: str
    state: str
    """The externalUserState of new guests."""
    moment: str
    groups_allowed: bool

    def accepts(self, kind: str, subject: Mapping[str, Any]) -> bool:
        """Whether a subject is synchronized at all: internal users, and groups where the target allows them."""
        return self.groups_allowed if kind == "Group" else subject["creationType"] is None

    def create(self, kind: str, subject: dict[str, Any]) -> str | None:
        """Create a guest, or take over the one that exists."""
        if self._find(kind, subject) is not None:
            return self.update(kind, subject)
        identifier = account_id(self.principal_id, subject["id"])
        if kind == "Group":
            self.target.people.groups[identifier] = {**subject, "id": identifier}
            self.target.people.members[identifier] = []  # memberships are not carried over here
        else:
            self.target.people.users[identifier] = self._guest(identifier, subject)
            self.target.people.home_tenants[identifier] = self.source_id
        return None

    def update(self, kind: str, subject: dict[str, Any]) -> str | None:
        """Change the mapped attributes."""
        found = self._find(kind, subject)
        if found is None:
            return self.create(kind, subject)  # somebody deleted it in the target
        # The consent that was given at the invitation stays, whatever the policies say today.
        names = ("displayName",) if kind == "Group" else ("displayName", "givenName", "surname", "jobTitle")
        found.update({name: subject[name] for name in names})
        if kind == "User":
            self.target.people.home_tenants[found["id"]] = self.source_id
        return None

    def remove(self, kind: str, subject: dict[str, Any]) -> str | None:
        """Delete a guest to the recycle bin, or a group."""
        found = self._find(kind, subject)
        if found is None:
            return None
        if kind == "Group":
            self.target.people.groups.pop(found["id"])
            self.target.people.members.pop(found["id"])
        else:
            self.target.people.delete_user(found["id"])
        return None

    def undo(self, action: str, kind: str, subject: dict[str, Any]) -> None:
        """Undo what an interrupted cycle had only planned."""
        identifier = account_id(self.principal_id, subject["id"])
        if action == "create":
            self.remove(kind, subject)
        elif kind == "Group":
            self.create(kind, subject)
        elif identifier in self.target.people.deleted:  # as if it had never been deleted
            self.target.people.restore_user(identifier)

    def _find(self, kind: str, subject: Mapping[str, Any]) -> dict[str, Any] | None:
        people = self.target.people
        if kind == "Group":
            return people.groups.get(account_id(self.principal_id, subject["id"]))
        # By principal name, so that another application of the same source finds the guest as well.
        mine = people.users.get(account_id(self.principal_id, subject["id"]))
        return mine or people.user_named(self._principal_name(subject))

    def _principal_name(self, subject: Mapping[str, Any]) -> str:
        return f"{subject['userPrincipalName'].replace('@', '_')}#EXT#@{self.target.settings.domain}"

    def _guest(self, identifier: str, subject: dict[str, Any]) -> dict[str, Any]:
        return {
            **subject,
            "id": identifier,
            "userPrincipalName": self._principal_name(subject),
            "userType": "Member",  # the default of the mapping: an external member
            "creationType": "Invitation",
            "externalUserState": self.state,
            "externalUserStateChangeDateTime": self.moment,
        }
