"""Certificates made on the spot."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC).replace(microsecond=0)


@cache
def key_of(name):
    """An RSA key for each name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def elliptic_key():
    return ec.generate_private_key(ec.SECP256R1())


def certificate_of(key, begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=30)):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fleet")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    certificate = builder.not_valid_before(begins).not_valid_after(ends).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM)


def pem_of(key, password=None):
    secrecy = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secrecy)
