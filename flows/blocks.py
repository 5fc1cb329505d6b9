"""Prefect blocks: what a flow run needs and must not be given as a parameter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from prefect.blocks.core import Block
from prefect.blocks.fields import SecretDict
from pydantic import Field, SecretStr

from flows.environment import EnvironmentIncomplete, SignInMethod
from graph_client import Certificate, ClientSecret, FederatedAssertion, GraphSettings, ManagedIdentity
from graph_client.assertions import FileAssertion


class EntraTenant(Block):
    """A Microsoft Entra tenant and the application that signs in to it."""

    _block_type_name = "Entra tenant"
    _block_type_slug = "entra-tenant"
    _description = "A Microsoft Entra tenant and the application entra-fleet signs in to it with."

    tenant_id: str = Field(description="Directory (tenant) id, or one of the tenant's domain names.")
    client_id: str = Field(default="", description="Application (client) id; empty for a managed identity.")
    client_secret: SecretStr = Field(default=SecretStr(""), description="Client secret.")
    certificate_path: str = Field(default="", description="PEM file with certificate and key, on the worker.")
    certificate_password: SecretStr = Field(default=SecretStr(""), description="Password of the PEM file's key.")
    federated_token_file: str = Field(default="", description="File that holds a federated token, on the worker.")
    cloud: Literal["global", "usgov", "usgov-dod", "china"] = Field(
        default="global", description="National cloud the tenant lives in."
    )
    api_version: Literal["v1.0", "beta"] = Field(default="v1.0", description="Version of Microsoft Graph.")
    graph_url: str = Field(default="", description="Root of Microsoft Graph, if not the cloud's own.")
    authority: str = Field(default="", description="Sign-in host, if not the cloud's own.")
    ca_file: str = Field(default="", description="PEM file of the CA to trust, on the worker, if not a public one.")
    fingerprint_key: SecretStr = Field(
        default=SecretStr(""), description="Key of the fingerprints that tell whether a credential has changed."
    )

    def graph_settings(self) -> GraphSettings:
        """Return where this tenant's Graph and sign-in are."""
        given = {
            "graph_url": self.graph_url,
            "authority": self.authority,
            "ca_file": Path(self.ca_file) if self.ca_file else None,
        }
        return GraphSettings.for_cloud(
            self.cloud,
            api_version=self.api_version,
            **{name: value for name, value in given.items() if value},
        )

    def sign_in_method(self) -> SignInMethod:
        """Return how to sign in: the first of secret, certificate, federated token, managed identity that is set."""
        if secret := self.client_secret.get_secret_value():
            return ClientSecret(client_id=self._client_id(), client_secret=secret)
        if self.certificate_path:
            password = self.certificate_password.get_secret_value() or None
            return Certificate(client_id=self._client_id(), path=Path(self.certificate_path), password=password)
        if self.federated_token_file:
            assertion = FileAssertion(Path(self.federated_token_file))
            return FederatedAssertion(client_id=self._client_id(), assertion=assertion)
        return ManagedIdentity(client_id=self.client_id or None)

    def _client_id(self) -> str:
        if not self.client_id:
            raise EnvironmentIncomplete("The Entra tenant block names no client_id: fill it in, or clear its secret.")
        return self.client_id


class AppCredentials(Block):
    """The credentials of target systems, each under a field name of its own."""

    _block_type_name = "App credentials"
    _block_type_slug = "app-credentials"
    _description = "Credentials of provisioned applications, referred to as ${block:name/field} in a fleet file."

    fields: SecretDict = Field(description='Field names and secret values, for instance {"SecretToken": "…"}.')


async def load_credentials(block: str) -> Mapping[str, str]:
    """Return the fields of an `AppCredentials` block, which hold secrets.

    Raises:
        ValueError: There is no such block.
    """
    loaded: AppCredentials = await AppCredentials.aload(block)
    return {field: str(value) for field, value in loaded.fields.get_secret_value().items()}
