"""How to sign in: what comes first of what is configured, in a block and in the environment."""

from pathlib import Path

import pytest

from flows.configuration.blocks import EntraTenant
from flows.configuration.environment import Environment, EnvironmentIncomplete
from graph_client import Certificate, ClientSecret, FederatedAssertion, ManagedIdentity
from graph_client.sign_in.assertions import AzureDevOpsAssertion, FileAssertion, GitHubActionsAssertion

TOKEN_FILE = "/var/run/token"
SECRET = {"client_secret": "s"}
CERTIFICATE = {"certificate_path": "/fleet.pem", "certificate_password": "p"}
FEDERATED = {"federated_token_file": TOKEN_FILE}
BY_SECRET = ClientSecret(client_id="app", client_secret="s")
BY_CERTIFICATE = Certificate(client_id="app", path=Path("/fleet.pem"), password="p")
BY_TOKEN = FederatedAssertion(client_id="app", assertion=FileAssertion(Path(TOKEN_FILE)))
VARIABLES = {
    "client_secret": "AZURE_CLIENT_SECRET",
    "certificate_path": "AZURE_CLIENT_CERTIFICATE_PATH",
    "certificate_password": "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "federated_token_file": "AZURE_FEDERATED_TOKEN_FILE",
}


def by_block(given, client_id="app"):
    return EntraTenant(tenant_id="t", client_id=client_id, **given).sign_in_method()


def by_environment(given, client_id="app", **others):
    named = {VARIABLES[name]: value for name, value in given.items()}
    return Environment({"AZURE_CLIENT_ID": client_id, **named, **others}).sign_in_method()


@pytest.mark.parametrize("method_of", [by_block, by_environment])
@pytest.mark.parametrize(
    ("given", "method"),
    [
        (SECRET | CERTIFICATE | FEDERATED, BY_SECRET),
        (CERTIFICATE | FEDERATED, BY_CERTIFICATE),
        ({"certificate_path": "/fleet.pem"}, Certificate(client_id="app", path=Path("/fleet.pem"), password=None)),
        (FEDERATED, BY_TOKEN),
    ],
    ids=["secret", "certificate", "without a password", "federated token"],
)
def test_the_first_that_is_set_is_taken(method_of, given, method):
    assert method_of(given) == method


@pytest.mark.parametrize("given", [SECRET, CERTIFICATE, FEDERATED], ids=["secret", "certificate", "federated token"])
@pytest.mark.parametrize("method_of", [by_block, by_environment])
def test_whatever_is_set_needs_the_application_that_it_is_of(method_of, given):
    with pytest.raises(EnvironmentIncomplete):
        method_of(given, client_id="")


@pytest.mark.parametrize("client_id", ["app", ""])
def test_a_host_has_an_identity_of_its_own(client_id):
    assert by_block({}, client_id) == ManagedIdentity(client_id=client_id or None)
    host = {"IDENTITY_ENDPOINT": "http://169.254.169.254"}
    assert by_environment(CERTIFICATE, client_id, **host) == ManagedIdentity(client_id=client_id or None)
    # The host always says so: a secret is there on purpose.
    assert by_environment(SECRET, **host) == BY_SECRET


PIPELINES = {
    GitHubActionsAssertion: {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://g", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"},
    AzureDevOpsAssertion: {
        "SYSTEM_OIDCREQUESTURI": "https://a",
        "SYSTEM_ACCESSTOKEN": "t",
        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "c",
    },
}


@pytest.mark.parametrize("kind", PIPELINES)
def test_a_job_of_a_pipeline_signs_in_by_its_token(kind):
    method = by_environment({}, **PIPELINES[kind])
    assert (method.client_id, type(method.assertion)) == ("app", kind)
    assert by_environment(FEDERATED, **PIPELINES[kind]) == BY_TOKEN


@pytest.mark.parametrize(
    ("kind", "missing"), [(kind, name) for kind, given in PIPELINES.items() for name in list(given)[1:]]
)
def test_what_a_pipeline_did_not_give_its_job_is_named(kind, missing):
    given = {name: value for name, value in PIPELINES[kind].items() if name != missing}
    with pytest.raises(EnvironmentIncomplete) as incomplete:
        by_environment({}, **given)
    assert missing in incomplete.value.message


def test_nothing_to_sign_in_with_is_said():
    with pytest.raises(EnvironmentIncomplete) as incomplete:
        by_environment({})
    assert "AZURE_CLIENT_SECRET" in incomplete.value.hint
