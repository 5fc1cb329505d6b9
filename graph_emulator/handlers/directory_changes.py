"""What a PATCH of an application or a service principal may change, and how its values are completed.

https://learn.microsoft.com/graph/api/serviceprincipal-update
"""

import base64
import binascii
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509

from graph_emulator.clock import guid, write_moment
from graph_emulator.directory.directory import Entry
from graph_emulator.directory.signing_certificates import X509, thumbprint
from graph_emulator.handlers.call import GUID, Call
from graph_emulator.wire.problems import GraphProblem, bad_request, invalid_value

MODES = ("external", "notSupported", "oidc", "password", "saml")
MOST_NOTIFICATION_ADDRESSES = 5
MERGED = ("api", "info", "parentalControlSettings", "publicClient", "samlSingleSignOnSettings", "spa", "web")
"""Objects of which a PATCH changes only the properties that it names."""
ROLE = {
    "allowedMemberTypes": ["User"],
    "description": None,
    "displayName": None,
    "id": None,
    "isEnabled": True,
    "origin": "Application",
    "value": None,
}


def apply_changes(call: Call, entry: Entry, changes: dict[str, Any]) -> None:
    """Change an object as far as the directory's rules permit.

    Raises:
        GraphProblem: 400 or 409, a rule forbids it; nothing is changed.
    """
    _check_texts(changes)
    _check_passwords(changes, entry)
    _check_single_sign_on(changes)
    if "identifierUris" in changes:
        _check_identifiers(call, changes["identifierUris"], entry)
    if "appRoles" in changes:
        changes["appRoles"] = _complete_roles(changes["appRoles"], entry)
    if "keyCredentials" in changes:
        changes["keyCredentials"] = _complete_keys(call, changes["keyCredentials"], entry)
    for name in MERGED:
        if isinstance(changes.get(name), dict):
            changes[name] = {**(entry.value[name] or {}), **changes[name]}
    if isinstance(changes.get("web"), dict):
        uris = changes["web"]["redirectUris"]
        if not isinstance(uris, list) or not all(isinstance(uri, str) and ":" in uri for uri in uris):
            raise invalid_value("redirectUris")
        changes["web"]["redirectUriSettings"] = [{"uri": uri, "index": None} for uri in uris]
    # Last, so that a request that is refused has changed nothing.
    call.tenant.directory.patch(entry, changes, call.now)


def _check_texts(changes: dict[str, Any]) -> None:
    if "displayName" in changes and not 0 < len((changes["displayName"] or "").strip()) <= 256:
        raise invalid_value("displayName")
    if len(changes.get("notes") or "") > 1024:
        raise bad_request("Property 'notes' has exceeded its maximum length of 1024.")
    tags = changes.get("tags") or []
    if len(set(tags)) != len(tags) or any(not 0 < len(tag) <= 256 for tag in tags):
        raise invalid_value("tags")


def _check_passwords(changes: dict[str, Any], entry: Entry) -> None:
    known = {password.get("keyId") for password in entry.value["passwordCredentials"]}
    if any(password.get("keyId") not in known for password in changes.get("passwordCredentials") or ()):
        # https://github.com/MicrosoftDocs/azure-docs/issues/59275
        raise bad_request("New password credentials must be generated using service actions.")


def _check_single_sign_on(changes: dict[str, Any]) -> None:
    if changes.get("preferredSingleSignOnMode") not in (None, *MODES):
        raise invalid_value("preferredSingleSignOnMode")
    if len(changes.get("notificationEmailAddresses") or ()) > MOST_NOTIFICATION_ADDRESSES:
        raise invalid_value("notificationEmailAddresses")


def _check_identifiers(call: Call, wanted: list[str], entry: Entry) -> None:
    """Refuse an identifier that another application has, or whose domain is not the tenant's.

    The words and the detail are those of its predecessor: https://github.com/Azure/go-autorest/issues/308
    """
    if not all(":" in uri for uri in wanted) or len(set(wanted)) != len(wanted):
        raise invalid_value("identifierUris")
    mode = entry.partner.value["preferredSingleSignOnMode"] if entry.partner else None  # set on the service principal
    foreign = [uri for uri in wanted if not _is_own(uri, entry)]
    if foreign and mode != "saml" and call.tenant.settings.foreign_identifiers == "saml only":
        # https://github.com/hashicorp/terraform-provider-azuread/issues/1392
        raise bad_request(
            "Values of identifierUris property must use a verified domain of the organization or its subdomain: "
            f"'{foreign[0][:100]}'",
            "HostNameNotOnVerifiedDomain",
        )
    others = (each for each in call.tenant.directory.live["application"].values() if each is not entry)
    if any(uri in other.value["identifierUris"] for other in others for uri in wanted):
        raise _identifier_taken(call.tenant.settings.identifier_conflict_status)


def _is_own(uri: str, entry: Entry) -> bool:
    host = urlsplit(uri).hostname or ""
    return host == entry.value["appId"] or f".{host}".endswith(f".{entry.value['publisherDomain']}")


def _identifier_taken(status: int) -> GraphProblem:
    message = "Another object with the same value for property identifierUris already exists."
    details = [{"code": "ObjectConflict", "message": message, "target": "identifierUris"}]
    code = "Request_BadRequest" if status == 400 else "Request_MultipleObjectsWithSameKeyValue"
    return GraphProblem(status, code, message, details=details)


def _complete_roles(wanted: list[dict[str, Any]], entry: Entry) -> list[dict[str, Any]]:
    """The whole collection of roles; one that is left out must have been disabled before.

    https://github.com/OfficeDev/microsoft-365-agents-toolkit/pull/9420
    """
    roles = [{**ROLE, **role} for role in wanted]
    ids = [str(role["id"]).lower() for role in roles]
    values = [str(role["value"]) for role in roles if role["value"] is not None]
    if not all(GUID.fullmatch(id_) for id_ in ids) or not all(role["displayName"] for role in roles):
        raise invalid_value("appRoles")
    if len(set(ids)) != len(ids) or len(set(values)) != len(values):
        raise bad_request("Request contains a property with duplicate values.")
    if any(role["isEnabled"] and role["id"].lower() not in ids for role in entry.value["appRoles"]):
        raise bad_request(
            "Permission (scope or role) cannot be deleted or updated unless disabled first.",
            "CannotDeleteOrUpdateEnabledEntitlement",
        )
    return roles


def _complete_keys(call: Call, wanted: list[dict[str, Any]], entry: Entry) -> list[dict[str, Any]]:
    """The whole collection of keys: known ones by their keyId, new ones with their certificate."""
    known = {key["keyId"]: key for key in entry.value["keyCredentials"]}
    # A key that is named stays unchanged: reads never show its private half, so clients cannot send it.
    found = [known.get(str(key.get("keyId")).lower()) or _new_key(call, key, place) for place, key in enumerate(wanted)]
    if len({key["keyId"] for key in found}) != len(found):
        raise invalid_value("keyCredentials")
    return found


def _new_key(call: Call, key: dict[str, Any], place: int) -> dict[str, Any]:
    """A public key from outside; a private one would need a new password, which is refused."""
    try:
        certificate = base64.b64decode(key.get("key") or "", validate=True)
        read = x509.load_der_x509_certificate(certificate)
    except (ValueError, TypeError, binascii.Error):
        raise invalid_value("keyCredentials") from None
    if (key.get("type"), key.get("usage")) != (X509, "Verify"):
        raise invalid_value("keyCredentials")
    identifier = base64.b64encode(bytes.fromhex(thumbprint(certificate))).decode()
    return {
        "customKeyIdentifier": key.get("customKeyIdentifier") or identifier,
        "displayName": key.get("displayName") or read.subject.rfc4514_string(),
        "endDateTime": write_moment(read.not_valid_after_utc.timestamp()),
        "startDateTime": write_moment(read.not_valid_before_utc.timestamp()),
        "key": key["key"],
        "keyId": key.get("keyId") or guid(call.tenant.settings.seed, "key", call.sequence, place),
        "type": X509,
        "usage": "Verify",
    }
