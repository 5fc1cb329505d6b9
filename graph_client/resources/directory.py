"""The directory: applications with their owners and templates, service principals, users and groups, deleted items.

https://learn.microsoft.com/graph/api/resources/application
https://learn.microsoft.com/graph/api/resources/serviceprincipal
https://learn.microsoft.com/graph/api/resources/user
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graph_client.call import Call, build_path
from graph_client.models.resource import Entity
from graph_client.models.service_principal import (
    Application,
    ApplicationServicePrincipal,
    ApplicationTemplate,
    AppRoleAssignment,
    Group,
    Member,
    ServicePrincipal,
    User,
)
from graph_client.protocol import options, text_literal
from graph_client.reading import Page, items, linked_pages, read
from graph_client.session import Sender

__all__ = ["ApplicationTemplates", "Applications", "DeletedItems", "Groups", "ServicePrincipals", "Users"]


class Applications:
    """Reads, changes and deletes application objects."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    async def get(self, application_id: str, *, select: Sequence[str] | None = None) -> Application:
        """One application, by object id."""
        path = build_path("applications", application_id)
        return self._noted(await read(self._session, Call.get(path, options(select=select)), Application))

    async def list(
        self,
        *,
        filter: str | None = None,  # noqa: A002  # OData says $filter
        select: Sequence[str] | None = None,
    ) -> AsyncIterator[Application]:
        """The applications that a filter of the default query mode selects."""
        top = self._session.settings.page_size
        call = Call.get("/applications", options(filter=filter, select=select, top=top))
        async for application in items(self._session, call, Application):
            yield self._noted(application)

    async def patch(self, application_id: str, changes: Mapping[str, Any]) -> None:
        """Change some properties; collections such as tags are replaced whole."""
        path = build_path("applications", application_id)
        await self._session.request(Call.change("PATCH", path, dict(changes)))

    def owners(self, application_id: str) -> AsyncIterator[Entity]:
        """The owners of the application, by object id."""
        path = build_path("applications", application_id, "owners")
        return items(self._session, Call.get(path, options(select=("id",))), Entity)

    async def add_owner(self, application_id: str, owner_id: str) -> None:
        """Add a user or service principal as owner; never repeated after an unknown outcome.

        https://learn.microsoft.com/graph/api/application-post-owners
        """
        settings = self._session.settings
        reference = f"{settings.graph_url}/{settings.api_version}/directoryObjects/{owner_id}"
        path = build_path("applications", application_id, "owners", "$ref")
        # Not repeated: an owner that is there already is a 400, which would look like a failure.
        await self._session.request(Call.once(path, {"@odata.id": reference}))

    async def delete(self, application_id: str) -> None:
        """Move the application to the deleted items, where it stays for 30 days."""
        await self._session.request(Call.change("DELETE", build_path("applications", application_id)))

    def _noted(self, application: Application) -> Application:
        if created_at := application.created_date_time:
            # A run that continues an interrupted one learns only here that the application is new.
            self._session.fresh_objects.add(application.id, application.app_id, created_at=created_at)
        return application


_BIN = ("directory", "deletedItems")


class DeletedItems:
    """Lists the objects deleted within the last 30 days, and deletes them permanently."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    def applications(self) -> AsyncIterator[Application]:
        """The deleted applications; the list does not support filters."""
        return items(self._session, self._listing("microsoft.graph.application"), Application)

    def service_principals(self) -> AsyncIterator[ServicePrincipal]:
        """The deleted service principals; the list does not support filters."""
        return items(self._session, self._listing("microsoft.graph.servicePrincipal"), ServicePrincipal)

    async def get(self, object_id: str) -> Entity:
        """One deleted object."""
        return await read(self._session, Call.get(build_path(*_BIN, object_id)), Entity)

    async def purge(self, object_id: str) -> None:
        """Delete an object permanently; it cannot be restored.

        https://learn.microsoft.com/graph/api/directory-deleteditems-delete
        """
        await self._session.request(Call.change("DELETE", build_path(*_BIN, object_id)))

    def _listing(self, kind: str) -> Call:
        return Call.get(build_path(*_BIN, kind), options(top=self._session.settings.page_size))


class ApplicationTemplates:
    """Reads the gallery's templates and creates applications from them."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    def list(
        self, *, display_name: str | None = None, select: Sequence[str] | None = None
    ) -> AsyncIterator[ApplicationTemplate]:
        """The templates, all or those with an exact display name."""
        wanted = None if display_name is None else f"displayName eq {text_literal(display_name)}"
        # Without $top the whole gallery comes in one page (recorded); a nextLink is followed nevertheless.
        call = Call.get("/applicationTemplates", options(filter=wanted, select=select))
        return items(self._session, call, ApplicationTemplate)

    async def get(self, template_id: str, *, select: Sequence[str] | None = None) -> ApplicationTemplate:
        """One template."""
        call = Call.get(build_path("applicationTemplates", template_id), options(select=select))
        return await read(self._session, call, ApplicationTemplate)

    async def instantiate(
        self, template_id: str, *, display_name: str, service_management_reference: str | None = None
    ) -> ApplicationServicePrincipal:
        """Create an application and its service principal; never repeated after an unknown outcome.

        https://learn.microsoft.com/graph/api/applicationtemplate-instantiate
        """
        body = {"displayName": display_name}
        if service_management_reference is not None:
            body["serviceManagementReference"] = service_management_reference
        call = Call.create(build_path("applicationTemplates", template_id, "instantiate"), body)
        made = await read(self._session, call, ApplicationServicePrincipal)
        # By all three ids: later paths use any of them.
        self._session.fresh_objects.add(made.application.id, made.application.app_id, made.service_principal.id)
        return made


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

    async def patch(self, service_principal_id: str, changes: Mapping[str, Any]) -> None:
        """Change some properties; collections such as appRoles are replaced whole."""
        path = build_path("servicePrincipals", service_principal_id)
        await self._session.request(Call.change("PATCH", path, dict(changes)))

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
        # An assignment that exists is a 400 that differs only in its text: callers read the assignments again instead.
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


class Users:
    """Reads users, and counts them."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    async def get(self, user_id: str, *, select: Sequence[str] | None = None) -> User:
        """One user, by object id or user principal name."""
        return await read(self._session, Call.get(build_path("users", user_id), options(select=select)), User)

    def named(
        self, display_name: str, *, select: Sequence[str] | None = None, top: int | None = None
    ) -> AsyncIterator[User]:
        """The users with an exact display name.

        https://learn.microsoft.com/graph/api/user-list
        """
        wanted = f"displayName eq {text_literal(display_name)}"
        return items(self._session, Call.get("/users", options(filter=wanted, select=select, top=top)), User)

    async def count(self, filter: str = "") -> int:  # noqa: A002  # OData says $filter
        """How many users a filter selects, or exist; may lag behind changes.

        https://learn.microsoft.com/graph/api/user-list
        """
        call = Call.count("/users/$count")
        return int(await self._session.request(replace(call, query=options(filter=filter or None))))


class Groups:
    """Reads groups, and counts their members."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    async def get(self, group_id: str, *, select: Sequence[str] | None = None) -> Group:
        """One group, by object id."""
        return await read(self._session, Call.get(build_path("groups", group_id), options(select=select)), Group)

    def members(self, group_id: str, *, top: int | None = None) -> AsyncIterator[Member]:
        """The direct members of a group.

        https://learn.microsoft.com/graph/api/group-list-members
        """
        path = build_path("groups", group_id, "members")
        return items(self._session, Call.get(path, options(select=("id", "displayName"), top=top)), Member)

    async def member_count(self, group_id: str) -> int:
        """How many direct members a group has; may lag behind changes.

        https://learn.microsoft.com/graph/api/group-list-members
        """
        return int(await self._session.request(Call.count(build_path("groups", group_id, "members", "$count"))))
