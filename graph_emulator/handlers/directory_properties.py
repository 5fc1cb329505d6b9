"""The properties of applications and service principals: which are writable, and which can be filtered how.

https://learn.microsoft.com/graph/aad-advanced-queries
"""

from typing import Any

from graph_emulator.directory.directory import Kind
from graph_emulator.wire.odata import Field, Filterable

_BOTH = {
    "addIns": "object[]",
    "appRoles": "object[]",
    "description": "string",
    "displayName": "string",
    "info": "object",
    "keyCredentials": "object[]",
    "notes": "string",
    "passwordCredentials": "object[]",
    "tags": "string[]",
    "tokenEncryptionKeyId": "string",
}
WRITABLE: dict[Kind, dict[str, str]] = {
    "application": {
        **_BOTH,
        "api": "object",
        "defaultRedirectUri": "string",
        "groupMembershipClaims": "string",
        "identifierUris": "string[]",
        "isDeviceOnlyAuthSupported": "boolean",
        "isFallbackPublicClient": "boolean",
        "nativeAuthenticationApisEnabled": "string",
        "optionalClaims": "object",
        "parentalControlSettings": "object",
        "publicClient": "object",
        "requestSignatureVerification": "object",
        "requiredResourceAccess": "object[]",
        "samlMetadataUrl": "string",
        "serviceManagementReference": "string",
        "servicePrincipalLockConfiguration": "object",
        "signInAudience": "string",
        "spa": "object",
        "uniqueName": "string",
        "web": "object",
    },
    "servicePrincipal": {
        **_BOTH,
        "accountEnabled": "boolean",
        "alternativeNames": "string[]",
        "appRoleAssignmentRequired": "boolean!",
        "homepage": "string",
        "loginUrl": "string",
        "logoutUrl": "string",
        "notificationEmailAddresses": "string[]",
        "preferredSingleSignOnMode": "string",
        "preferredTokenSigningKeyThumbprint": "string",
        "replyUrls": "string[]",
        "samlSingleSignOnSettings": "object",
        "servicePrincipalNames": "string[]",
    },
}


def _split_names(text: str) -> frozenset[str]:
    return frozenset(text.split())


READ_ONLY: dict[Kind, frozenset[str]] = {
    "application": _split_names(
        """id deletedDateTime appId applicationTemplateId certification createdDateTime disabledByMicrosoftStatus
        isDisabled publisherDomain verifiedPublisher"""
    ),
    "servicePrincipal": _split_names(
        """id deletedDateTime appId appDescription appDisplayName appOwnerOrganizationId applicationTemplateId
        createdByAppId disabledByMicrosoftStatus isDisabled oauth2PermissionScopes servicePrincipalType
        synchronization verifiedPublisher"""
    ),
}


def _field(name: str, operators: str, advanced: str = "ne", *, collection: bool = False) -> Field:
    def read(value: dict[str, Any]) -> Any:
        return value.get(name)

    return Field(read, frozenset(operators.split()), frozenset(advanced.split()), collection=collection)


_COMMON = {
    "displayname": _field("displayName", "eq ge le in startswith", "ne"),
    "applicationtemplateid": _field("applicationTemplateId", "eq startswith"),
    "tags": _field("tags", "eq ge le startswith", "", collection=True),
    "appid": _field("appId", "eq in"),
    "id": _field("id", "eq in"),
}
FILTERABLE: dict[Kind, Filterable] = {
    "application": Filterable(
        "Application",
        {**_COMMON, "identifieruris": _field("identifierUris", "eq ge le startswith", "", collection=True)},
    ),
    "servicePrincipal": Filterable(
        "ServicePrincipal",
        {
            **_COMMON,
            "accountenabled": _field("accountEnabled", "eq in"),
            "preferredsinglesignonmode": _field("preferredSingleSignOnMode", "eq in"),
            "serviceprincipalnames": _field("servicePrincipalNames", "eq ge le startswith", "", collection=True),
        },
    ),
}
