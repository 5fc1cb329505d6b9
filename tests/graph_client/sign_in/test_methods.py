"""Signing in without a secret: federated assertions and managed identities."""

import threading

import httpx
import pytest

from graph_client import (
    FederatedAssertion,
    ManagedIdentity,
    errors,
)
from graph_client.sign_in.http import SignInHttp
from tests.graph_client.doubles import GRAPH, SETTINGS, Script, answer
from tests.graph_client.sign_in.server import CLIENT, TENANT, SignInServer, jwt
from tests.graph_client.sign_in.signing_in import failure_of, tokens_of


async def test_an_assertion_is_fetched_anew_for_each_request():
    server, fetched = SignInServer(), []

    def assertion():
        assert threading.current_thread() is not threading.main_thread()
        fetched.append(f"assertion-{len(fetched)}")
        return fetched[-1]

    tokens = tokens_of(server, FederatedAssertion(client_id=CLIENT, assertion=assertion))
    await tokens.renew(await tokens.token())
    assert [form["client_assertion"] for form in server.forms] == ["assertion-0", "assertion-1"]
    assert server.forms[0]["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in server.forms[0]


async def test_an_assertion_that_cannot_be_had_is_told_as_it_is():
    def assertion():
        raise errors.AuthFailed("the federated token file is empty", hint="fill it")

    server = SignInServer()
    error = await failure_of(tokens_of(server, FederatedAssertion(client_id=CLIENT, assertion=assertion)))
    assert str(error).splitlines() == ["the federated token file is empty", "fill it"]
    assert server.forms == []


@pytest.fixture
def on_a_virtual_machine(monkeypatch):
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET", "IMDS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("client_id", [None, CLIENT])
async def test_a_managed_identity_asks_the_machine(on_a_virtual_machine, client_id):
    token = jwt(tid=TENANT)
    script = Script(answer(200, {"access_token": token, "expires_in": "3600", "token_type": "Bearer"}))
    tokens = tokens_of(script, ManagedIdentity(client_id=client_id))
    assert await tokens.token() == token
    (request,) = script.requests
    assert str(request.url).startswith("http://169.254.169.254/metadata/identity/oauth2/token?")
    assert request.url.params["resource"] == GRAPH
    assert request.url.params.get("client_id") == client_id
    assert request.headers["metadata"] == "true"


async def test_a_machine_without_an_identity_is_told(on_a_virtual_machine):
    script = Script(answer(400, {"error": "invalid_request", "error_description": "Identity not found"}))
    error = await failure_of(tokens_of(script, ManagedIdentity()))
    assert "Identity not found" in str(error)


async def test_a_busy_machine_is_asked_again(on_a_virtual_machine):
    good = answer(200, {"access_token": "t", "expires_in": "3600"})
    script = Script(answer(410), answer(429), httpx.ConnectTimeout(""), good)
    assert await tokens_of(script, ManagedIdentity()).token() == "t"


def test_the_challenge_of_azure_arc_reaches_msal():
    challenge = answer(401, www_authenticate="Basic realm=/var/opt/azcmagent/tokens/1.key")
    http = SignInHttp(SETTINGS, Script(challenge).transport, plain_http=True)
    assert http.get("http://localhost:40342/metadata/identity/oauth2/token").status_code == 401
