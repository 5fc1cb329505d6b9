"""Cross-tenant access: partner configurations, automatic redemption, and what may be synchronized into the tenant.

Of a partner configuration only `automaticUserConsentSettings` is ever written: collaboration, trust and tenant
restrictions belong to others.

https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-configure-graph
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from graph_client.call import Call, build_path
from graph_client.models.cross_tenant import CrossTenantPartner, IdentitySynchronization
from graph_client.reading import items, read
from graph_client.session import Sender

__all__ = ["CrossTenantAccess"]

_PARTNERS = "/policies/crossTenantAccessPolicy/partners"


class CrossTenantAccess:
    """Reads and changes what the signed-in tenant allows one other tenant.

    https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicy-overview
    """

    def __init__(self, session: Sender) -> None:
        self._session = session

    def list_partners(self) -> AsyncIterator[CrossTenantPartner]:
        """The tenants for which this tenant has settings of their own.

        https://learn.microsoft.com/graph/api/crosstenantaccesspolicy-list-partners
        """
        return items(self._session, Call.get(_PARTNERS), CrossTenantPartner)

    async def get_partner(self, tenant_id: str) -> CrossTenantPartner:
        """The settings for one other tenant.

        Raises:
            NotFound: when there are none.

        https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-get
        """
        # A partner that is missing is the usual answer, not a replica that is behind.
        call = replace(Call.get(_partner(tenant_id)), none_if_absent=True)
        return await read(self._session, call, CrossTenantPartner)

    async def create_partner(self, tenant_id: str) -> CrossTenantPartner:
        """Create empty settings for another tenant; never repeated after an unknown outcome.

        https://learn.microsoft.com/graph/api/crosstenantaccesspolicy-post-partners
        """
        created = await read(self._session, Call.create(_PARTNERS, {"tenantId": tenant_id}), CrossTenantPartner)
        self._session.fresh_objects.add(tenant_id)
        return created

    async def patch_consent(
        self, tenant_id: str, *, inbound_allowed: bool | None = None, outbound_allowed: bool | None = None
    ) -> None:
        """Set whether invitations are redeemed automatically; None is not sent.

        Whether the direction that is not sent keeps its value is not documented: send both if the other one is set.

        https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-update
        """
        named = {"inboundAllowed": inbound_allowed, "outboundAllowed": outbound_allowed}
        body = {"automaticUserConsentSettings": {name: value for name, value in named.items() if value is not None}}
        await self._session.request(Call.change("PATCH", _partner(tenant_id), body))

    async def delete_partner(self, tenant_id: str) -> None:
        """Delete the settings for another tenant, those that others made included.

        https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-delete
        """
        await self._session.request(Call.change("DELETE", _partner(tenant_id)))

    async def get_identity_synchronization(self, tenant_id: str, *, groups: bool = False) -> IdentitySynchronization:
        """What another tenant may synchronize into this one.

        Args:
            tenant_id: the other tenant.
            groups: whether to read about groups too, which only beta shows.

        Raises:
            NotFound: when nothing was ever allowed.

        https://learn.microsoft.com/graph/api/crosstenantidentitysyncpolicypartner-get
        """
        call = replace(Call.get(_synchronization(tenant_id)), none_if_absent=True)
        return await read(self._session, _versioned(call, beta=groups), IdentitySynchronization)

    async def put_identity_synchronization(
        self, tenant_id: str, *, users: bool | None = None, groups: bool | None = None
    ) -> None:
        """Create what another tenant may synchronize into this one; None is not sent.

        Raises:
            Conflict: when there is something already, perhaps from an earlier attempt: then PATCH it.

        https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-put-identitysynchronization
        """
        await self._write("PUT", tenant_id, users, groups)

    async def patch_identity_synchronization(
        self, tenant_id: str, *, users: bool | None = None, groups: bool | None = None
    ) -> None:
        """Change what another tenant may synchronize into this one; None is not sent.

        https://learn.microsoft.com/graph/api/crosstenantidentitysyncpolicypartner-update
        """
        await self._write("PATCH", tenant_id, users, groups)

    async def delete_identity_synchronization(self, tenant_id: str) -> None:
        """Delete what another tenant may synchronize into this one.

        https://learn.microsoft.com/graph/api/crosstenantidentitysyncpolicypartner-delete
        """
        await self._session.request(Call.change("DELETE", _synchronization(tenant_id)))

    async def _write(self, method: str, tenant_id: str, users: bool | None, groups: bool | None) -> None:
        named = {"userSyncInbound": users, "groupSyncInbound": groups}
        body: Mapping[str, Any] = {
            name: {"isSyncAllowed": allowed} for name, allowed in named.items() if allowed is not None
        }
        call = Call.change(method, _synchronization(tenant_id), body)
        await self._session.request(_versioned(call, beta=groups is not None))


def _versioned(call: Call, *, beta: bool) -> Call:
    return replace(call, api_version="beta") if beta else call


def _partner(tenant_id: str) -> str:
    return build_path("policies", "crossTenantAccessPolicy", "partners", tenant_id)


def _synchronization(tenant_id: str) -> str:
    return build_path("policies", "crossTenantAccessPolicy", "partners", tenant_id, "identitySynchronization")
