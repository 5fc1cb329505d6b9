"""Applications: registrations and their owners, gallery templates, deleted items.

https://learn.microsoft.com/graph/api/resources/application
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from graph_client.call import Call, build_path
from graph_client.models.resource import Entity
from graph_client.models.service_principal import (
    Application,
    ApplicationServicePrincipal,
    ApplicationTemplate,
    ServicePrincipal,
)
from graph_client.protocol import options, text_literal
from graph_client.reading import items, read
from graph_client.session import Sender

__all__ = ["ApplicationTemplates", "Applications", "DeletedItems"]


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
        await self._session.request(Call.once(path, {"@odata.id": reference}))

    async def delete(self, application_id: str) -> None:
        """Move the application to the deleted items, where it stays for 30 days."""
        await self._session.request(Call.change("DELETE", build_path("applications", application_id)))

    def _noted(self, application: Application) -> Application:
        if created_at := application.created_date_time:
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
        self._session.fresh_objects.add(made.application.id, made.application.app_id, made.service_principal.id)
        return made
