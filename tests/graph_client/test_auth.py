"""Signing in with MSAL against a double of the sign-in service."""

import asyncio
import threading

import httpx
import pytest

from graph_client import (
    ClientSecret,
    FederatedAssertion,
    GraphClient,
    GraphSettings,
    ManagedIdentity,
    MsalTokens,
    TokenClaims,
    errors,
)
from graph_client.sign_in_http import SignInHttp
from tests.graph_client.doubles import GRAPH, SETTINGS, SIGN_IN, FakeTime, Script, answer, refusal
from tests.graph_client.sign_in_server import CLIENT, SECRET, TENANT, SignInServer, aadsts, jwt

BY_SECRET = ClientSecret(client_id=CLIENT, client_secret=SECRET)
TOKEN_PATH = "/oauth2/v2.0/token"
CONFIGURATION_PATH = "/.well-known/openid-configuration"


def tokens_of(server, method=BY_SECRET, time=None, settings=SETTINGS):
    time = time or FakeTime()
    return MsalTokens(
        settings, TENANT, method, transport=httpx.MockTransport(server), sleep=time.sleep, clock=time.clock
    )


async def failure_of(tokens):
    with pytest.raises(errors.AuthFailed) as caught:
        await tokens.token()
    error = caught.value
    assert 1 <= len(str(error).splitlines()) <= 3
    assert SECRET not in str(error) + repr(error) + repr(vars(error))
    return error


async def test_a_secret_is_sent_to_the_token_endpoint_of_the_tenant():
    server = SignInServer()
    token = await tokens_of(server).token()
    assert TokenClaims.of(token).app_id == CLIENT
    assert {str(request.url) for request in server.requests} == {
        f"{SIGN_IN}/{TENANT}/v2.0{CONFIGURATION_PATH}",
        f"{SIGN_IN}/{TENANT}{TOKEN_PATH}",
    }
    (form,) = server.forms
    assert form["grant_type"] == "client_credentials"
    assert (form["client_id"], form["client_secret"]) == (CLIENT, SECRET)
    assert form["scope"] == f"{GRAPH}/.default"


async def test_a_token_is_kept_until_shortly_before_its_end():
    server, time = SignInServer(expires_in=3600), FakeTime()
    tokens = tokens_of(server, time=time)
    first = await tokens.token()
    time.now += 3299.0
    assert await tokens.token() == first
    assert len(server.forms) == 1


async def test_a_token_that_ends_soon_is_not_used_again():
    server = SignInServer(expires_in=299)
    tokens = tokens_of(server)
    assert await tokens.token() != await tokens.token()
    assert len(server.forms) == 2


async def test_callers_at_the_same_time_cause_one_sign_in():
    server = SignInServer()
    tokens = tokens_of(server)
    found = await asyncio.gather(*(tokens.token() for _ in range(20)))
    assert len(set(found)) == 1
    assert len(server.forms) == 1


async def test_a_rejected_token_is_replaced_once_for_all():
    server = SignInServer()
    tokens = tokens_of(server)
    rejected = await tokens.token()
    renewed = await asyncio.gather(*(tokens.renew(rejected) for _ in range(20)))
    assert len(set(renewed)) == 1
    assert renewed[0] != rejected
    assert await tokens.token() == renewed[0]
    assert len(server.forms) == 2


async def test_signing_in_does_not_block_the_event_loop():
    may_answer = threading.Event()
    server = SignInServer()

    def slow(request):
        assert may_answer.wait(timeout=10)
        return server(request)

    waiting = asyncio.ensure_future(tokens_of(slow).token())
    await asyncio.sleep(0)
    may_answer.set()
    assert await waiting


async def test_a_cancelled_sign_in_does_not_run_beside_the_next_one():
    server, at_once, most = SignInServer(), 0, 0
    entered, may_answer = threading.Event(), threading.Event()

    def counting(request):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        entered.set()
        assert may_answer.wait(timeout=10)
        at_once -= 1
        return server(request)

    tokens = tokens_of(counting)
    first = asyncio.ensure_future(tokens.token())
    await asyncio.to_thread(entered.wait, 10)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.ensure_future(tokens.token())
    await asyncio.sleep(0)
    may_answer.set()
    assert await second
    assert most == 1


async def test_the_client_signs_in_and_asks_graph_with_the_token():
    server, script = SignInServer(), Script(answer(200, {"id": "1"}))
    tokens = tokens_of(server)
    async with GraphClient(SETTINGS, tokens, transport=script.transport) as graph:
        claims = await graph.claims()
        assert claims == TokenClaims(TENANT, CLIENT, "o", frozenset({"Application.Read.All"}))
        assert graph.requests_sent == 0
        await graph.applications.get("1")
        assert graph.requests_sent == 1
    assert script.requests[0].headers["authorization"] == f"Bearer {await tokens.token()}"
    assert not any("authorization" in request.headers for request in server.requests)


async def test_graph_rejecting_the_token_causes_one_new_sign_in():
    server, script = SignInServer(), Script(refusal(401, "InvalidAuthenticationToken"), answer(200, {"id": "1"}))
    async with GraphClient(SETTINGS, tokens_of(server), transport=script.transport) as graph:
        await graph.applications.get("1")
    assert len(server.forms) == 2
    used = [request.headers["authorization"] for request in script.requests]
    assert used[0] != used[1]


@pytest.mark.parametrize(
    ("number", "message", "hint"),
    [
        (7000215, "Invalid client secret provided.", "the client secret is wrong"),
        (7000222, "The provided client secret keys are expired.", "has expired"),
        (7000216, "'client_assertion' or 'client_secret' is required.", "is required"),
        (7000112, "Application 'x' is disabled.", "disabled"),
        (700016, "Application 'x' was not found in the directory.", "client id"),
        (700027, "The certificate with identifier was not found.", "upload it"),
        (700024, "Client assertion is not within its valid time range.", "clock"),
        (70021, "No matching federated identity record found.", "issuer, subject and audience"),
        (700213, "No matching federated identity record found.", "issuer, subject and audience"),
        (90002, "Tenant 'x' not found.", "tenant does not exist"),
        (900023, "Specified tenant identifier is neither a DNS name nor a GUID.", "tenant does not exist"),
        (90038, "Tenant is in another cloud.", "another cloud"),
        (500011, "The resource principal was not found.", "same cloud"),
        (53003, "Access has been blocked by Conditional Access policies.", "Conditional Access"),
        (99999999, "Something new.", "check tenant id, client id, credential and cloud"),
    ],
)
@pytest.mark.parametrize("status", [400, 401])
async def test_an_error_of_the_sign_in_service_has_a_hint(number, message, hint, status):
    server = SignInServer()
    server.faults = [(TOKEN_PATH, aadsts(number, message, status=status))]
    error = await failure_of(tokens_of(server))
    assert error.code == f"AADSTS{number}"
    assert error.message == message
    assert hint in error.hint
    assert error.request_id == "11111111-trace"
    assert not error.transient
    assert len(server.forms) == 1


async def test_an_unknown_tenant_is_told_before_the_secret_is_sent():
    server = SignInServer()
    server.faults = [(CONFIGURATION_PATH, aadsts(90002, "Tenant 'x' not found.", "invalid_tenant", 400))]
    error = await failure_of(tokens_of(server))
    assert "tenant does not exist" in error.hint
    assert server.forms == []


async def test_an_error_that_quotes_the_secret_does_not_get_out():
    server = SignInServer()
    server.faults = [(TOKEN_PATH, aadsts(7000215, f"Invalid client secret {SECRET} provided."))]
    assert "***" in (await failure_of(tokens_of(server))).what


@pytest.mark.parametrize("path", [TOKEN_PATH, CONFIGURATION_PATH])
@pytest.mark.parametrize(
    "fault",
    [
        httpx.Response(503),
        httpx.Response(429, headers={"Retry-After": "3"}),
        httpx.Response(500, content=b"<html>"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
    ],
    ids=["503", "429", "500", "connect", "timeout"],
)
async def test_a_passing_fault_is_repeated(path, fault):
    server, time = SignInServer(), FakeTime()
    server.faults = [(path, fault), (path, fault)]
    assert await tokens_of(server, time=time).token()
    assert len(time.slept) == 2
    if isinstance(fault, httpx.Response) and fault.status_code == 429:
        assert time.slept == [3.0, 3.0]


async def test_a_lasting_fault_ends_after_some_attempts():
    server = SignInServer()
    server.faults = [(TOKEN_PATH, httpx.ConnectError("refused"))] * 10
    error = await failure_of(tokens_of(server))
    assert error.transient
    assert "login.example gave no answer" in str(error)
    assert len(server.forms) == SETTINGS.sign_in_attempts


async def test_a_long_retry_after_is_not_waited_for():
    server, time = SignInServer(), FakeTime()
    server.faults = [(TOKEN_PATH, httpx.Response(429, headers={"Retry-After": "3600"}))]
    assert (await failure_of(tokens_of(server, time=time))).retry_after_seconds == 3600.0
    assert time.slept == []


async def test_a_failed_sign_in_can_be_tried_again():
    server = SignInServer()
    server.faults = [(TOKEN_PATH, aadsts(7000215, "Invalid client secret provided."))]
    tokens = tokens_of(server)
    await failure_of(tokens)
    assert await tokens.token()


async def test_a_page_instead_of_an_answer_is_told(caplog):
    server = SignInServer()
    server.faults = [(TOKEN_PATH, httpx.Response(200, content=b"<html>log in to the proxy</html>"))]
    assert "did not answer with JSON" in str(await failure_of(tokens_of(server)))
    assert "Traceback" not in caplog.text


async def test_an_answer_without_a_token_is_told():
    server = SignInServer()
    server.faults = [(TOKEN_PATH, httpx.Response(200, json={"token_type": "Bearer"}))]
    assert "sign-in failed" in str(await failure_of(tokens_of(server)))


async def test_no_secret_goes_out_in_plain_text():
    server = SignInServer(authority="http://login.example")
    await failure_of(tokens_of(server))
    assert server.forms == []
    http = SignInHttp(SETTINGS, server.transport)
    with pytest.raises(errors.AuthFailed, match="plain http"):
        http.post(f"http://login.example/{TENANT}/oauth2/v2.0/token", data={"client_secret": SECRET})
    assert server.forms == []


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


def test_no_secret_shows_in_a_repr():
    tokens = tokens_of(SignInServer())
    assert CLIENT in repr(tokens)
    assert SECRET not in repr(tokens) + repr(BY_SECRET)


def test_the_challenge_of_azure_arc_reaches_msal():
    challenge = answer(401, www_authenticate="Basic realm=/var/opt/azcmagent/tokens/1.key")
    http = SignInHttp(SETTINGS, Script(challenge).transport, plain_http=True)
    assert http.get("http://localhost:40342/metadata/identity/oauth2/token").status_code == 401


async def test_a_wrong_ca_file_is_told_by_the_sign_in_itself(tmp_path):
    settings = GraphSettings(authority=SIGN_IN, graph_url=GRAPH, ca_file=tmp_path / "missing.pem")
    error = await failure_of(MsalTokens(settings, TENANT, BY_SECRET))
    assert "missing.pem cannot be used" in error.what
    assert "PEM file" in error.hint
