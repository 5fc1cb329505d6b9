"""Cross-tenant synchronization of an instance, as the fleet file describes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.documents.field_types import Flag, Guid, pattern_rule

FROZEN = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
COMPANY_ID = "CompanyId"
AUTHENTICATION_TYPE = "AuthenticationType"
TEMPLATE_ID = "518e5f48-1fc8-4c48-9387-9fdf28b0dfe7"
TEMPLATE_NAME = "Cross-tenant synchronization"
"""What Microsoft's tutorial and the portal call the template."""
GALLERY_NAME = "Cross-Tenant Synchronization Preview"
SYNC_POLICY = "SyncPolicy"
"""The authentication type of a job that signs in by the policies of both tenants, without a secret."""

SignIn = Annotated[
    str,
    pattern_rule(
        r"env:[A-Z][A-Z0-9_]{0,59}|[a-z0-9{][a-z0-9_{}-]{0,99}",
        "is neither an EntraTenant block nor env:PREFIX",
        "Write the name of the block, or env:FABRIKAM for FABRIKAM_AZURE_CLIENT_ID and the others.",
    ),
]


class CrossTenantSettings(BaseModel):
    """What `defaults` may say about cross-tenant synchronization."""

    model_config = FROZEN

    tenant_id: Guid | None = Field(None, description="Id of the target tenant, which users are synchronized into.")
    sign_in: SignIn | None = Field(
        None,
        description="How to sign in to the target tenant: an EntraTenant block, or env:PREFIX. "
        "Without it the target's administrators do their half.",
    )
    users: Flag | None = Field(None, description="Whether the target allows users to be synchronized into it.")
    groups: Flag | None = Field(None, description="Whether it allows groups (beta; needs a licence).")
    redeem: Literal["automatic", "manual"] | None = Field(
        None, description="Whether users are asked to accept the invitation; both tenants have a say."
    )


class CrossTenant(CrossTenantSettings):
    """Cross-tenant synchronization from this tenant into another."""

    tenant_id: Guid = Field(description="Id of the target tenant, which users are synchronized into.")

    @property
    def redeems(self) -> bool | None:
        """Whether invitations are redeemed automatically; None if the file does not say."""
        return None if self.redeem is None else self.redeem == "automatic"

    @property
    def is_closed(self) -> bool:
        """Whether the file asks the target to allow nothing, so that its job cannot work."""
        return self.users is False and not self.groups

    @property
    def credentials(self) -> dict[str, str]:
        """The credentials of the job, which follow from the target."""
        return {COMPANY_ID: self.tenant_id, AUTHENTICATION_TYPE: SYNC_POLICY}
