"""A token that Graph rejects is renewed once, if a new one may help."""

import asyncio

import httpx
import pytest

from graph_client import GraphClient, GraphSettings, errors
from tests.graph_client.doubles import GRAPH, Script, answer, refusal

STALE = refusal(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
GOOD = answer(200, {"id": "1"})


class Tokens:
    """Counts what is asked of it; every renewal gives another token."""

    def __init__(self):
        self.current, self.renewals = 0, 0

    async def token(self):
        return f"token-{self.current}"

    async def renew(self, rejected):
        self.renewals += 1
        if rejected == f"token-{self.current}":
            self.current += 1
        return f"token-{self.current}"


def graph_with(script, tokens):
    return GraphClient(GraphSettings(graph_url=GRAPH), tokens, transport=httpx.MockTransport(script))


async def test_a_stale_token_is_renewed():
    script, tokens = Script(STALE, GOOD), Tokens()
    async with graph_with(script, tokens) as graph:
        assert (await graph.applications.get("1")).id == "1"
        assert graph.requests_sent == 2
    assert [request.headers["authorization"] for request in script.requests] == ["Bearer token-0", "Bearer token-1"]
    assert len({request.headers["client-request-id"] for request in script.requests}) == 2


async def test_a_create_is_sent_again_after_a_stale_token():
    script, tokens = Script(STALE, answer(201, {"id": "aws.1"})), Tokens()
    async with graph_with(script, tokens) as graph:
        await graph.synchronization.create_job("1", "aws")
    assert script.bodies() == [{"templateId": "aws"}] * 2


async def test_it_is_renewed_once_at_most():
    script, tokens = Script(STALE), Tokens()
    async with graph_with(script, tokens) as graph:
        with pytest.raises(errors.Unauthorized) as caught:
            await graph.applications.get("1")
    assert (len(script.requests), tokens.renewals) == (2, 1)
    assert "authority and Graph URL" in str(caught.value)


async def test_a_missing_permission_of_synchronization_is_not_taken_for_a_stale_token():
    script, tokens = Script(refusal(401, "UnknownError", "")), Tokens()
    async with graph_with(script, tokens) as graph:
        with pytest.raises(errors.Unauthorized) as caught:
            await graph.synchronization.jobs("1")
    assert (len(script.requests), tokens.renewals) == (1, 0)
    assert "Synchronization.Read.All" in caught.value.hint
    assert "401 UnknownError" in str(caught.value)


async def test_without_another_token_nothing_is_sent_again():
    class Same(Tokens):
        async def renew(self, rejected):
            return rejected

    script = Script(STALE, GOOD)
    async with graph_with(script, Same()) as graph:
        with pytest.raises(errors.Unauthorized):
            await graph.applications.get("1")
    assert len(script.requests) == 1


async def test_many_calls_with_a_stale_token_all_succeed():
    tokens = Tokens()
    script = Script(lambda r: STALE if r.headers["authorization"] == "Bearer token-0" else GOOD)
    async with graph_with(script, tokens) as graph:
        found = await asyncio.gather(*(graph.applications.get("1") for _ in range(20)))
    assert len(found) == 20
    assert tokens.current == 1


async def test_a_failed_sign_in_sends_nothing():
    class Failing(Tokens):
        async def token(self):
            raise errors.AuthFailed("sign-in failed: no")

    script = Script(GOOD)
    async with graph_with(script, Failing()) as graph:
        with pytest.raises(errors.AuthFailed):
            await graph.applications.get("1")
        assert graph.requests_sent == 0
    assert script.requests == []
