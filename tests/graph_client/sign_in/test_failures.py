"""Sign-ins that fail: what is repeated, what is told, and that no secret gets out."""

import json
import logging
from dataclasses import replace
from urllib.parse import parse_qs

import httpx
import pytest

from graph_client import (
    Certificate,
    FederatedAssertion,
    GraphSettings,
    MsalTokens,
    errors,
)
from graph_client.sign_in.http import SignInHttp
from tests.graph_client.doubles import GRAPH, SETTINGS, SIGN_IN, FakeTime
from tests.graph_client.sign_in.certificates import certificate_of, key_of, pem_of
from tests.graph_client.sign_in.server import CLIENT, SECRET, TENANT, SignInServer, aadsts, jwt
from tests.graph_client.sign_in.signing_in import BY_SECRET, CONFIGURATION_PATH, TOKEN_PATH, failure_of, tokens_of
from tests.leaks import ENCODINGS, leaks_into
from tests.quoting import quoted


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


ASSERTION = jwt(iss="https://issuer.example", sub="repo:contoso/fleet", jti="4711-of-the-issuer")
PASSWORD = "pa55+word/of 'the' key-é"


def _sent(request):
    """What proves who we are in a request; the certificate's is signed anew each time."""
    form = parse_qs(request.content.decode())
    return (form.get("client_secret") or form["client_assertion"])[0]


def _with(**fields):
    return lambda text: httpx.Response(
        400, json={"error": "invalid_client", **{k: v % text for k, v in fields.items()}}
    )


def _page(status):
    return lambda text: httpx.Response(status, text=f"<html><title>{text}</title>{text}</html>")


PLACES = {
    "error": _with(error="%s"),
    "description": _with(error_description="AADSTS7000215: Invalid client secret %s provided. Trace ID: 1"),
    "trace id": _with(trace_id="%s"),
    "correlation id": _with(correlation_id="%s"),
    "message": _with(message="no %s"),
    "page": _page(403),
    "page as a success": _page(200),
    "text": lambda text: httpx.Response(400, content=json.dumps(text)),
}


def _raise(text):
    raise httpx.ProxyError(f"407 {text}")


PLACES["refusal of a proxy"] = _raise


@pytest.fixture(params=["secret", "assertion", "certificate"])
def method_and_secrets(request, tmp_path):
    """A way to sign in, and what must not show besides what is sent."""
    if request.param == "secret":
        return BY_SECRET, [SECRET]
    if request.param == "assertion":
        return FederatedAssertion(client_id=CLIENT, assertion=lambda: ASSERTION), [ASSERTION]
    key, path = key_of("fleet"), tmp_path / "fleet.pem"
    path.write_bytes(pem_of(key, PASSWORD) + certificate_of(key))
    return Certificate(client_id=CLIENT, path=path, password=PASSWORD), [PASSWORD, pem_of(key).decode()]


@pytest.mark.parametrize("place", PLACES)
async def test_whoever_quotes_how_we_sign_in_is_not_told(method_and_secrets, place, caplog):
    caplog.set_level(logging.DEBUG)
    method, secrets = method_and_secrets
    server = SignInServer()
    tokens = tokens_of(server, method, settings=replace(SETTINGS, sign_in_attempts=1))
    sent = []

    def quote(encoding, secret=None):
        def answer(request):
            sent.append(_sent(request))
            return PLACES[place](quoted(secret or sent[-1], encoding).encode("utf-8", "replace").decode())

        return answer

    told = []
    for encoding in ENCODINGS:
        for secret in (None, *secrets):
            server.faults = [(TOKEN_PATH, quote(encoding, secret))]
            error = await failure_of(tokens)
            told.append(str(error) + repr(error) + repr(vars(error)))
    everything = "\n".join([*told, caplog.text])
    assert [secret for secret in {*sent, *secrets} if leaks_into(everything, secret)] == []


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_what_is_left_of_a_quotation_that_was_cut_is_not_told(method_and_secrets, encoding):
    server, left = SignInServer(), []

    def cut(request):
        text = ("x" * 240 + quoted(_sent(request), encoding))[:300]
        left.append(text[240:])
        return aadsts(7000215, text)

    server.faults = [(TOKEN_PATH, cut)]
    error = await failure_of(tokens_of(server, method_and_secrets[0]))
    assert left[0][:20] not in str(error) + repr(vars(error))


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


async def test_a_wrong_ca_file_is_told_by_the_sign_in_itself(tmp_path):
    settings = GraphSettings(authority=SIGN_IN, graph_url=GRAPH, ca_file=tmp_path / "missing.pem")
    error = await failure_of(MsalTokens(settings, TENANT, BY_SECRET))
    assert "missing.pem cannot be used" in error.what
    assert "PEM file" in error.hint
