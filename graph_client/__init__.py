"""Microsoft Graph for application provisioning: typed, async, polite."""

from . import errors
from .client import GraphClient
from .resources import Resources
from .settings import CLOUDS, Cloud, GraphSettings
from .sign_in.methods import Certificate, ClientSecret, FederatedAssertion, ManagedIdentity, SignInMethod
from .sign_in.msal_tokens import MsalTokens
from .sign_in.tokens import StaticTokens, TokenClaims, TokenProvider

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
