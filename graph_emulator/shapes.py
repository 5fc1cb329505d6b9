"""New directory objects as Graph shows them.

https://learn.microsoft.com/graph/api/applicationtemplate-instantiate
"""

from typing import Any

from graph_emulator.gallery import Template
from graph_emulator.identifiers import guid
from graph_emulator.settings import EmulatorSettings

INTEGRATED = "WindowsAzureActiveDirectoryIntegratedApp"
CUSTOM_SINGLE_SIGN_ON = "WindowsAzureActiveDirectoryCustomSingleSignOnApplication"


def _roles(seed: int, number: int, user_role_id: str | None) -> list[dict[str, Any]]:
    return [
        {
            "allowedMemberTypes": ["User"],
            "description": name,
            "displayName": name,
            "id": (user_role_id if name == "User" else None) or guid(seed, "app role", number, name),
            "isEnabled": True,
            "origin": "Application",
            "value": None,
        }
        for name in ("User", "msiam_access")
    ]


def _info() -> dict[str, None]:
    names = ("logoUrl", "marketingUrl", "privacyStatementUrl", "supportUrl", "termsOfServiceUrl")
    return dict.fromkeys(names)


def _reply_urls(template: Template) -> list[str]:
    return ["https://signin.aws.amazon.com/saml"] if template.imports_roles else []


def _api() -> dict[str, Any]:
    return {
        "acceptMappedClaims": None,
        "knownClientApplications": [],
        "oauth2PermissionScopes": [],
        "preAuthorizedApplications": [],
        "requestedAccessTokenVersion": None,
    }


def _web(template: Template) -> dict[str, Any]:
    return {
        "homePageUrl": template.home_page,
        "logoutUrl": None,
        "redirectUris": _reply_urls(template),
        "redirectUriSettings": [],
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
    seed, roles = settings.seed, _roles(settings.seed, number, settings.user_role_id)
    return {
        "id": guid(seed, "application", number),
        "deletedDateTime": None,
        "appId": guid(seed, "app id", number),
        "applicationTemplateId": template.id,
        "createdDateTime": created,
        "description": None,
        "disabledByMicrosoftStatus": None,
        "displayName": display_name,
        "groupMembershipClaims": None,
        "identifierUris": [],
        "isFallbackPublicClient": None,
        "notes": None,
        "publisherDomain": "contoso.example",
        "serviceManagementReference": reference,
        "signInAudience": "AzureADMyOrg",
        "tags": [],
        "uniqueName": None,
        "api": _api(),
        "appRoles": roles,
        "info": _info(),
        "keyCredentials": [],
        "passwordCredentials": [],
        "requiredResourceAccess": [],
        "web": _web(template),
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
        "appRoleAssignmentRequired": True,
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
        "replyUrls": _reply_urls(template),
        "servicePrincipalNames": [application["appId"]],
        "servicePrincipalType": "Application",
        "tags": [*custom, INTEGRATED],
        "tokenEncryptionKeyId": None,
        "samlSingleSignOnSettings": None,
        "info": _info(),
        "appRoles": [dict(role) for role in application["appRoles"]],
        "keyCredentials": [],
        "passwordCredentials": [],
    }
