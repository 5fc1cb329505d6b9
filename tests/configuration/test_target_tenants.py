"""Signing in to target tenants: each once, with its own variables, and never to another tenant than the file names."""

import asyncio

import pytest

from flows.configuration import sign_in
from flows.configuration.environment import Environment, add_prefect_variables
from flows.configuration.sign_in import Identity
from flows.configuration.target_tenants import TargetTenants
from flows.errors import StepFailed
from graph_client import Certificate, ClientSecret, FederatedAssertion, GraphSettings
from graph_client.redaction import mask
from graph_client.sign_in.assertions import GitHubActionsAssertion
from graph_client.sign_in.tokens import TokenClaims

SOURCE, FABRIKAM = "7928d5b5-7442-4a97-a02d-66f9a9972ec0", "3f2c0000-0000-4000-8000-000000000001"
SETTINGS = GraphSettings(graph_url="https://graph.example", authority="https://login.example", budget_share=0.5)
IDENTITY = Identity(SETTINGS, SOURCE, ClientSecret(client_id="home", client_secret="home-secret"))


ASKED = []


class Tokens:
    """Signs in to whatever tenant it is asked for, and counts."""

    def __init__(self, settings, tenant_id, method):
        ASKED.append((settings, tenant_id, method))

    async def token(self):
        await asyncio.sleep(0)
        return "token"


@pytest.fixture
def claims(monkeypatch):
    """The claims of every token; set `tenant_id` to change them."""

    class Claims:
        tenant_id = FABRIKAM

    ASKED.clear()
    monkeypatch.setattr(sign_in, "MsalTokens", Tokens)
    monkeypatch.setattr(TokenClaims, "of", staticmethod(lambda _: TokenClaims(tenant_id=Claims.tenant_id)))
    with add_prefect_variables({"FABRIKAM_AZURE_CLIENT_ID": "app", "FABRIKAM_AZURE_CLIENT_SECRET": "fabrikam-secret"}):
        yield Claims


async def test_a_target_is_signed_in_to_once_with_its_own_variables_and_the_addresses_of_the_source(claims):
    async with TargetTenants(IDENTITY) as targets:
        first, second = await asyncio.gather(*(targets.open("env:FABRIKAM", FABRIKAM) for _ in range(2)))
        assert first is second
        assert first.settings == SETTINGS
        assert targets.requests_sent == {FABRIKAM: 0}
    ((_, tenant_id, method),) = ASKED
    assert (tenant_id, method) == (FABRIKAM, ClientSecret(client_id="app", client_secret="fabrikam-secret"))


async def test_a_token_of_another_tenant_is_refused(claims):
    claims.tenant_id = SOURCE
    async with TargetTenants(IDENTITY) as targets:
        for _ in range(2):
            with pytest.raises(StepFailed) as caught:
                await targets.open("env:FABRIKAM", FABRIKAM)
        assert (caught.value.code, len(ASKED)) == ("WrongTargetTenant", 1)


async def test_an_opaque_token_counts_as_that_of_the_tenant_that_was_signed_in_to(claims):
    claims.tenant_id = None
    async with TargetTenants(IDENTITY) as targets:
        assert await targets.open("env:FABRIKAM", FABRIKAM)
        with (
            add_prefect_variables({"FABRIKAM_AZURE_TENANT_ID": "fabrikam.example"}),
            pytest.raises(StepFailed) as caught,
        ):
            await targets.open("env:FABRIKAM", "3f2c0000-0000-4000-8000-000000000002")
    assert caught.value.code == "WrongTargetTenant"


@pytest.mark.parametrize("how", ["env:TAILSPIN", "tailspin-target"])
async def test_what_does_not_say_how_to_sign_in_is_said_with_its_name(claims, how):
    async with TargetTenants(IDENTITY) as targets:
        with pytest.raises(StepFailed) as caught:
            await targets.open(how, FABRIKAM)
    assert caught.value.code == "TargetSignInUnclear"
    assert how in caught.value.message
    assert ("TAILSPIN_AZURE_CLIENT_ID" in caught.value.message) is how.startswith("env:")
    assert ASKED == []


PREFIXED = {"FABRIKAM_AZURE_CLIENT_ID": "app"}


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({"FABRIKAM_AZURE_CLIENT_SECRET": "s"}, ClientSecret),
        ({"FABRIKAM_AZURE_CLIENT_CERTIFICATE_PATH": "/c.pem", "IDENTITY_ENDPOINT": "http://169.254"}, Certificate),
        ({"FABRIKAM_AZURE_FEDERATED_TOKEN_FILE": "/token", "AZURE_CLIENT_SECRET": "home"}, FederatedAssertion),
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"}, FederatedAssertion),
    ],
)
def test_the_prefix_decides_how_a_target_is_signed_in_to(variables, kind):
    method = Environment(PREFIXED | variables).for_target("FABRIKAM").sign_in_method()
    assert isinstance(method, kind)
    assert method.client_id == "app"
    if "ACTIONS_ID_TOKEN_REQUEST_URL" in variables:
        assert isinstance(method.assertion, GitHubActionsAssertion)


def test_what_signs_in_to_the_source_never_signs_in_to_a_target():
    home = {"AZURE_TENANT_ID": SOURCE, "AZURE_CLIENT_ID": "home", "AZURE_CLIENT_SECRET": "home-secret"}
    target = Environment(home).for_target("FABRIKAM")
    assert (target.tenant, target.get("AZURE_CLIENT_ID"), target.get("AZURE_CLIENT_SECRET")) == (None, None, None)


def test_the_variables_of_targets_are_our_own_and_their_secrets_are_redacted():
    found = Environment(
        {"FABRIKAM_AZURE_CLIENT_SECRET": "fabrikam-quiet-secret", "FABRIKAM_AZURE_CLIENT_CERTIFICATE_PATH": "/c.pem"}
    )
    assert found.is_own("FABRIKAM_AZURE_CLIENT_SECRET")
    assert found.is_own("fabrikam_azure_federated_token_file")
    assert not found.is_own("FABRIKAM_SECRET")
    assert [str(path) for path in found.own_files] == ["/c.pem"]
    found.learn_secrets()
    assert "quiet" not in mask("it is fabrikam-quiet-secret")
