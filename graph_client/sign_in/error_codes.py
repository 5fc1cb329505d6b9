"""What the sign-in service's error codes mean for whoever runs this.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graph_client.errors import AuthFailed
from graph_client.redaction import mask

__all__ = ["auth_failed"]

_CODE = re.compile(r"\bAADSTS(\d{4,8})\b")
# The description ends in ids and a time of its own.
_TAIL = re.compile(r"\s*(Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)
_LONGEST_MESSAGE = 300

_WRONG_VALUE = "the client secret is wrong: give its value, not its id, and check that it belongs to this application"
_TENANT = "the tenant does not exist in this cloud: check the tenant id and the authority"
_CERTIFICATE = "the certificate is not accepted: upload it to the app registration, and check that it has not expired"
_FEDERATED = "the federated credential does not match: compare issuer, subject and audience with the app registration"
_HINTS = {
    "7000215": _WRONG_VALUE,
    "7000216": "a client secret, certificate or assertion is required: give one",
    "7000222": "the client secret has expired: make a new one in the app registration",
    "7000112": "the application is disabled in this tenant: enable it",
    "700016": "the application is unknown in this tenant: check the client id, the tenant id and the cloud",
    "700027": _CERTIFICATE,
    "700024": "the assertion is outside its time: check the clock of this machine",
    "70021": _FEDERATED,
    "700211": _FEDERATED,
    "700212": _FEDERATED,
    "700213": _FEDERATED,
    "7002138": _FEDERATED,
    "900023": _TENANT,
    "90002": _TENANT,
    "90038": "the tenant belongs to another cloud: check the cloud and the authority",
    "500011": "this Graph root is unknown in the tenant: authority and Graph URL must be of the same cloud",
    "70011": "this Graph root is unknown in the tenant: authority and Graph URL must be of the same cloud",
    "1002012": "this Graph root is unknown in the tenant: authority and Graph URL must be of the same cloud",
    "53003": "a Conditional Access policy for workload identities blocks this sign-in",
    "530003": "a Conditional Access policy for workload identities blocks this sign-in",
    "50196": "too many sign-ins in a loop: wait some minutes",
    "650057": "the application has no permission on Microsoft Graph: grant application permissions",
}
_OTHER = "check tenant id, client id, credential and cloud"


def auth_failed(
    result: Mapping[str, Any],
    *,
    verb: str | None = None,
    path: str | None = None,
    status: int | None = None,
) -> AuthFailed:
    """The error for an OAuth error answer (`error`, `error_description`, ids)."""
    # The service, or a proxy before it, may quote what it got: redacted before anything is cut.
    description = mask(str(result.get("error_description") or result.get("message") or ""))
    found = _CODE.search(description)
    oauth_error = mask(error) if isinstance(error := result.get("error"), str) else None
    code = f"AADSTS{found.group(1)}" if found else oauth_error
    message = _TAIL.sub("", _CODE.sub("", description)).strip(" :")
    text = " ".join(message.split())[:_LONGEST_MESSAGE]
    return AuthFailed(
        f"sign-in failed: {text or code or 'refused without a word'}",
        verb=verb,
        path=path,
        status=status,
        code=code,
        message=text or None,
        request_id=_identity(result),
        hint=_HINTS.get(found.group(1), _OTHER) if found else _OTHER,
    )


def _identity(result: Mapping[str, Any]) -> str | None:
    identity = result.get("trace_id") or result.get("correlation_id")
    return mask(identity) if isinstance(identity, str) else None
