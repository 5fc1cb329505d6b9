"""application: the app registration.

https://learn.microsoft.com/graph/api/resources/application
"""

from __future__ import annotations

from .moment import Moment
from .resource import Entity, Many

__all__ = ["AppRole", "Application"]


class AppRole(Entity):
    """A role of an application that principals are assigned to."""

    display_name: str | None = None
    value: str | None = None
    description: str | None = None
    is_enabled: bool | None = None
    allowed_member_types: Many[str] = ()
    origin: str | None = None


class Application(Entity):
    """An application object."""

    app_id: str | None = None
    display_name: str | None = None
    application_template_id: str | None = None
    created_date_time: Moment = None
    deleted_date_time: Moment = None
    description: str | None = None
    notes: str | None = None
    service_management_reference: str | None = None
    sign_in_audience: str | None = None
    identifier_uris: Many[str] = ()
    tags: Many[str] = ()
    app_roles: Many[AppRole] = ()
