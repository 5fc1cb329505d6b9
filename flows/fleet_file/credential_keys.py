"""The credential keys that Graph accepts, and which of them must be references."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from flows.credentials.references import FORMS, Reference
from flows.documents.field_types import WRITTEN, invalid

# The enum synchronizationSecret:
# https://learn.microsoft.com/en-us/graph/api/resources/synchronization-synchronizationsecretkeystringvaluepair
CREDENTIAL_KEYS = (
    "None",
    "UserName",
    "Password",
    "SecretToken",
    "AppKey",
    "BaseAddress",
    "ClientIdentifier",
    "ClientSecret",
    "SingleSignOnType",
    "Sandbox",
    "Url",
    "Domain",
    "ConsumerKey",
    "ConsumerSecret",
    "TokenKey",
    "TokenExpiration",
    "Oauth2AccessToken",
    "Oauth2AccessTokenCreationTime",
    "Oauth2RefreshToken",
    "SyncAll",
    "InstanceName",
    "Oauth2ClientId",
    "Oauth2ClientSecret",
    "CompanyId",
    "UpdateKeyOnSoftDelete",
    "SynchronizationSchedule",
    "SystemOfRecord",
    "SandboxName",
    "EnforceDomain",
    "SyncNotificationSettings",
    "SkipOutOfScopeDeletions",
    "Oauth2AuthorizationCode",
    "Oauth2RedirectUri",
    "ApplicationTemplateIdentifier",
    "Oauth2TokenExchangeUri",
    "Oauth2AuthorizationUri",
    "AuthenticationType",
    "Server",
    "PerformInboundEntitlementGrants",
    "HardDeletesEnabled",
    "SyncAgentCompatibilityKey",
    "SyncAgentADContainer",
    "ValidateDomain",
    "TestReferences",
    "ConnectionString",
)
SENSITIVE_KEYS = frozenset(
    {
        "Password",
        "SecretToken",
        "AppKey",
        "ClientSecret",
        "ConsumerSecret",
        "TokenKey",
        "Oauth2AccessToken",
        "Oauth2RefreshToken",
        "Oauth2ClientSecret",
        "Oauth2AuthorizationCode",
        "SyncAgentCompatibilityKey",
        "ConnectionString",
    }
)
# Graph stores these settings among the secrets; the file has fields for them.
FIELD_OF_KEY = {
    "SyncAll": "scope",
    "SyncNotificationSettings": "notification_email and delete_threshold",
    "SkipOutOfScopeDeletions": "skip_out_of_scope_deletions",
}
ALLOWED_KEYS = tuple(key for key in CREDENTIAL_KEYS if key not in FIELD_OF_KEY)
REFERENCE_PATTERN = r"^\$\{(env|file|block|keyvault):.+\}$"


def check_credential(value: str) -> str:
    """A credential that is not secret: a literal or one whole reference."""
    if not value.strip():
        raise invalid("is blank", "Add a value, or remove the line.")
    try:
        Reference.parse(value)
    except ValueError as error:
        # Cause: A reference is misspelled, or only part of the value.
        advice = f"Use {FORMS} as the whole value; it may contain {{key}} and {{display_name}}."
        raise invalid(str(error), advice) from None
    return value


def check_secret(value: str) -> str:
    """A credential that is a secret: one whole reference."""
    if "${" not in value:
        advice = f"Use {FORMS}, and rotate the secret if it was written here."
        # Cause: A sensitive key has a literal value. Anyone who can read the file knows it: change the secret.
        raise invalid("must be a reference, not the secret itself", advice)
    return check_credential(value)


class _CredentialSchema:
    """Validates each key separately, so that an error has the place of its key."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        fields = {}
        for key in ALLOWED_KEYS:
            check = check_secret if key in SENSITIVE_KEYS else check_credential
            text = core_schema.no_info_after_validator_function(check, core_schema.str_schema())
            fields[key] = core_schema.typed_dict_field(text, required=False)
        return core_schema.typed_dict_schema(fields, extra_behavior="forbid")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        secret = {"type": "string", "pattern": REFERENCE_PATTERN}
        names = {key: secret if key in SENSITIVE_KEYS else {"type": WRITTEN} for key in ALLOWED_KEYS}
        return {"type": "object", "properties": names, "additionalProperties": False}


Credentials = Annotated[dict[str, str], _CredentialSchema]
