"""The signing certificates of a service principal, as Graph stores them: two key credentials for each.

https://learn.microsoft.com/graph/api/resources/keycredential
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from contextlib import suppress
from datetime import datetime

from graph_client.models.resource import Moment, Resource, parse_moment
from graph_client.models.view import Parts, Text, View

__all__ = ["KeyCredential", "SelfSignedCertificate", "SigningKeys"]


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
