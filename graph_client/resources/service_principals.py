"""Service principals and the principals assigned to them.

https://learn.microsoft.com/graph/api/resources/serviceprincipal
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from graph_client.call import Call, build_path
from graph_client.models.service_principal import AppRoleAssignment, ServicePrincipal
from graph_client.protocol import options
from graph_client.reading import Page, items, linked_pages, read
from graph_client.session import Sender

__all__ = ["ServicePrincipals"]


class ServicePrincipals:
    """Reads and deletes service principals, and assigns principals to their roles."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    async def get(self, service_principal_id: str, *, select: Sequence[str] | None = None) -> ServicePrincipal:
        """One service principal, by object id."""
        path = build_path("servicePrincipals", service_principal_id)
        call = Call.get(path, options(select=select))
        return await read(self._session, call, ServicePrincipal)

    async def list(
        self,
        *,
        filter: str | None = None,  # noqa: A002  # OData says $filter
        select: Sequence[str] | None = None,
    ) -> AsyncIterator[ServicePrincipal]:
        """The service principals that a filter of the default query mode selects."""
        top = self._session.settings.page_size
        call = Call.get("/servicePrincipals", options(filter=filter, select=select, top=top))
        async for principal in items(self._session, call, ServicePrincipal):
            # v1.0 has no creation time for it, but for its application.
            self._session.fresh_objects.relate(principal.app_id, principal.id)
            yield principal

    def pages(self, *, select: Sequence[str], link: str | None = None) -> AsyncIterator[Page[ServicePrincipal]]:
        """All service principals in pages of 999, from the first or from a nextLink."""
        first = Call.get("/servicePrincipals", options(select=select, top=self._session.settings.page_size))
        return linked_pages(self._session, _from(link, first), ServicePrincipal)

    def changes(self, *, select: Sequence[str], link: str | None = None) -> AsyncIterator[Page[ServicePrincipal]]:
        """The changes since a deltaLink; without one, a single page with only a deltaLink.

        Raises:
            GraphStatusError: among others when the link has expired (see `reading.is_expired_link`).

        https://learn.microsoft.com/graph/api/serviceprincipal-delta
        """
        # Without `latest` Graph would first list all service principals.
        first = Call.get("/servicePrincipals/delta", {**options(select=select), "$deltatoken": "latest"})
        return linked_pages(self._session, _from(link, first), ServicePrincipal)

    async def delete(self, service_principal_id: str) -> None:
        """Move the service principal to the deleted items."""
        await self._session.request(Call.change("DELETE", build_path("servicePrincipals", service_principal_id)))

    def assignments(self, service_principal_id: str) -> AsyncIterator[AppRoleAssignment]:
        """The users and groups assigned to this service principal's roles; may lag behind changes."""
        path = build_path("servicePrincipals", service_principal_id, "appRoleAssignedTo")
        call = Call.get(path, options(top=self._session.settings.page_size))
        return items(self._session, call, AppRoleAssignment)

    async def assign(self, service_principal_id: str, principal_id: str, app_role_id: str) -> AppRoleAssignment:
        """Assign a user or group to a role; never repeated after an unknown outcome.

        https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto
        """
        body = {"principalId": principal_id, "resourceId": service_principal_id, "appRoleId": app_role_id}
        path = build_path("servicePrincipals", service_principal_id, "appRoleAssignedTo")
        call = Call.create(path, body)
        return await read(self._session, call, AppRoleAssignment)

    async def unassign(self, service_principal_id: str, assignment_id: str) -> None:
        """Delete an assignment."""
        path = build_path("servicePrincipals", service_principal_id, "appRoleAssignedTo", assignment_id)
        await self._session.request(Call.change("DELETE", path))


def _from(link: str | None, first: Call) -> Call:
    return first if link is None else Call.get(link)
