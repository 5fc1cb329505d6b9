"""The gallery.

https://learn.microsoft.com/graph/api/resources/applicationtemplate
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from graph_client.call import Call, build_path
from graph_client.models.application_template import ApplicationTemplate
from graph_client.models.service_principal import ApplicationServicePrincipal
from graph_client.odata import options, text_literal
from graph_client.reading import items, read
from graph_client.sender import Sender

__all__ = ["ApplicationTemplates"]


class ApplicationTemplates:
    """Reads the templates of the gallery and makes applications of them."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    def list(
        self, *, display_name: str | None = None, select: Sequence[str] | None = None
    ) -> AsyncIterator[ApplicationTemplate]:
        """The templates, all or those of an exact display name."""
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
        """Make an application and its service principal; never repeated after an unknown outcome.

        https://learn.microsoft.com/graph/api/applicationtemplate-instantiate
        """
        body = {"displayName": display_name}
        if service_management_reference is not None:
            body["serviceManagementReference"] = service_management_reference
        call = Call.create(build_path("applicationTemplates", template_id, "instantiate"), body)
        made = await read(self._session, call, ApplicationServicePrincipal)
        self._session.fresh_objects.add(made.application.id, made.application.app_id, made.service_principal.id)
        return made
