"""The one file that reads the environment.

The names are those people already use for Azure's own tools, and ours beside them; `docs/configuration.md` lists
them.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from platformdirs import user_data_path

from flows.base_error import EntraFleetError
from graph_client import (
    Certificate,
    ClientSecret,
    FederatedAssertion,
    GraphSettings,
    ManagedIdentity,
)
from graph_client.redaction import learn_secrets, learn_url_password
from graph_client.sign_in.assertions import AzureDevOpsAssertion, FileAssertion, GitHubActionsAssertion

SignInMethod = ClientSecret | Certificate | FederatedAssertion | ManagedIdentity


# What signs in, here or to a Prefect server, and the key of fingerprints.
_SECRETS = (
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "SYSTEM_ACCESSTOKEN",
    "IDENTITY_HEADER",
    "MSI_SECRET",
    "ENTRA_FLEET_FINGERPRINT_KEY",
    "PREFECT_API_KEY",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_SERVER_API_AUTH_STRING",
)
# What signs in to a target tenant has the same names after a prefix, as in FABRIKAM_AZURE_CLIENT_SECRET.
_SIGN_IN = (
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_FEDERATED_TOKEN_FILE",
)
_SIGN_IN_SECRETS = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD")
_SIGN_IN_FILES = ("AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE")
# A fleet file comes from a person who may start a run, and need not be the one who signs in.
_OWN_PREFIXES = ("AZURE_", "ENTRA_FLEET_", "PREFECT_")
_URLS = (
    "ENTRA_FLEET_STORE",
    "PREFECT_API_URL",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"),
)


class EnvironmentIncomplete(EntraFleetError):
    """A variable that is needed is missing or has a value that cannot be used."""


@dataclass(frozen=True)
class Environment:
    """The environment variables of this process, read by name."""

    variables: Mapping[str, str]
    prefix: str = ""
    """What the names of the variables that sign in have before them, in messages."""

    def get(self, name: str) -> str | None:
        """Return the variable's value, or None when it is unset or empty."""
        # Empty counts as unset: pipelines pass optional variables on as empty ones.
        return self.variables.get(name) or None

    def require(self, name: str, purpose: str) -> str:
        """Return the variable's value.

        Raises:
            EnvironmentIncomplete: It is unset or empty; the text says what it is for.
        """
        value = self.get(name)
        if value is None:
            # Cause: The variable is required; the text says what for.
            raise EnvironmentIncomplete(f"{self.prefix if name in _SIGN_IN else ''}{name} is not set: {purpose}.")
        return value

    @property
    def tenant(self) -> str | None:
        """The tenant to sign in to: its id or one of its domain names."""
        return self.get("AZURE_TENANT_ID")

    @property
    def store_url(self) -> str | None:
        """The store as a SQLAlchemy URL; None for the SQLite file in the user's data directory."""
        return self.get("ENTRA_FLEET_STORE")

    @property
    def cloud(self) -> str:
        """The name of the Microsoft cloud."""
        return self.get("ENTRA_FLEET_CLOUD") or "global"

    @property
    def fingerprint_key(self) -> str | None:
        """The key of the fingerprints of credentials."""
        return self.get("ENTRA_FLEET_FINGERPRINT_KEY")

    def is_own(self, name: str) -> bool:
        """Return whether a variable is for this program, and never a secret of a target system."""
        name = name.upper()  # Windows ignores the case of names
        own = name.startswith(_OWN_PREFIXES) or name in _SECRETS or name in {url.upper() for url in _URLS}
        return own or name.endswith(tuple(f"_{each}" for each in _SIGN_IN))

    @property
    def own_files(self) -> Sequence[Path]:
        """The files that sign in or hold keys of this program."""
        return [path for name in self._with_prefixes(_SIGN_IN_FILES) if (path := self._path(name))]

    @property
    def allowed_references(self) -> Sequence[str] | None:
        """Patterns of the references that runs in this process may resolve; None for all."""
        patterns = self.get("ENTRA_FLEET_REFERENCES")
        return None if patterns is None else _split_list(patterns)

    @property
    def certificate_hook(self) -> str | None:
        """The command that hands a staged signing certificate to the service provider."""
        return self.get("ENTRA_FLEET_CERTIFICATE_HOOK")

    @property
    def allowed_targets(self) -> Sequence[str]:
        """Hosts and networks in which runs from Prefect's API may ask target systems, beside public addresses."""
        return _split_list(self.get("ENTRA_FLEET_TARGETS") or "")

    def learn_secrets(self) -> None:
        """Register the secrets in the environment for redaction."""
        learn_secrets(*(self.get(name) for name in (*_SECRETS, *self._with_prefixes(_SIGN_IN_SECRETS))))
        for name in _URLS:
            learn_url_password(self.get(name))
        # It is USER:PASSWORD, and the password may be quoted alone.
        learn_secrets((self.get("PREFECT_API_AUTH_STRING") or "").partition(":")[2])

    @property
    def commit(self) -> str | None:
        """The commit a pipeline runs for, for the journal."""
        # As GitHub Actions and Azure DevOps name it.
        return self.get("GITHUB_SHA") or self.get("BUILD_SOURCEVERSION")

    def graph_settings(self) -> GraphSettings:
        """Return where Graph and the sign-in are.

        Raises:
            EnvironmentIncomplete: The cloud or the API version is not one we know, or a URL is no https URL.
        """
        given = {
            "graph_url": self.get("ENTRA_FLEET_GRAPH_URL"),
            "authority": self.get("AZURE_AUTHORITY_HOST"),
            "api_version": self.get("ENTRA_FLEET_API_VERSION"),
            "ca_file": self._path("SSL_CERT_FILE"),
        }
        try:
            settings = GraphSettings.for_cloud(
                self.cloud,
                **{name: value for name, value in given.items() if value is not None},
            )
        except ValueError as error:
            raise EnvironmentIncomplete(f"The environment has no usable Graph settings: {error}") from None
        return self.proxied(settings)

    def proxied(self, settings: GraphSettings) -> GraphSettings:
        """Return settings with the proxy of this process, wherever the address of Graph comes from.

        Raises:
            EnvironmentIncomplete: The proxy cannot be used; the text does not show its password.
        """
        # HTTP_PROXY is for plain http, which none of Graph, sign-in and Key Vault are.
        proxy_url = self._first("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
        no_proxy = self._first("NO_PROXY", "no_proxy") or ""
        try:
            return replace(settings, proxy_url=proxy_url, no_proxy=no_proxy)
        except ValueError as error:
            raise EnvironmentIncomplete(f"The environment has no usable proxy: {error}") from None

    def budgeted(self, settings: GraphSettings) -> GraphSettings:
        """Return settings with the write budget that this application may use, if it is another than Graph's own.

        Raises:
            EnvironmentIncomplete: The budget is not two positive numbers.
        """
        budget = self.get("ENTRA_FLEET_WRITE_BUDGET")
        if budget is None:
            return settings
        writes, _, seconds = budget.partition("/")
        try:
            return replace(settings, writes_per_window=int(writes), write_window_seconds=float(seconds))
        except ValueError:
            raise EnvironmentIncomplete(
                f"ENTRA_FLEET_WRITE_BUDGET is {budget!r}.",
                "Write it as WRITES/SECONDS, such as 3000/150.",
            ) from None

    def sign_in_method(self) -> SignInMethod:
        """Return how to sign in: the first of secret, certificate, federated assertion, managed identity found.

        Raises:
            EnvironmentIncomplete: None of them is configured.
        """
        # A host with a managed identity always sets it, so that a secret, which a person has set on purpose, comes
        # first.
        if self.get("IDENTITY_ENDPOINT") and not self.get("AZURE_CLIENT_SECRET"):
            return ManagedIdentity(client_id=self.get("AZURE_CLIENT_ID"))
        client_id = self.require("AZURE_CLIENT_ID", "the application (client) id to sign in with")
        if secret := self.get("AZURE_CLIENT_SECRET"):
            return ClientSecret(client_id=client_id, client_secret=secret)
        if path := self._path("AZURE_CLIENT_CERTIFICATE_PATH"):
            password = self.get("AZURE_CLIENT_CERTIFICATE_PASSWORD")
            return Certificate(client_id=client_id, path=path, password=password)
        if assertion := self._assertion():
            return FederatedAssertion(client_id=client_id, assertion=assertion)
        raise EnvironmentIncomplete(
            "No credential to sign in with.",
            "Set AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE, "
            "or run where a managed identity or a pipeline's OIDC token is available.",
        )

    def for_target(self, prefix: str) -> "Environment":
        """Return this environment with what signs in to a target tenant in place of what signs in here.

        Args:
            prefix: Of its variables: FABRIKAM for FABRIKAM_AZURE_CLIENT_ID and the others.
        """
        own = {name: self.get(f"{prefix}_{name}") or "" for name in _SIGN_IN}
        # A managed identity signs in to its own tenant and no other.
        return Environment({**self.variables, **own, "IDENTITY_ENDPOINT": ""}, f"{prefix}_")

    def _with_prefixes(self, names: Sequence[str]) -> list[str]:
        """Return the variables with these names, alone or after the prefix of a target tenant."""
        endings = tuple(f"_{name}" for name in names)
        return [each for each in self.variables if each.upper() in names or each.upper().endswith(endings)]

    def _assertion(self) -> FileAssertion | GitHubActionsAssertion | AzureDevOpsAssertion | None:
        if path := self._path("AZURE_FEDERATED_TOKEN_FILE"):
            return FileAssertion(path)
        if url := self.get("ACTIONS_ID_TOKEN_REQUEST_URL"):
            token = self.require("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GitHub sets it beside the URL")
            return GitHubActionsAssertion(url, token, self.graph_settings())
        if url := self.get("SYSTEM_OIDCREQUESTURI"):
            # Azure DevOps sets the others automatically; this one has to be mapped into the step.
            token = self.require("SYSTEM_ACCESSTOKEN", "map $(System.AccessToken) into the step")
            connection = self.require("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "the service connection's id")
            return AzureDevOpsAssertion(url, token, connection, self.graph_settings())
        return None

    def _first(self, *names: str) -> str | None:
        return next(filter(None, map(self.get, names)), None)

    def _path(self, name: str) -> Path | None:
        value = self.get(name)
        return Path(value) if value else None


def _split_list(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def environment() -> Environment:
    """Return the environment of this process."""
    return Environment(os.environ)  # not a copy: `use_store` changes it


@contextmanager
def add_prefect_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for this process and its children inside the context."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def use_store(url: str | None) -> None:
    """Make this process and its children use another store than the environment names; None changes nothing."""
    if url:
        os.environ["ENTRA_FLEET_STORE"] = url


KEY_SUFFIX = ".fingerprint-key"
"""Ending of the file, beside an SQLite store, that holds the key of its fingerprints."""


def default_file() -> Path:
    """Return the store in the user's data directory, so that command line, worker and schedules agree."""
    return user_data_path("entra-fleet", appauthor=False) / "store.db"
