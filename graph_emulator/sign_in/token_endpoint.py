"""Sign-in: the OpenID documents and the token endpoint of the tenant, with the checks of client assertions.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
https://learn.microsoft.com/entra/identity-platform/certificate-credentials
"""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from graph_emulator.clock import guid, write_moment
from graph_emulator.settings import Client, EmulatorSettings
from graph_emulator.sign_in.tokens import TokenIssuer


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
        700213 if client.federated else 70021,  # no match among some, or none configured at all
        f"No matching federated identity record found for presented assertion subject '{found[1]}'.",
    )


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))  # JWTs come without padding


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class SignInRefused(Exception):
    """The token endpoint refuses a request."""

    def __init__(self, number: int, error: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.number, self.error, self.text, self.status = number, error, text, status

    def as_entra(self, trace_id: str, correlation_id: str, now: float) -> dict[str, Any]:
        """The body of the answer."""
        moment = write_moment(now).replace("T", " ")  # Entra's format in its errors
        return {
            "error": self.error,
            "error_description": f"AADSTS{self.number}: {self.text} Trace ID: {trace_id} "
            f"Correlation ID: {correlation_id} Timestamp: {moment}",
            "error_codes": [self.number],
            "timestamp": moment,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
        }


class SignIn:
    """The identity platform of one tenant."""

    def __init__(self, settings: EmulatorSettings, tokens: TokenIssuer) -> None:
        self._settings = settings
        self._tokens = tokens
        self._clients = {client.client_id.lower(): client for client in settings.clients}

    def check_tenant(self, tenant: str) -> None:
        """Refuse a tenant that does not exist."""
        # By id or by a verified domain.
        if tenant.lower() not in (self._settings.tenant_id, self._settings.domain):
            raise SignInRefused(
                90002,
                "invalid_request",
                f"Tenant '{tenant[:100]}' not found. Check to make sure you have the correct tenant ID and are "
                "signing into the correct cloud.",
            )

    def configuration(self, tenant: str, root: str) -> dict[str, Any]:
        """The OpenID discovery document."""
        self.check_tenant(tenant)
        base = f"{root}/{self._settings.tenant_id}"
        return {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": [
                "client_secret_post",
                "private_key_jwt",
                "client_secret_basic",
            ],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "tenant_region_scope": "EU",
            "cloud_instance_name": root.partition("://")[2],
            "msgraph_host": root.partition("://")[2],
        }

    def instances(self, root: str) -> dict[str, Any]:
        """The instance discovery document: the hosts of this authority."""
        host = root.partition("://")[2]
        return {
            "tenant_discovery_endpoint": f"{root}/{self._settings.tenant_id}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }

    def token(self, tenant: str, body: bytes, address: str, now: float) -> dict[str, Any]:
        """The token endpoint.

        Raises:
            SignInRefused: with the AADSTS number of the error.
        """
        self.check_tenant(tenant)
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if form.get("grant_type") != "client_credentials":
            raise SignInRefused(70003, "unsupported_grant_type", "The app requested an unsupported grant type.")
        client = self._client(form)
        scope = form.get("scope", "")
        if not scope.endswith("/.default"):  # all that client credentials may ask for
            raise SignInRefused(
                1002012,
                "invalid_scope",
                f"The provided value for scope {scope[:100]} is not valid. Client credential flows must have a "
                "scope value with /.default suffixed to the resource identifier.",
            )
        self._check_proof(form, client, address, now)
        object_id = self.object_id(client)
        seconds = int(self._settings.token_lifetime_seconds)
        audience = scope.removesuffix("/.default")
        return {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": self._tokens.make(client, object_id, audience, now),
        }

    def object_id(self, client: Client) -> str:
        """The service principal of a client."""
        return guid(self._settings.seed, "caller", client.client_id)  # of the client's service principal

    def _client(self, form: dict[str, str]) -> Client:
        client_id = form.get("client_id", "")
        if not client_id:
            raise SignInRefused(900144, "invalid_request", "The request body must contain the parameter: 'client_id'.")
        client = self._clients.get(client_id.lower())
        if client is None:
            raise self.application_unknown(client_id)
        return client

    def application_unknown(self, app_id: str) -> SignInRefused:
        """The refusal of an application that the tenant does not have."""
        return SignInRefused(
            700016,
            "unauthorized_client",
            f"Application with identifier '{app_id[:100]}' was not found in the directory "
            f"'{self._settings.tenant_name}'.",
        )

    def _check_proof(self, form: dict[str, str], client: Client, address: str, now: float) -> None:
        assertion, secret = form.get("client_assertion"), form.get("client_secret")
        if assertion is not None:
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                raise SignInRefused(50027, "invalid_request", "The client_assertion_type is not supported.")
            try:
                check_assertion(assertion, client, address, now)
            except AssertionRefused as refused:
                raise SignInRefused(refused.number, "invalid_client", str(refused), 401) from None
        elif secret is None:
            raise SignInRefused(
                7000218,
                "invalid_client",
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
                401,
            )
        elif secret in client.expired_secrets:
            raise SignInRefused(
                7000222,
                "invalid_client",
                f"The provided client secret keys for app '{client.client_id}' are expired.",
                401,
            )
        elif secret != client.client_secret:
            raise SignInRefused(
                7000215,
                "invalid_client",
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{client.client_id}'.",
                401,
            )


# Services that this tenant does not have: a name that does not resolve, so that nothing is sent to a real one.
NOWHERE = "emulator.invalid"
SUFFIXES = (
    "acrLoginServer",
    "attestationEndpoint",
    "azureDataLakeAnalyticsCatalogAndJob",
    "azureDataLakeStoreFileSystem",
    "azureFrontDoorEndpointSuffix",
    "keyVaultDns",
    "mariadbServerEndpoint",
    "mhsmDns",
    "mysqlServerEndpoint",
    "postgresqlServerEndpoint",
    "sqlServerHostname",
    "storage",
    "storageSyncEndpointSuffix",
    "synapseAnalytics",
)


def cloud_metadata(root: str) -> dict[str, Any]:
    """The document, in the shape of api-version 2022-09-01; Graph and sign-in are at this root."""
    nowhere = f"https://{NOWHERE}/"
    return {
        "name": "GraphEmulator",
        "portal": nowhere,
        "authentication": {
            "loginEndpoint": root,
            "audiences": [nowhere],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": nowhere,
        "graph": nowhere,
        "graphAudience": nowhere,
        "microsoftGraphResourceId": root,
        "media": nowhere,
        "batch": nowhere,
        "sqlManagement": nowhere,
        "activeDirectoryDataLake": nowhere,
        "vmImageAliasDoc": nowhere,
        "appInsightsResourceId": nowhere,
        "appInsightsTelemetryChannelResourceId": nowhere,
        "attestationResourceId": nowhere,
        "synapseAnalyticsResourceId": nowhere,
        "logAnalyticsResourceId": nowhere,
        "ossrDbmsResourceId": nowhere,
        "suffixes": dict.fromkeys(SUFFIXES, NOWHERE),
    }
