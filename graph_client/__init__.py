"""Microsoft Graph for application provisioning: typed, async, polite."""

from . import errors
from .auth import MsalTokens
from .client import GraphClient
from .resources import Resources
from .settings import CLOUDS, Cloud, GraphSettings
from .sign_in import Certificate, ClientSecret, FederatedAssertion, ManagedIdentity, SignInMethod
from .tokens import StaticTokens, TokenClaims, TokenProvider

__all__ = [
    "CLOUDS",
    "Certificate",
    "ClientSecret",
    "Cloud",
    "FederatedAssertion",
    "GraphClient",
    "GraphSettings",
    "ManagedIdentity",
    "MsalTokens",
    "Resources",
    "SignInMethod",
    "StaticTokens",
    "TokenClaims",
    "TokenProvider",
    "errors",
]
