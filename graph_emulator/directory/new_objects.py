"""New directory objects as Graph returns them.

https://learn.microsoft.com/graph/api/applicationtemplate-instantiate
"""

from typing import Any

from graph_emulator.clock import guid
from graph_emulator.directory.gallery import Template
from graph_emulator.settings import EmulatorSettings

INTEGRATED = "WindowsAzureActiveDirectoryIntegratedApp"
CUSTOM_SINGLE_SIGN_ON = "WindowsAzureActiveDirectoryCustomSingleSignOnApplication"


# Not in the answer of instantiate, only in a later GET; the rest is in both: timfee/cep-idp instantiate-sso.json and
# appByTemplateProv.json, 2025-06.
ONLY_IN_GET = frozenset(
    {
        "appDescription",
        "certification",
        "disabledByMicrosoftStatus",
        "isDeviceOnlyAuthSupported",
        "nativeAuthenticationApisEnabled",
        "notes",
        "publisherDomain",
        "requestSignatureVerification",
        "servicePrincipalLockConfiguration",
        "spa",
        "uniqueName",
    }
)
# Unset properties of a new application.
UNSET = (
    "deletedDateTime",
    "description",
    "disabledByMicrosoftStatus",
    "groupMembershipClaims",
    "isDeviceOnlyAuthSupported",
    "nativeAuthenticationApisEnabled",
    "notes",
    "tokenEncryptionKeyId",
    "uniqueName",
    "samlMetadataUrl",
    "defaultRedirectUri",
    "certification",
    "optionalClaims",
    "servicePrincipalLockConfiguration",
    "requestSignatureVerification",
)
WEB_ONLY_IN_GET = frozenset({"implicitGrantSettings", "redirectUriSettings"})


def as_created(value: dict[str, Any], *, principal: bool) -> dict[str, Any]:
    """An object as in the answer to instantiate."""
    shown = {name: each for name, each in value.items() if name not in ONLY_IN_GET}
    if principal:
        shown.pop("description", None)
    if "web" in shown:
        shown["web"] = {name: each for name, each in shown["web"].items() if name not in WEB_ONLY_IN_GET}
    return shown


def _roles(template: Template, user_role_id: str | None) -> list[dict[str, Any]]:
    return [
        {
            "allowedMemberTypes": ["User"],
            "description": name,
            "displayName": name,
            "id": (user_role_id if name == "User" else None) or identifier,
            "isEnabled": True,
            "origin": "Application",
            "value": None,  # only imported roles have one
        }
        for name, identifier in template.roles
    ]


def _info() -> dict[str, None]:
    names = ("logoUrl", "marketingUrl", "privacyStatementUrl", "supportUrl", "termsOfServiceUrl")
    return dict.fromkeys(names)


def _scope(identifier: str, display_name: str) -> dict[str, Any]:
    """The delegated scope that every application has; its texts name the application."""
    return {
        "adminConsentDescription": f"Allow the application to access {display_name} on behalf of the signed-in user.",
        "adminConsentDisplayName": f"Access {display_name}",
        "id": identifier,
        "isEnabled": True,
        "type": "User",
        "userConsentDescription": f"Allow the application to access {display_name} on your behalf.",
        "userConsentDisplayName": f"Access {display_name}",
        "value": "user_impersonation",
    }


def _api(scope: dict[str, Any]) -> dict[str, Any]:
    return {
        "acceptMappedClaims": None,
        "knownClientApplications": [],
        "oauth2PermissionScopes": [scope],
        "preAuthorizedApplications": [],
        "requestedAccessTokenVersion": None,
    }


def _unverified() -> dict[str, None]:
    return dict.fromkeys(("displayName", "verifiedPublisherId", "addedDateTime"))


def _web(template: Template) -> dict[str, Any]:
    return {
        "homePageUrl": template.home_page,
        "logoutUrl": None,
        "redirectUris": list(template.redirect_uris),
        "redirectUriSettings": [{"uri": uri, "index": None} for uri in template.redirect_uris],
        "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": True},
    }


def new_application(
    settings: EmulatorSettings,
    number: int,
    template: Template,
    display_name: str,
    reference: str | None,
    created: str,
) -> dict[str, Any]:
    """The application registration."""
    seed = settings.seed
    return {
        **dict.fromkeys(UNSET),
        "id": guid(seed, "application", number),
        "appId": guid(seed, "app id", number),
        "applicationTemplateId": template.id,
        "createdDateTime": created,
        "displayName": display_name,
        "identifierUris": [],
        "isFallbackPublicClient": False,
        "publisherDomain": "contoso.example",
        "serviceManagementReference": reference,
        "signInAudience": "AzureADMyOrg",  # this tenant only
        "tags": [],
        "addIns": [],
        "api": _api(_scope(guid(seed, "scope", number), display_name)),
        "appRoles": _roles(template, settings.user_role_id),
        "info": _info(),
        "keyCredentials": [],
        "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
        "passwordCredentials": [],
        "publicClient": {"redirectUris": []},
        "requiredResourceAccess": [],
        "verifiedPublisher": _unverified(),
        "web": _web(template),
        "spa": {"redirectUris": []},
    }


def new_service_principal(
    seed: int, number: int, template: Template, application: dict[str, Any], tenant_id: str
) -> dict[str, Any]:
    """The service principal of a new application."""
    custom = [CUSTOM_SINGLE_SIGN_ON] if template.is_custom else []
    return {
        "id": guid(seed, "service principal", number),
        "deletedDateTime": None,
        "accountEnabled": True,
        "alternativeNames": [],
        "appDescription": None,
        "appDisplayName": application["displayName"],
        "appId": application["appId"],
        "appOwnerOrganizationId": tenant_id,
        "appRoleAssignmentRequired": True,  # recorded of gallery applications
        "applicationTemplateId": template.id,
        "description": None,
        "disabledByMicrosoftStatus": None,
        "displayName": application["displayName"],
        "homepage": template.home_page,
        "loginUrl": None,
        "logoutUrl": None,
        "notes": None,
        "notificationEmailAddresses": [],
        "preferredSingleSignOnMode": None,
        "preferredTokenSigningKeyThumbprint": None,
        "replyUrls": [uri for uri in template.redirect_uris if "*" not in uri],
        "servicePrincipalNames": [application["appId"]],  # identifierUris are added when they are set
        "servicePrincipalType": "Application",
        "tags": [*custom, INTEGRATED],  # without this one it is not under Enterprise applications
        "tokenEncryptionKeyId": None,
        "samlSingleSignOnSettings": None,
        "addIns": [],
        "appRoles": [dict(role) for role in application["appRoles"]],
        "info": _info(),
        "keyCredentials": [],
        "oauth2PermissionScopes": [dict(scope) for scope in application["api"]["oauth2PermissionScopes"]],
        "passwordCredentials": [],
        "verifiedPublisher": _unverified(),
    }
