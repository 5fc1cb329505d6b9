"""Signing in with MSAL against a double of the sign-in service."""

import asyncio
import threading

import pytest

from graph_client import (
    GraphClient,
    TokenClaims,
)
from tests.graph_client.doubles import GRAPH, SETTINGS, SIGN_IN, FakeTime, Script, answer, refusal
from tests.graph_client.sign_in.server import CLIENT, SECRET, TENANT, SignInServer
from tests.graph_client.sign_in.signing_in import BY_SECRET, CONFIGURATION_PATH, TOKEN_PATH, tokens_of


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


async def test_a_token_that_lives_shortly_is_kept_for_half_its_life():
    server, time = SignInServer(expires_in=300), FakeTime()
    tokens = tokens_of(server, time=time)
    first = await tokens.token()
    time.now += 149.0
    assert await tokens.token() == first
    time.now += 1.0
    assert await tokens.token() != first
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
        assert may_answer.wait(timeout=100)
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
        assert may_answer.wait(timeout=100)
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


def test_no_secret_shows_in_a_repr():
    tokens = tokens_of(SignInServer())
    assert CLIENT in repr(tokens)
    assert SECRET not in repr(tokens) + repr(BY_SECRET)
