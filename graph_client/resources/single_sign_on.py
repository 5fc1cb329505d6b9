"""SAML single sign-on: signing certificates, claims mapping policies and the federation metadata.

https://learn.microsoft.com/graph/application-saml-sso-configure-api
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any

from graph_client.call import Call, build_path
from graph_client.models.service_principal import ClaimsMappingPolicy, KeyCredential, SelfSignedCertificate, SigningKeys
from graph_client.protocol import moment_literal, options, text_literal
from graph_client.reading import items, read
from graph_client.session import Sender

__all__ = ["ClaimsMappingPolicies", "SigningCertificates"]

_SIGNING = (
    "id",
    "appId",
    "displayName",
    "notes",
    "preferredSingleSignOnMode",
    "preferredTokenSigningKeyThumbprint",
    "keyCredentials",
)


class SigningCertificates:
    """Reads, adds, activates and removes the certificates that sign SAML tokens."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    async def get(self, service_principal_id: str) -> SigningKeys:
        """The keys of one service principal; right after a change a replica may still show the state before."""
        path = build_path("servicePrincipals", service_principal_id)
        # By $select: only such a read of a single object has the public keys.
        return SigningKeys(await self._session.request(Call.get(path, options(select=_SIGNING))))

    async def add(
        self, service_principal_id: str, *, display_name: str, end_date_time: datetime
    ) -> SelfSignedCertificate:
        """Add an inactive certificate, valid for at most three years; never repeated after an unknown outcome.

        https://learn.microsoft.com/graph/api/serviceprincipal-addtokensigningcertificate
        """
        body = {"displayName": display_name, "endDateTime": moment_literal(end_date_time)}
        path = build_path("servicePrincipals", service_principal_id, "addTokenSigningCertificate")
        return await read(self._session, Call.create(path, body), SelfSignedCertificate)

    async def activate(self, service_principal_id: str, thumbprint: str) -> None:
        """Have tokens signed with this certificate from now on."""
        path = build_path("servicePrincipals", service_principal_id)
        await self._session.request(Call.change("PATCH", path, {"preferredTokenSigningKeyThumbprint": thumbprint}))

    async def replace(self, service_principal_id: str, keys: Iterable[KeyCredential]) -> None:
        """Replace all keys with these, each as it was read; a key that is left out is lost.

        Graph has no other way to remove a signing certificate.
        """
        path = build_path("servicePrincipals", service_principal_id)
        # As they were read: Graph replaces the whole list, and one that is missing in it is deleted.
        body = {"keyCredentials": [dict(key.raw) for key in keys]}
        await self._session.request(Call.change("PATCH", path, body))

    async def federation_metadata(self, tenant_id: str, app_id: str) -> bytes:
        """The federation metadata of an application, as the sign-in endpoint publishes it to everyone.

        https://learn.microsoft.com/entra/identity-platform/federation-metadata
        """
        path = build_path(tenant_id, "federationmetadata", "2007-06", "federationmetadata.xml")
        document: bytes = await self._session.request(Call.document(path, {"appid": app_id}))
        return document

    def metadata_url(self, tenant_id: str, app_id: str) -> str:
        """The address of the federation metadata of an application."""
        path = build_path(tenant_id, "federationmetadata", "2007-06", "federationmetadata.xml")
        return f"{self._session.settings.authority}{path}?appid={app_id}"


class ClaimsMappingPolicies:
    """Reads and changes claims mapping policies, and assigns them to service principals.

    https://learn.microsoft.com/graph/api/resources/claimsmappingpolicy
    """

    def __init__(self, session: Sender) -> None:
        self._session = session

    def list(self, *, display_name: str | None = None) -> AsyncIterator[ClaimsMappingPolicy]:
        """The policies of the tenant, all or those with an exact display name."""
        wanted = None if display_name is None else f"displayName eq {text_literal(display_name)}"
        call = Call.get("/policies/claimsMappingPolicies", options(filter=wanted))
        return items(self._session, call, ClaimsMappingPolicy)

    async def create(self, *, display_name: str, definition: Sequence[str]) -> ClaimsMappingPolicy:
        """Create a policy; never repeated after an unknown outcome.

        https://learn.microsoft.com/graph/api/claimsmappingpolicy-post-claimsmappingpolicies
        """
        body: dict[str, Any] = {"definition": list(definition), "displayName": display_name}
        made = await read(self._session, Call.create("/policies/claimsMappingPolicies", body), ClaimsMappingPolicy)
        self._session.fresh_objects.add(made.id)
        return made

    async def patch(self, policy_id: str, *, display_name: str, definition: Sequence[str]) -> None:
        """Replace name and definition of a policy, for every application that it is assigned to.

        https://learn.microsoft.com/graph/api/claimsmappingpolicy-update
        """
        path = build_path("policies", "claimsMappingPolicies", policy_id)
        body = {"definition": list(definition), "displayName": display_name}
        await self._session.request(Call.change("PATCH", path, body))

    def assigned(self, service_principal_id: str) -> AsyncIterator[ClaimsMappingPolicy]:
        """The policy that is assigned to a service principal: one, or none."""
        path = build_path("servicePrincipals", service_principal_id, "claimsMappingPolicies")
        return items(self._session, Call.get(path), ClaimsMappingPolicy)

    async def assign(self, service_principal_id: str, policy_id: str) -> None:
        """Assign a policy to a service principal that has none; never repeated after an unknown outcome.

        https://learn.microsoft.com/graph/api/serviceprincipal-post-claimsmappingpolicies
        """
        settings = self._session.settings
        reference = f"{settings.graph_url}/{settings.api_version}/policies/claimsMappingPolicies/{policy_id}"
        path = build_path("servicePrincipals", service_principal_id, "claimsMappingPolicies", "$ref")
        await self._session.request(Call.once(path, {"@odata.id": reference}))

    async def unassign(self, service_principal_id: str, policy_id: str) -> None:
        """Take a policy off a service principal; the policy stays.

        https://learn.microsoft.com/graph/api/serviceprincipal-delete-claimsmappingpolicies
        """
        path = build_path("servicePrincipals", service_principal_id, "claimsMappingPolicies", policy_id, "$ref")
        await self._session.request(Call.change("DELETE", path))
