"""The ways to sign in, as values; a secret never shows in their repr."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Certificate", "ClientSecret", "FederatedAssertion", "ManagedIdentity", "SignInMethod"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecret:
    """An application and its client secret."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """An application and a PEM file that holds its certificate and private key."""

    client_id: str
    path: Path
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedAssertion:
    """An application and a source of assertions by an issuer that it trusts.

    `assertion` may block; it is called in a thread, anew for each token request, since such assertions live
    for minutes. See `graph_client.sign_in.assertions` for the usual sources.
    """

    client_id: str
    assertion: Callable[[], str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedIdentity:
    """The identity of the machine; `client_id` picks a user-assigned one."""

    client_id: str | None = None


SignInMethod = ClientSecret | Certificate | FederatedAssertion | ManagedIdentity
