"""Client assertions: a JWT signed with a registered certificate, or one from a trusted external issuer.

https://learn.microsoft.com/entra/identity-platform/certificate-credentials
"""

import base64
import binascii
from typing import Any

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from graph_emulator.settings import Client


class AssertionRefused(Exception):
    """The assertion is invalid; the number is that of the AADSTS error."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


def check_assertion(assertion: str, client: Client, token_address: str, now: float) -> None:
    """Verify an assertion of this client.

    Raises:
        AssertionRefused: malformed, expired, for another client or audience, or not signed by a trusted key.
    """
    header, claims = _decode(assertion)
    _check_times(claims, now)
    # Who signs with its own certificate is its own issuer; every other issuer must be federated.
    if claims.get("iss") == client.client_id:
        _check_certificate(assertion, header, claims, client, token_address)
    else:
        _check_federated(claims, client)


def _decode(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        header, claims = (orjson.loads(_bytes(part)) for part in assertion.split(".")[:2])
    except (ValueError, binascii.Error):
        raise AssertionRefused(50027, "JWT token is invalid or malformed.") from None
    if not isinstance(header, dict) or not isinstance(claims, dict) or assertion.count(".") != 2:
        raise AssertionRefused(50027, "JWT token is invalid or malformed.")
    return header, claims


def _check_times(claims: dict[str, Any], now: float) -> None:
    expires, not_before = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or not isinstance(not_before, int | float):
        raise AssertionRefused(700024, "Client assertion is not within its valid time range.")
    # Entra allows for five minutes of clock skew.
    if expires + 300 < now or not_before > now + 300:
        raise AssertionRefused(700024, "Client assertion is not within its valid time range.")


def _check_certificate(
    assertion: str, header: dict[str, Any], claims: dict[str, Any], client: Client, token_address: str
) -> None:
    if claims.get("sub") != client.client_id:
        raise AssertionRefused(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
    audience = str(claims.get("aud", "")).lower()
    if audience != token_address.lower():
        raise AssertionRefused(700023, f"Client assertion audience claim does not match Realm issuer: {audience}.")
    signed, _, signature = assertion.rpartition(".")
    for text in client.certificates:
        certificate = x509.load_pem_x509_certificate(text.encode())
        if _is_meant(header, certificate) and _has_signed(certificate, header, signed.encode(), _bytes(signature)):
            return
    raise AssertionRefused(
        700027, "The certificate with identifier used to sign the client assertion is not registered."
    )


def _is_meant(header: dict[str, Any], certificate: x509.Certificate) -> bool:
    thumbprints = {"x5t": hashes.SHA1(), "x5t#S256": hashes.SHA256()}  # noqa: S303 - Entra's header field
    return any(header.get(name) == _text(certificate.fingerprint(algorithm)) for name, algorithm in thumbprints.items())


def _has_signed(certificate: x509.Certificate, header: dict[str, Any], signed: bytes, signature: bytes) -> bool:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        return False
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256().digest_size)
    scheme = {"RS256": padding.PKCS1v15(), "PS256": pss}.get(str(header.get("alg")))
    if scheme is None:
        return False
    try:
        key.verify(signature, signed, scheme, hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _check_federated(claims: dict[str, Any], client: Client) -> None:
    found = (claims.get("iss"), claims.get("sub"), claims.get("aud"))
    for trusted in client.federated:
        if found == (trusted.issuer, trusted.subject, trusted.audience):
            return
    raise AssertionRefused(
        700213 if client.federated else 70021,
        f"No matching federated identity record found for presented assertion subject '{found[1]}'.",
    )


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
