"""The token goes to the Graph host and nowhere else."""

import httpx
import pytest

from graph_client import GraphSettings, StaticTokens, errors
from graph_client.session import Session
from graph_client.sign_in.tokens import BearerAuth
from tests.graph_client.doubles import GRAPH, TOKEN, Script, answer, client, page

ELSEWHERE = [
    "https://evil.example/v1.0/applications",
    "http://graph.example/v1.0/applications",
    "https://graph.example:8443/v1.0/applications",
    "https://graph.example.evil.example/v1.0/applications",
    "https://graph.example@evil.example/v1.0/applications",
    "https://evil.example\\@graph.example/",
    "//evil.example/v1.0/applications",
]


@pytest.mark.parametrize("link", ELSEWHERE)
async def test_a_next_link_elsewhere_is_not_followed(link):
    script = Script(page([{"id": "1"}], link))
    async with client(script, attempts=3) as graph:
        with pytest.raises(errors.HostRefused) as caught:
            await anext(graph.applications.list())
    assert {str(request.url.copy_with(query=None)) for request in script.requests} == {f"{GRAPH}/v1.0/applications"}
    assert len(script.requests) == 3
    assert caught.value.gave_up
    assert TOKEN not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("link", ELSEWHERE)
async def test_a_page_with_a_next_link_elsewhere_is_read_again(link):
    first, second = (page([{"id": number}], f"{GRAPH}/v1.0/applications?$skiptoken={number}") for number in "12")
    script = Script(page([{"id": "0"}], link), first, page([{"id": "0"}], link), second, page([{"id": "3"}]))
    async with client(script) as graph:
        assert [each.id async for each in graph.applications.list()] == ["1", "2", "3"]
    assert [request.url.params.get("$skiptoken") for request in script.requests] == [None, None, "1", "1", "2"]
    assert {request.url.host for request in script.requests} == {"graph.example"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", [*ELSEWHERE, GRAPH + "/v1.0/other"])
async def test_a_redirect_is_not_followed(status, location):
    script = Script(answer(status, location=location), answer(200, {"id": "1"}))
    async with client(script) as graph:
        with pytest.raises((errors.HostRefused, errors.UnreadableAnswer)):
            await graph.applications.get("1")
    assert len(script.requests) == 1


async def test_the_location_of_an_answer_is_not_followed():
    script = Script(answer(201, {"id": "aws.1"}, location="https://evil.example/jobs/1"))
    async with client(script) as graph:
        await graph.synchronization.create_job("1", "aws")
    assert [request.url.host for request in script.requests] == ["graph.example"]


@pytest.mark.parametrize("url", ["https://evil.example/", "http://graph.example/", "https://graph.example:444/"])
async def test_the_authorization_itself_refuses_other_hosts(url):
    flow = BearerAuth(StaticTokens(TOKEN), GRAPH).async_auth_flow(httpx.Request("GET", url))
    with pytest.raises(errors.HostRefused):
        await anext(flow)


async def test_the_environment_changes_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("HTTPS_PROXY", "http://evil.example:3128")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    (tmp_path / "netrc").write_text("machine graph.example login a password b")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    session = Session(GraphSettings(graph_url=GRAPH), StaticTokens(TOKEN))
    assert session._http._http._mounts == {}
    await session.aclose()
    script = Script(answer(200, {"id": "1"}))
    async with client(script) as graph:
        await graph.applications.get("1")
    assert script.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_cookies_are_not_carried_from_one_answer_to_another_call():
    script = Script(answer(200, {"id": "1"}, set_cookie="session=abc; Path=/"), answer(200, {"id": "1"}))
    async with client(script) as graph:
        await graph.applications.get("1")
        await graph.applications.get("1")
    assert "cookie" not in script.requests[1].headers
