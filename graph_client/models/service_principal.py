"""Objects of the directory: applications, service principals and their certificates, templates, assignments, people.

https://learn.microsoft.com/graph/api/resources/serviceprincipal
https://learn.microsoft.com/graph/api/resources/keycredential
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from contextlib import suppress
from datetime import datetime

from pydantic import AliasChoices, Field

from graph_client.models.resource import Entity, Many, Moment, Parts, Resource, Text, View, parse_moment

__all__ = [
    "AppRole",
    "AppRoleAssignment",
    "Application",
    "ApplicationServicePrincipal",
    "ApplicationTemplate",
    "ClaimsMappingPolicy",
    "Group",
    "KeyCredential",
    "Member",
    "SamlSingleSignOnSettings",
    "SelfSignedCertificate",
    "ServicePrincipal",
    "SigningKeys",
    "User",
    "Web",
]


class KeyCredential(View):
    """One key; `raw` is what Graph takes back unchanged when the whole collection is replaced."""

    key_id = Text("keyId")
    custom_key_identifier = Text("customKeyIdentifier")
    display_name = Text("displayName")
    type = Text("type")
    usage = Text("usage")
    # The public certificate, Base64; only a read of a single object has it, and none has a private key.
    key = Text("key")

    @property
    def start_date_time(self) -> datetime | None:
        """When it begins to be valid."""
        return _moment(self.raw.get("startDateTime"))

    @property
    def end_date_time(self) -> datetime | None:
        """When it expires."""
        return _moment(self.raw.get("endDateTime"))

    @property
    def thumbprint(self) -> str | None:
        """The SHA-1 thumbprint in upper-case hexadecimal digits, as Graph writes the preferred one."""
        if self.usage == "Verify" and (certificate := _decode(self.key)):
            # Microsoft Entra names certificates by SHA-1; it protects nothing here.
            return hashlib.sha1(certificate, usedforsecurity=False).hexdigest().upper()
        # A list leaves `key` out; the identifier is the thumbprint, as far as is known.
        identifier = _decode(self.custom_key_identifier)
        return identifier.hex().upper() if identifier else None


class SigningKeys(View):
    """A service principal with its keys, and which of them signs."""

    id = Text("id")
    app_id = Text("appId")
    display_name = Text("displayName")
    notes = Text("notes")
    preferred_single_sign_on_mode = Text("preferredSingleSignOnMode")
    preferred_token_signing_key_thumbprint = Text("preferredTokenSigningKeyThumbprint")
    key_credentials = Parts("keyCredentials", KeyCredential)


class SelfSignedCertificate(Resource):
    """A token signing certificate that was just added; the private key stays with Microsoft Entra.

    https://learn.microsoft.com/graph/api/resources/selfsignedcertificate
    """

    custom_key_identifier: str | None = None
    display_name: str | None = None
    end_date_time: Moment = None
    key: str | None = None
    key_id: str | None = None
    start_date_time: Moment = None
    thumbprint: str | None = None
    type: str | None = None
    usage: str | None = None


def _moment(value: object) -> datetime | None:
    with suppress(ValueError):
        return parse_moment(value)
    return None


def _decode(text: str | None) -> bytes | None:
    with suppress(binascii.Error, ValueError):
        return base64.b64decode(text, validate=True) if text else None
    return None


class AppRole(Entity):
    """A role of an application, to which users and groups are assigned."""

    display_name: str | None = None
    value: str | None = None
    description: str | None = None
    is_enabled: bool | None = None
    allowed_member_types: Many[str] = ()
    origin: str | None = None


class Web(Resource):
    """The web settings of an application: where answers of a sign-in are sent."""

    redirect_uris: Many[str] = ()
    home_page_url: str | None = None
    logout_url: str | None = None


class SamlSingleSignOnSettings(Resource):
    """The SAML settings of a service principal."""

    relay_state: str | None = None


class ClaimsMappingPolicy(Entity):
    """What tokens say about people; the definition is JSON in a string.

    https://learn.microsoft.com/graph/api/resources/claimsmappingpolicy
    """

    display_name: str | None = None
    definition: Many[str] = ()
    is_organization_default: bool | None = None


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
    web: Web | None = None
    tags: Many[str] = ()
    app_roles: Many[AppRole] = ()


class ServicePrincipal(Entity):
    """A service principal; synchronization paths use its object id."""

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
    preferred_token_signing_key_thumbprint: str | None = None
    saml_single_sign_on_settings: SamlSingleSignOnSettings | None = None
    reply_urls: Many[str] = ()
    service_principal_names: Many[str] = ()
    service_principal_type: str | None = None
    tags: Many[str] = ()
    app_roles: Many[AppRole] = ()


class ApplicationServicePrincipal(Resource):
    """The pair that is created from a template."""

    application: Application
    service_principal: ServicePrincipal


class AppRoleAssignment(Entity):
    """The assignment of a principal to a role of a service principal; the id is opaque, not a GUID.

    https://learn.microsoft.com/graph/api/resources/approleassignment
    """

    app_role_id: str | None = None
    principal_id: str | None = None
    principal_type: str | None = None
    principal_display_name: str | None = None
    resource_id: str | None = None
    resource_display_name: str | None = None
    # beta calls it creationTimestamp.
    created_date_time: Moment = Field(
        default=None, validation_alias=AliasChoices("createdDateTime", "creationTimestamp")
    )


class ApplicationTemplate(Entity):
    """A gallery template, from which applications are created."""

    display_name: str | None = None
    publisher: str | None = None
    description: str | None = None
    categories: Many[str] = ()
    home_page_url: str | None = None
    logo_url: str | None = None
    supported_single_sign_on_modes: Many[str] = ()
    supported_provisioning_types: Many[str] = ()
    endpoints: Many[str] = ()
    deprecation_date: str | None = None  # a date without a time
    last_modified_date_time: Moment = None
    is_entra_integrated: bool | None = None


class User(Entity):
    """A user."""

    display_name: str | None = None
    user_principal_name: str | None = None
    account_enabled: bool | None = None


class Group(Entity):
    """A group."""

    display_name: str | None = None


class Member(Entity):
    """A member of a group: a user, a group or something else."""

    display_name: str | None = None
    odata_type: str | None = Field(default=None, alias="@odata.type")

    @property
    def is_user(self) -> bool:
        """Whether it is a user; a member of unknown type counts as one."""
        # A `$select` may leave the type out; then it counts as a user.
        return self.odata_type is None or self.odata_type.lower().endswith(".user")
