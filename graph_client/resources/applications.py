"""App registrations.

https://learn.microsoft.com/graph/api/resources/application
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from graph_client.call import Call, build_path
from graph_client.models.application import Application
from graph_client.models.resource import Entity
from graph_client.odata import options
from graph_client.reading import items, read
from graph_client.sender import Sender

__all__ = ["Applications"]


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
        """Make a user or service principal an owner; never repeated after an unknown outcome.

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
