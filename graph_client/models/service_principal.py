"""servicePrincipal: an application in a tenant, and who is assigned to it.

https://learn.microsoft.com/graph/api/resources/serviceprincipal
"""

from __future__ import annotations

from pydantic import AliasChoices, Field

from .application import Application, AppRole
from .moment import Moment
from .resource import Entity, Many, Resource

__all__ = ["AppRoleAssignment", "ApplicationServicePrincipal", "ServicePrincipal"]


class ServicePrincipal(Entity):
    """A service principal; its id is the one that synchronization paths take."""

    app_id: str | None = None
    display_name: str | None = None
    app_display_name: str | None = None
    application_template_id: str | None = None
    account_enabled: bool | None = None
    app_owner_organization_id: str | None = None
    app_role_assignment_required: bool | None = None
    description: str | None = None
    homepage: str | None = None
    notes: str | None = None
    notification_email_addresses: Many[str] = ()
    preferred_single_sign_on_mode: str | None = None
    reply_urls: Many[str] = ()
    service_principal_names: Many[str] = ()
    service_principal_type: str | None = None
    tags: Many[str] = ()
    app_roles: Many[AppRole] = ()


class ApplicationServicePrincipal(Resource):
    """The pair that instantiating a template makes."""

    application: Application
    service_principal: ServicePrincipal


class AppRoleAssignment(Entity):
    """A principal assigned to a role of a service principal; the id is opaque, not a GUID.

    https://learn.microsoft.com/graph/api/resources/approleassignment
    """

    app_role_id: str | None = None
    principal_id: str | None = None
    principal_type: str | None = None
    principal_display_name: str | None = None
    resource_id: str | None = None
    resource_display_name: str | None = None
    # beta has another name for it.
    created_date_time: Moment = Field(
        default=None, validation_alias=AliasChoices("createdDateTime", "creationTimestamp")
    )
