"""The cross-tenant access policy of a tenant: partner tenants, and which of them may synchronize users into it.

https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicy-overview
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graph_emulator.directory.directory import arrivals, has_arrived
from graph_emulator.settings import EmulatorSettings
from graph_emulator.wire.problems import GraphProblem, bad_request, not_found

SETTINGS = (
    "inboundTrust",
    "b2bCollaborationOutbound",
    "b2bCollaborationInbound",
    "b2bDirectConnectOutbound",
    "b2bDirectConnectInbound",
    "tenantRestrictions",
)
CONSENT = "automaticUserConsentSettings"
BOTH_WAYS = ("crossCloudMeetingConfiguration", CONSENT)
"""The settings that a new partner has as an object of two nulls."""
_UNSET = {"inboundAllowed": None, "outboundAllowed": None}


@dataclass(frozen=True, slots=True)
class Version:
    """What is known of a partner from a moment on; both None after its deletion."""

    at: float
    arrivals: tuple[float, ...] = ()
    body: dict[str, Any] | None = None
    synchronization: dict[str, Any] | None = None

    @property
    def users_allowed(self) -> bool:
        """Whether the partner may synchronize users into the tenant."""
        return self._allows("userSyncInbound")

    @property
    def groups_allowed(self) -> bool:
        """Whether the partner may synchronize groups into the tenant."""
        return self._allows("groupSyncInbound")

    def _allows(self, name: str) -> bool:
        return ((self.synchronization or {}).get(name) or {}).get("isSyncAllowed") is True

    def consents(self, direction: str) -> bool:
        """Whether invitations are redeemed automatically: `inboundAllowed` or `outboundAllowed`."""
        return ((self.body or {}).get(CONSENT) or {}).get(direction) is True


@dataclass(slots=True)
class Partner:
    """One partner tenant, with all its versions, the newest last."""

    # All are kept: replicas and the provisioning service still read older ones.
    versions: list[Version] = field(default_factory=lambda: [Version(float("-inf"))])

    @property
    def newest(self) -> Version:
        """What was written last."""
        return self.versions[-1]

    def seen(self, replica: int, now: float) -> Version:
        """The newest version that a replica has received."""
        return next(each for each in reversed(self.versions) if has_arrived(each.arrivals, replica, now))

    def as_of(self, moment: float) -> Version:
        """The version that was the newest at a moment."""
        return next(each for each in reversed(self.versions) if each.at <= moment)


class Partners:
    """The partners of one tenant, by tenant id.

    Args:
        settings: the tenant and its lags.
    """

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self._partners: dict[str, Partner] = {}

    @property
    def bodies(self) -> dict[str, dict[str, Any]]:
        """The partner objects as they were written, by tenant id."""
        # Without lag: tests compare byte for byte what was written.
        newest = {id_: partner.newest.body for id_, partner in self._partners.items()}
        return {id_: body for id_, body in newest.items() if body is not None}

    @property
    def synchronizations(self) -> dict[str, dict[str, Any]]:
        """The identity synchronizations as they were written, by tenant id."""
        newest = {id_: partner.newest.synchronization for id_, partner in self._partners.items()}
        return {id_: body for id_, body in newest.items() if body is not None}

    def all(self, replica: int, now: float) -> Iterator[dict[str, Any]]:
        """The partners that a replica knows."""
        for partner in self._partners.values():
            body = partner.seen(replica, now).body
            if body is not None:
                yield body

    def get(self, tenant_id: str, replica: int, now: float) -> dict[str, Any]:
        """One partner.

        Raises:
            GraphProblem: 404, there is none, or not yet on this replica.
        """
        body = self._partner(tenant_id).seen(replica, now).body
        if body is None:
            raise not_found(tenant_id)
        return body

    def synchronization(self, tenant_id: str, replica: int, now: float) -> dict[str, Any]:
        """The identity synchronization of a partner.

        Raises:
            GraphProblem: 404, there is none, or not yet on this replica.
        """
        found = self.find_synchronization(tenant_id, replica, now)
        if found is None:
            raise object_not_found()
        return found

    def find_synchronization(self, tenant_id: str, replica: int, now: float) -> dict[str, Any] | None:
        """The identity synchronization of a partner, if a replica knows one."""
        return self._partner(tenant_id).seen(replica, now).synchronization

    def as_of(self, tenant_id: str, moment: float) -> Version:
        """What the provisioning service knew of a partner at a moment; empty if there was none."""
        return self._partner(tenant_id).as_of(moment - self._settings.policy_lag_seconds)

    def is_in_flux(self, tenant_id: str, now: float) -> bool:
        """Whether the provisioning service does not know the newest version of a partner yet."""
        return self._partner(tenant_id).newest.at + self._settings.policy_lag_seconds > now

    def create(self, tenant_id: str, values: dict[str, Any], now: float) -> dict[str, Any]:
        """Add a partner.

        Raises:
            GraphProblem: 400, there is one for this tenant.
        """
        # The newest version, whatever a replica shows: a client that reads 404 may still meet this refusal.
        if self._partner(tenant_id).newest.body is not None:
            # https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-configure-graph
            raise bad_request(
                "Another object with the same value for property tenantId already exists.",
                "Request_MultipleObjectsWithSameKeyValue",
            )
        body = self._merged(_new_partner(tenant_id), values)
        self._write(tenant_id, body, None, now)
        return body

    def patch(self, tenant_id: str, changes: dict[str, Any], now: float) -> None:
        """Change the settings that are named, and nothing else of a partner.

        Raises:
            GraphProblem: 404, there is none.
        """
        newest = self._partner(tenant_id).newest
        if newest.body is None:
            raise not_found(tenant_id)
        if self._settings.consent_patch == "replace" and changes.get(CONSENT):
            changes = {**changes, CONSENT: {**_UNSET, **changes[CONSENT]}}
        self._write(tenant_id, self._merged(newest.body, changes), newest.synchronization, now)

    def delete(self, tenant_id: str, now: float) -> None:
        """Delete a partner.

        Raises:
            GraphProblem: 404, there is none; 400, it still has an identity synchronization.
        """
        newest = self._partner(tenant_id).newest
        if newest.body is None:
            raise not_found(tenant_id)
        # Refused by the page: https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-delete
        if newest.synchronization is not None and self._settings.partner_delete == "refused":
            raise bad_request("The partner has an identity synchronization policy, which must be deleted first.")
        self._write(tenant_id, None, None, now)

    def put_synchronization(self, tenant_id: str, values: dict[str, Any], now: float) -> None:
        """Add the identity synchronization of a partner.

        Raises:
            GraphProblem: 404, there is no such partner; 409, it has one.
        """
        newest = self._partner(tenant_id).newest
        if newest.body is None:
            raise not_found(tenant_id)
        if newest.synchronization is not None:
            raise _conflict()
        blank: dict[str, Any] = {"displayName": None, "userSyncInbound": {"isSyncAllowed": None}}
        self._write(tenant_id, newest.body, self._merged({"tenantId": tenant_id.lower(), **blank}, values), now)

    def patch_synchronization(self, tenant_id: str, changes: dict[str, Any], now: float) -> None:
        """Change the identity synchronization of a partner.

        Raises:
            GraphProblem: 404, there is none.
        """
        newest = self._partner(tenant_id).newest
        if newest.synchronization is None:
            raise object_not_found()
        self._write(tenant_id, newest.body, self._merged(newest.synchronization, changes), now)

    def delete_synchronization(self, tenant_id: str, now: float) -> None:
        """Delete the identity synchronization of a partner.

        Raises:
            GraphProblem: 404, there is none.
        """
        newest = self._partner(tenant_id).newest
        if newest.synchronization is None:
            raise object_not_found()
        self._write(tenant_id, newest.body, None, now)

    def set_synchronization(self, tenant_id: str, allowed: bool | None, now: float) -> None:
        """Allow or forbid the synchronization of users as the portal does; None deletes the policy."""
        newest = self._partner(tenant_id).newest
        if allowed is None:
            self._write(tenant_id, newest.body, None, now)
            return
        # The portal adds the partner with the policy.
        before = newest.synchronization or {"tenantId": tenant_id.lower(), "displayName": None}
        body = newest.body or _new_partner(tenant_id)
        self._write(tenant_id, body, {**before, "userSyncInbound": {"isSyncAllowed": allowed}}, now)

    def _partner(self, tenant_id: str) -> Partner:
        return self._partners.get(tenant_id.lower()) or Partner()

    def _write(
        self, tenant_id: str, body: dict[str, Any] | None, synchronization: dict[str, Any] | None, now: float
    ) -> None:
        partner = self._partners.setdefault(tenant_id.lower(), Partner())
        lag, number = self._settings.change_lag_seconds, len(partner.versions)
        # Numbered, so that each change reaches the replicas in an order of its own.
        times = arrivals(self._settings.seed, f"partner {tenant_id} {number}", now, lag)
        partner.versions.append(Version(now, times, body, synchronization))

    @staticmethod
    def _merged(before: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        """Merge as OData does: what an object in it does not name is not altered either."""
        merged = copy.deepcopy(before)  # the version before must stay as it was
        for name, value in changes.items():
            known = merged.get(name)
            merged[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        return merged


def _new_partner(tenant_id: str) -> dict[str, Any]:
    body: dict[str, Any] = {"tenantId": tenant_id.lower(), "isServiceProvider": None}
    body |= dict.fromkeys(SETTINGS)
    return body | {name: dict(_UNSET) for name in BOTH_WAYS}


def object_not_found() -> GraphProblem:
    """An identity synchronization that does not exist.

    https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-configure-graph
    """
    return GraphProblem(404, "Directory_ObjectNotFound", "Unable to read the company information from the directory.")


def _conflict() -> GraphProblem:
    """A second PUT of an identity synchronization, as on the same page."""
    text = "A conflicting object with one or more of the specified property values is present in the directory."
    details = [{"code": "ConflictingObjects", "message": text}]
    return GraphProblem(409, "Request_MultipleObjectsWithSameKeyValue", text, details=details)
