"""A typed, async client for the parts of Microsoft Graph that application provisioning needs."""

from graph_client import errors
from graph_client.client import GraphClient
from graph_client.resources import Resources
from graph_client.settings import CLOUDS, Cloud, GraphSettings
from graph_client.sign_in.msal_tokens import MsalTokens
from graph_client.sign_in.tokens import (
    Certificate,
    ClientSecret,
    FederatedAssertion,
    ManagedIdentity,
    SignInMethod,
    StaticTokens,
    TokenClaims,
    TokenProvider,
)

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
