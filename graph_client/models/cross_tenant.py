"""Cross-tenant access: what a tenant allows and trusts of one other tenant.

https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicy-overview
"""

from __future__ import annotations

from typing import Any

from graph_client.models.resource import Resource

__all__ = ["AutomaticUserConsentSettings", "CrossTenantPartner", "IdentitySynchronization", "SyncInbound"]


class AutomaticUserConsentSettings(Resource):
    """Whether invitations of users are redeemed without asking them; both tenants have to allow it.

    https://learn.microsoft.com/graph/api/resources/inboundoutboundpolicyconfiguration
    """

    inbound_allowed: bool | None = None
    outbound_allowed: bool | None = None


class CrossTenantPartner(Resource):
    """What this tenant has set up for one other tenant.

    Of collaboration, trust and restrictions it only matters whether there are any: they belong to others.

    https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationpartner
    """

    tenant_id: str
    is_service_provider: bool | None = None
    # A tenant that joined an organization may get its settings from the organization's templates.
    is_in_multi_tenant_organization: bool | None = None
    automatic_user_consent_settings: AutomaticUserConsentSettings | None = None

    @property
    def has_other_settings(self) -> bool:
        """Whether more is set than automatic redemption: deleting it would take that away."""
        others = {name: value for name, value in (self.model_extra or {}).items() if not name.startswith("@")}
        return _is_set([*others.values(), self.is_service_provider, self.is_in_multi_tenant_organization])

    @property
    def inbound_allowed(self) -> bool | None:
        """Whether invitations of users of the other tenant are redeemed automatically; None where it was never set."""
        return self.automatic_user_consent_settings.inbound_allowed if self.automatic_user_consent_settings else None

    @property
    def outbound_allowed(self) -> bool | None:
        """Whether invitations of own users to the other tenant are redeemed automatically; None if never set."""
        return self.automatic_user_consent_settings.outbound_allowed if self.automatic_user_consent_settings else None


def _is_set(value: Any) -> bool:
    # A new partner has null everywhere, also inside crossCloudMeetingConfiguration: partner-create of the recordings.
    if isinstance(value, (dict, list)):
        return any(map(_is_set, value.values() if isinstance(value, dict) else value))
    return value not in (None, False)


class SyncInbound(Resource):
    """Whether objects of one kind may be synchronized into this tenant."""

    is_sync_allowed: bool | None = None


class IdentitySynchronization(Resource):
    """What one other tenant may synchronize into this tenant; groups are in beta only.

    https://learn.microsoft.com/graph/api/resources/crosstenantidentitysyncpolicypartner
    """

    tenant_id: str | None = None
    display_name: str | None = None
    user_sync_inbound: SyncInbound | None = None
    group_sync_inbound: SyncInbound | None = None

    @property
    def users_allowed(self) -> bool:
        """Whether users may be synchronized; what was never set is not allowed."""
        return bool(self.user_sync_inbound and self.user_sync_inbound.is_sync_allowed)

    @property
    def groups_allowed(self) -> bool:
        """Whether groups may be synchronized; what was never set is not allowed."""
        return bool(self.group_sync_inbound and self.group_sync_inbound.is_sync_allowed)
