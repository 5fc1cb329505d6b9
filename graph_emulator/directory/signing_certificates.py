"""Certificates that sign SAML assertions: self-signed ones, the credentials made of them, and which one is active.

https://learn.microsoft.com/graph/api/serviceprincipal-addtokensigningcertificate
"""

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from graph_emulator.clock import guid, read_ticks, to_ticks, write_moment

LONGEST_YEARS = 3
X509 = "AsymmetricX509Cert"
Credential = dict[str, Any]

# Keys that are the same on every run, so that the same seed gives the same certificates: each prime is the first one
# after a hashed text. Only how far it is stands here; looking for it again would take a quarter of a second.
_STEPS = ((1720, 756), (70, 102))
_EXPONENT = 65537


def _prime(name: str, step: int) -> int:
    # The two highest bits are set, so that the product of two primes has 2048 bits.
    return (int.from_bytes(hashlib.shake_256(name.encode()).digest(128), "big") | 3 << 1022 | 1) + step


@cache
def signing_key(number: int) -> rsa.RSAPrivateKey:
    """One of two RSA keys of 2048 bits. They protect nothing: anyone can compute them."""
    number %= len(_STEPS)  # two keys are enough: neighbours must differ
    p, q = (
        _prime(f"graph_emulator signing key {number} {name}", step)
        for name, step in zip("pq", _STEPS[number], strict=True)
    )
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(_EXPONENT, p * q)
    )
    # Testing again that the primes are primes would take a tenth of a second.
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def latest_end(now: float) -> float:
    """The latest moment at which a certificate created now may expire."""
    start = datetime.fromtimestamp(now, UTC)
    leap_day = start.month == 2 and start.day == 29  # three years later there is no 29th
    return start.replace(year=start.year + LONGEST_YEARS, day=28 if leap_day else start.day).timestamp()


def make_certificate(subject: str, start: float, end: float, number: int, *parts: object) -> bytes:
    """A self-signed certificate in DER.

    Args:
        subject: the distinguished name, as in `CN=Contoso`.
        start: when it becomes valid, in whole seconds.
        end: when it expires.
        number: which key signs it.
        parts: what distinguishes its serial number.

    Raises:
        ValueError: the subject is no distinguished name.
    """
    name, key = x509.Name.from_rfc4514_string(subject), signing_key(number)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int(guid("serial", *parts).replace("-", ""), 16) >> 1)
        .not_valid_before(datetime.fromtimestamp(int(start), UTC))  # X.509 has whole seconds
        .not_valid_after(datetime.fromtimestamp(int(end), UTC))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def thumbprint(certificate: bytes) -> str:
    """The SHA-1 fingerprint as Entra writes it."""
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest().upper()


def make_credentials(
    certificate: bytes, subject: str, start: float, end: float, key_id: str, *parts: object
) -> tuple[list[Credential], Credential]:
    """The two keys and the password that a certificate becomes on its service principal.

    Args:
        certificate: in DER.
        subject: its distinguished name.
        start: when it becomes valid.
        end: when it expires.
        key_id: what customKeyIdentifier is made of: the thumbprint of the certificate, or an id of Entra's own.
        parts: what distinguishes its keyIds.

    Returns:
        Private and public key, and the password of the private one, which has the same keyId.
    """
    common = {
        "customKeyIdentifier": _identifier(certificate, key_id, parts),
        "displayName": subject,
        "endDateTime": write_moment(end),
        "startDateTime": write_moment(start),
    }
    private, public = guid("sign", *parts), guid("verify", *parts)
    sign = {**common, "key": None, "keyId": private, "type": X509, "usage": "Sign"}
    verify = {**common, "key": base64.b64encode(certificate).decode(), "keyId": public, "type": X509, "usage": "Verify"}
    return [sign, verify], {**common, "hint": None, "keyId": private, "secretText": None}


def _identifier(certificate: bytes, kind: str, parts: tuple[object, ...]) -> str:
    text = bytes.fromhex(thumbprint(certificate)) if kind == "thumbprint" else guid("key id", *parts).encode()[:20]
    return base64.b64encode(text).decode()


def read_certificate(credential: Credential) -> bytes:
    """The certificate of a public key in DER."""
    return base64.b64decode(credential["key"])


def private_key_of(certificate: bytes) -> rsa.RSAPrivateKey:
    """The key that signs for a certificate that was created here."""
    public = x509.load_der_x509_certificate(certificate).public_key()
    return next(key for key in map(signing_key, range(len(_STEPS))) if key.public_key() == public)


@cache
def tenant_certificate(tenant_id: str) -> bytes:
    """The certificate that signs for applications without one of their own."""
    start, end = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2020, 2060))
    return make_certificate("CN=accounts.accesscontrol.windows.net", start, end, 0, "tenant", tenant_id)


def metadata_certificates(principal: dict[str, Any], now: float, *, whole: bool) -> list[bytes]:
    """The certificates that the metadata of an application lists, the active one first.

    Args:
        principal: its service principal.
        now: the tenant's time.
        whole: whether valid ones that are not active are listed, too, so that targets learn of them beforehand.
    """
    active = active_key(principal, now)
    others = [each for each in public_keys(principal) if each is not active and is_valid(each, now)] if whole else []
    return [read_certificate(each) for each in ([active] if active else []) + others]


def public_keys(principal: dict[str, Any]) -> list[Credential]:
    """The certificates of a service principal that can sign: those whose private key it has, oldest first."""
    keys = [each for each in principal["keyCredentials"] if each["type"] == X509]
    # A public key alone cannot sign: a certificate needs its private half, with the same identifier.
    private = {each["customKeyIdentifier"] for each in keys if each["usage"] == "Sign"}
    return [each for each in keys if each["usage"] == "Verify" and each["customKeyIdentifier"] in private]


def active_key(principal: dict[str, Any], now: float) -> Credential | None:
    """The certificate that signs now.

    When the preferred one has expired and another one is valid, Entra switches automatically, as far as is known to
    the one that was created next:
    https://learn.microsoft.com/entra/identity/enterprise-apps/tutorial-manage-certificates-for-federated-single-sign-on
    """
    keys = public_keys(principal)
    # Clients write thumbprints in either case.
    wanted = (principal["preferredTokenSigningKeyThumbprint"] or "").lower()
    preferred = next((each for each in keys if thumbprint(read_certificate(each)).lower() == wanted), None)
    if preferred is None or is_valid(preferred, now):
        return preferred
    # To the next newer one, and to the oldest of the others if there is none: documented is only that it switches.
    since = preferred["startDateTime"]
    others = (each for each in keys if is_valid(each, now))
    return min(others, key=lambda each: (each["startDateTime"] < since, each["startDateTime"]), default=preferred)


def is_valid(credential: Credential, now: float) -> bool:
    """Whether a certificate has begun and not expired."""
    return read_ticks(credential["startDateTime"]) <= to_ticks(now) < read_ticks(credential["endDateTime"])


def switch_at_expiry(principal: dict[str, Any], now: float) -> None:
    """Make the certificate preferred that Entra has switched to."""
    active = active_key(principal, now) if principal["keyCredentials"] else None
    if active is not None:
        signs = thumbprint(read_certificate(active))
        # Kept in the case it was written in, as long as it is the same.
        if signs.lower() != principal["preferredTokenSigningKeyThumbprint"].lower():
            principal["preferredTokenSigningKeyThumbprint"] = signs
