"""The certificate of a sign-in, checked before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from graph_client.errors import AuthFailed
from graph_client.sign_in.tokens import Certificate

__all__ = ["msal_certificate"]


def msal_certificate(certificate: Certificate, now: datetime | None = None) -> dict[str, str]:
    """The certificate as MSAL takes it.

    Raises:
        AuthFailed: when the file is unreadable, the password wrong, the certificate not valid at this time,
            or the key not that of the certificate.
    """
    pem = _read(certificate)
    key = _private_key(certificate, pem)
    leaf = _leaf(certificate, pem, key)
    _check_time(certificate, leaf, now or datetime.now(UTC))
    plain = serialization.NoEncryption()
    return {
        "private_key": key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode(),
        "public_certificate": leaf.public_bytes(serialization.Encoding.PEM).decode(),
    }


def _read(certificate: Certificate) -> bytes:
    try:
        return certificate.path.read_bytes()
    except OSError as error:
        raise AuthFailed(
            f"the certificate {certificate.path} cannot be read: {error.strerror}",
            hint="name a readable PEM file with the certificate and its private key",
        ) from None


def _private_key(certificate: Certificate, pem: bytes) -> rsa.RSAPrivateKey:
    password = certificate.password.encode() if certificate.password else None
    # cryptography refuses a password for a key that is not encrypted.
    if b"ENCRYPTED" not in pem:
        password = None
    try:
        key = serialization.load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        what = "cannot be opened with this password" if password else "cannot be opened"
        locked = b"ENCRYPTED" in pem and password is None
        raise AuthFailed(
            f"the private key in {certificate.path} {what}",
            hint="give its password" if locked else "check the password, and that the file is PEM with a key",
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        # Entra accepts only RSA for client assertions.
        raise AuthFailed(f"the private key in {certificate.path} is not an RSA key", hint="use an RSA certificate")
    return key


def _leaf(certificate: Certificate, pem: bytes, key: rsa.RSAPrivateKey) -> x509.Certificate:
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError:
        chain = []
    # The file may hold a chain, in any order: the leaf is the one whose key this is.
    for candidate in chain:
        if candidate.public_key() == key.public_key():
            return candidate
    raise AuthFailed(
        f"{certificate.path} holds {'no certificate' if not chain else 'a key of another certificate'}",
        hint="put the certificate and its private key into one PEM file",
    )


def _check_time(certificate: Certificate, leaf: x509.Certificate, now: datetime) -> None:
    if now > leaf.not_valid_after_utc:
        raise AuthFailed(
            f"the certificate {certificate.path} expired on {leaf.not_valid_after_utc:%Y-%m-%d}",
            hint="create a new one and upload it to the app registration",
        )
    if now < leaf.not_valid_before_utc:
        raise AuthFailed(
            f"the certificate {certificate.path} is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
            hint="check the clock of this machine",
        )
