"""What proves an application's identity without a secret: a certificate, or a federated assertion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from graph_client.error_body import read_json
from graph_client.errors import AuthFailed
from graph_client.settings import GraphSettings
from graph_client.sign_in.http import SignInHttp
from graph_client.sign_in.tokens import Certificate

__all__ = ["AzureDevOpsAssertion", "FileAssertion", "GitHubActionsAssertion", "msal_certificate"]


_AUDIENCE = "api://AzureADTokenExchange"  # what Entra expects of a federated credential by default


@dataclass(frozen=True, slots=True)
class FileAssertion:
    """The content of a file that is renewed from outside, as by Kubernetes workload identity.

    https://learn.microsoft.com/azure/aks/workload-identity-overview
    """

    path: Path

    def __call__(self) -> str:
        """The current assertion in the file.

        Raises:
            AuthFailed: when the file cannot be read or is empty.
        """
        hint = "name a readable file that holds the federated token"
        try:
            text = self.path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise AuthFailed(f"the federated token file {self.path} cannot be read: {reason}", hint=hint) from None
        if not text:
            raise AuthFailed(f"the federated token file {self.path} is empty", hint=hint)
        return text


@dataclass(frozen=True, slots=True)
class GitHubActionsAssertion:
    """An OIDC token of a GitHub Actions job.

    Args:
        request_url: the job's ACTIONS_ID_TOKEN_REQUEST_URL.
        request_token: the job's ACTIONS_ID_TOKEN_REQUEST_TOKEN.
        settings: TLS trust, proxy and time limits.
        transport: the seam for tests.

    https://docs.github.com/actions/reference/security/oidc
    """

    request_url: str
    request_token: str = field(repr=False)
    settings: GraphSettings = field(default_factory=GraphSettings, repr=False)
    audience: str = _AUDIENCE
    transport: httpx.BaseTransport | None = field(default=None, repr=False)

    def __call__(self) -> str:
        """A new assertion.

        Raises:
            AuthFailed: when GitHub returns none.
        """
        # GitHub's URL comes with parameters of its own.
        url = httpx.URL(self.request_url).copy_merge_params({"audience": self.audience})
        headers = {"Authorization": f"Bearer {self.request_token}"}
        hint = "give the job `permissions: id-token: write`"
        with _refused_by("GitHub Actions", hint):
            response = SignInHttp(self.settings, self.transport).send("GET", str(url), headers=headers)
        return _token_of(response, "value", "GitHub Actions", hint)


@dataclass(frozen=True, slots=True)
class AzureDevOpsAssertion:
    """An OIDC token of an Azure DevOps pipeline for one of its service connections.

    Args:
        request_url: the pipeline's SYSTEM_OIDCREQUESTURI.
        access_token: System.AccessToken.
        service_connection_id: the service connection that the application trusts.
        settings: TLS trust, proxy and time limits.
        transport: the seam for tests.

    https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create
    """

    request_url: str
    access_token: str = field(repr=False)
    service_connection_id: str
    settings: GraphSettings = field(default_factory=GraphSettings, repr=False)
    transport: httpx.BaseTransport | None = field(default=None, repr=False)

    def __call__(self) -> str:
        """A new assertion.

        Raises:
            AuthFailed: when Azure DevOps returns none.
        """
        wanted = {"api-version": "7.1", "serviceConnectionId": self.service_connection_id}
        url = httpx.URL(self.request_url).copy_merge_params(wanted)
        headers = {"Authorization": f"Bearer {self.access_token}", "Content-Type": "application/json"}
        hint = "check the service connection's id, and that System.AccessToken is passed to the step"
        with _refused_by("Azure DevOps", hint):
            response = SignInHttp(self.settings, self.transport).send("POST", str(url), headers=headers)
        return _token_of(response, "oidcToken", "Azure DevOps", hint)


@contextmanager
def _refused_by(who: str, hint: str) -> Iterator[None]:
    """Name the service in a refusal, whatever the refusal says; transient errors are unchanged."""
    try:
        yield
    except AuthFailed as error:
        # No answer, or an overload: that says nothing about the permission to ask for a token.
        if error.status is None or error.transient:
            raise
        raise _without_token(who, error.status, hint) from None


def _without_token(who: str, status: int, hint: str) -> AuthFailed:
    return AuthFailed(f"{who} returned no OIDC token", status=status, hint=hint)


def _token_of(response: httpx.Response, name: str, who: str, hint: str) -> str:
    body: Any = read_json(response.content) if response.is_success else None
    token = body.get(name) if isinstance(body, dict) else None
    if not isinstance(token, str) or not token:
        raise _without_token(who, response.status_code, hint)
    return token


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
