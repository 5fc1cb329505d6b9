"""Prefect blocks: what a flow run needs and must not be given as a parameter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from prefect.blocks.core import Block
from prefect.blocks.fields import SecretDict
from pydantic import Field, SecretStr

from flows.configuration.environment import EnvironmentIncomplete, SignInMethod
from graph_client import Certificate, ClientSecret, FederatedAssertion, GraphSettings, ManagedIdentity
from graph_client.sign_in.assertions import FileAssertion


class EntraTenant(Block):
    """A Microsoft Entra tenant and the application that signs in to it."""

    _block_type_name = "Entra tenant"
    _block_type_slug = "entra-tenant"
    _description = (
        "A Microsoft Entra tenant and the application that entra-fleet signs in to it as. Flows take its name as the "
        "parameter tenant. The deployment test-connection/connection tries it."
    )
    _code_example = """\
    ```python
    from prefect.deployments import run_deployment

    run_deployment("provision-fleet/on-demand", parameters={"tenant": "contoso-reader"})
    ```
    """

    tenant_id: str = Field(
        title="Tenant",
        description="Directory (tenant) id, or one of the tenant's domain names.",
        examples=["7928d5b5-7442-4a97-a02d-66f9a9972ec0"],
        json_schema_extra={"position": 0},
    )
    client_id: str = Field(
        default="",
        title="Application",
        description="Application (client) id to sign in as; empty for a managed identity.",
        json_schema_extra={"position": 1},
    )
    client_secret: SecretStr = Field(
        default=SecretStr(""),
        title="Client secret",
        description="Fill in this, or a certificate, or a federated token, or none for a managed identity.",
        json_schema_extra={"position": 2},
    )
    certificate_path: str = Field(
        default="",
        title="Certificate",
        description="Path of a PEM file with certificate and private key, where the worker runs.",
        json_schema_extra={"position": 3},
    )
    certificate_password: SecretStr = Field(
        default=SecretStr(""),
        title="Certificate password",
        description="Password of the private key, if it has one.",
        json_schema_extra={"position": 4},
    )
    federated_token_file: str = Field(
        default="",
        title="Federated token file",
        description="Path of a file with a federated token (workload identity), where the worker runs.",
        json_schema_extra={"position": 5},
    )
    cloud: Literal["global", "usgov", "usgov-dod", "china"] = Field(
        default="global",
        title="Cloud",
        description="National cloud the tenant lives in.",
        json_schema_extra={"position": 6},
    )
    api_version: Literal["v1.0", "beta"] = Field(
        default="v1.0",
        title="API version",
        description="Version of Microsoft Graph.",
        json_schema_extra={"position": 7},
    )
    fingerprint_key: SecretStr = Field(
        default=SecretStr(""),
        title="Fingerprint key",
        description="Key of the fingerprints that show whether a credential has changed; the same on every worker.",
        json_schema_extra={"position": 8},
    )
    graph_url: str = Field(
        default="",
        title="Microsoft Graph",
        description="Root of Microsoft Graph, if not the cloud's own.",
        json_schema_extra={"position": 9},
    )
    authority: str = Field(
        default="",
        title="Sign-in host",
        description="Sign-in host, if not the cloud's own.",
        json_schema_extra={"position": 10},
    )
    ca_file: str = Field(
        default="",
        title="CA file",
        description="Path of a PEM file of the CA to trust, where the worker runs, if not a public one.",
        json_schema_extra={"position": 11},
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

    @property
    def names_addresses(self) -> bool:
        """Whether it names hosts or a CA of its own."""
        return bool(self.graph_url or self.authority or self.ca_file)

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
        return ManagedIdentity(client_id=self.client_id or None)  # without a client id, the host's own identity

    def _client_id(self) -> str:
        if not self.client_id:
            raise EnvironmentIncomplete("The Entra tenant block names no client_id: fill it in, or clear its secret.")
        return self.client_id


class AppCredentials(Block):
    """The credentials of target systems, each under a field name of its own."""

    _block_type_name = "App credentials"
    _block_type_slug = "app-credentials"
    _description = "Credentials of provisioned applications. A fleet file refers to them as ${block:NAME/FIELD}."
    _code_example = """\
    ```python
    from entra_fleet.blocks import AppCredentials

    AppCredentials(fields={"SecretToken": "…"}).save("databricks")
    # In the fleet file: SecretToken: ${block:databricks/SecretToken}
    ```
    """

    fields: SecretDict = Field(
        title="Credentials",
        description='Field names and their secret values, as JSON: {"SecretToken": "…"}.',
    )


async def load_credentials(block: str) -> Mapping[str, str]:
    """Return the fields of an `AppCredentials` block, which hold secrets.

    Raises:
        ValueError: There is no such block.
    """
    loaded: AppCredentials = await AppCredentials.aload(block)
    return {field: str(value) for field, value in loaded.fields.get_secret_value().items()}
