"""Cross-tenant access: what a tenant allows and trusts of one other tenant.

https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicy-overview
"""

from __future__ import annotations

from graph_client.models.resource import Resource

__all__ = ["AutomaticUserConsentSettings", "CrossTenantPartner", "IdentitySynchronization", "SyncInbound"]


class AutomaticUserConsentSettings(Resource):
    """Whether invitations of users are redeemed without asking them; both tenants have to allow it.

    https://learn.microsoft.com/graph/api/resources/inboundoutboundpolicyconfiguration
    """

    inbound_allowed: bool | None = None
    outbound_allowed: bool | None = None


class CrossTenantPartner(Resource):
    """What this tenant has set up for one other tenant; its collaboration and trust settings are not read here.

    https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationpartner
    """

    tenant_id: str
    is_service_provider: bool | None = None
    # A tenant that joined an organization may get its settings from the organization's templates.
    is_in_multi_tenant_organization: bool | None = None
    automatic_user_consent_settings: AutomaticUserConsentSettings | None = None

    @property
    def inbound_allowed(self) -> bool | None:
        """Whether invitations of users of the other tenant are redeemed automatically; None where it was never set."""
        return self.automatic_user_consent_settings.inbound_allowed if self.automatic_user_consent_settings else None

    @property
    def outbound_allowed(self) -> bool | None:
        """Whether invitations of own users to the other tenant are redeemed automatically; None if never set."""
        return self.automatic_user_consent_settings.outbound_allowed if self.automatic_user_consent_settings else None


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
