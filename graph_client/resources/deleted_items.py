"""The recycle bin of the directory.

https://learn.microsoft.com/graph/api/directory-deleteditems-list
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from graph_client.call import Call, build_path
from graph_client.models.application import Application
from graph_client.models.resource import Entity
from graph_client.models.service_principal import ServicePrincipal
from graph_client.odata import options
from graph_client.reading import items, read
from graph_client.sender import Sender

__all__ = ["DeletedItems"]

_BIN = ("directory", "deletedItems")


class DeletedItems:
    """Lists what was deleted within the last 30 days, and removes it for good."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    def applications(self) -> AsyncIterator[Application]:
        """The deleted applications; the list takes no filter."""
        return items(self._session, self._listing("microsoft.graph.application"), Application)

    def service_principals(self) -> AsyncIterator[ServicePrincipal]:
        """The deleted service principals; the list takes no filter."""
        return items(self._session, self._listing("microsoft.graph.servicePrincipal"), ServicePrincipal)

    async def get(self, object_id: str) -> Entity:
        """One deleted object."""
        return await read(self._session, Call.get(build_path(*_BIN, object_id)), Entity)

    async def purge(self, object_id: str) -> None:
        """Remove a deleted object for good; nobody can bring it back.

        https://learn.microsoft.com/graph/api/directory-deleteditems-delete
        """
        await self._session.request(Call.change("DELETE", build_path(*_BIN, object_id)))

    def _listing(self, kind: str) -> Call:
        return Call.get(build_path(*_BIN, kind), options(top=self._session.settings.page_size))
