"""Proxies: which requests go through one, and which do not."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from graph_client import ClientSecret, GraphClient, GraphSettings, MsalTokens, StaticTokens, errors
from graph_client.settings import check_proxy, find_proxy

PROXY = "http://proxy.example:3128"
GRAPH = "https://graph.microsoft.com/v1.0/applications"


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_proxied"),
    [
        (GRAPH, "", True),
        (GRAPH, "localhost,127.0.0.1", True),
        (GRAPH, "graph.microsoft.com", False),
        (GRAPH, ".microsoft.com", False),
        (GRAPH, "*.microsoft.com", False),
        (GRAPH, "microsoft.com", False),
        (GRAPH, "Microsoft.COM", False),
        (GRAPH, "osoft.com", True),
        (GRAPH, "graph.microsoft.com.evil.example", True),
        (GRAPH, "*", False),
        (GRAPH, "a.example, graph.microsoft.com ,b.example", False),
        (GRAPH, "a.example graph.microsoft.com", False),
        (GRAPH, "graph.microsoft.com:443", False),
        (GRAPH, "graph.microsoft.com:8443", True),
        (GRAPH, ",,.,", True),
        ("https://10.1.2.3:8443/x", "10.0.0.0/8", False),
        ("https://10.1.2.3:8443/x", "10.1.2.3", False),
        ("https://10.1.2.3:8443/x", "10.1.2.3:8443", False),
        ("https://10.1.2.3:8443/x", "10.1.2.3:443", True),
        ("https://11.1.2.3/x", "10.0.0.0/8", True),
        ("https://[fd00::1]/x", "fd00::/8", False),
        ("https://[fd00::1]/x", "[fd00::1]", False),
        # This machine, whatever is listed.
        ("https://localhost:8443/x", "", False),
        ("https://tenant.localhost/x", "", False),
        ("https://127.0.0.1:1/x", "", False),
        ("https://127.9.9.9/x", "", False),
        ("https://[::1]:1/x", "", False),
        ("https://localhost.example/x", "", True),
    ],
)
def test_which_hosts_are_reached_through_the_proxy(url, no_proxy, is_proxied):
    assert find_proxy(url, PROXY, no_proxy) == (PROXY if is_proxied else None)
    assert find_proxy(url, None, no_proxy) is None


def test_a_proxy_may_be_named_without_its_scheme():
    assert check_proxy("proxy.example:3128") == PROXY


BAD = (
    "socks5://me:pa55word@proxy.example:1080",
    "sock9://me:pa55word@proxy.example",
    "http://me:pa55word@proxy.example:99999999",
    "http://me:pa55word@proxy.example:port",
    "http://me:pa55word@",
    "http://me:pa55word@[::1",
    "http://me:pa55word@pro xy.example",
    "ftp://me:pa55word@proxy.example",
)


@pytest.mark.parametrize("url", BAD)
def test_a_proxy_that_cannot_be_used_is_said_without_its_password(url):
    with pytest.raises(errors.BadSettings) as caught:
        GraphSettings(proxy_url=url)
    text = str(caught.value)
    assert "pa55word" not in text
    assert len(text.splitlines()) <= 3
    # Nor where nothing would go through it.
    GraphSettings(proxy_url=url, no_proxy=".microsoft.com,.microsoftonline.com")


@asynccontextmanager
async def proxy():
    """A proxy on this machine that refuses everybody, and what it was asked for."""
    asked = []

    async def serve(reader, writer):
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[0])
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield (
            GraphSettings(
                graph_url="https://graph.invalid",
                authority="https://login.invalid",
                proxy_url=f"127.0.0.1:{server.sockets[0].getsockname()[1]}",
                attempts=1,
                sign_in_attempts=1,
            ),
            asked,
        )


async def ask_both(settings):
    async with GraphClient(settings, StaticTokens("t")) as graph:
        with pytest.raises(errors.TransportFailed):
            await graph.applications.get("1")
    method = ClientSecret(client_id="a", client_secret="b")
    with pytest.raises(errors.AuthFailed):
        await MsalTokens(settings, "11111111-0000-4000-8000-000000000001", method).token()


async def test_graph_and_sign_in_go_through_it():
    async with proxy() as (settings, asked):
        await ask_both(settings)
    assert asked == ["CONNECT graph.invalid:443 HTTP/1.1", "CONNECT login.invalid:443 HTTP/1.1"]


async def test_hosts_that_are_listed_are_reached_directly():
    async with proxy() as (settings, asked):
        await ask_both(replace(settings, no_proxy=".invalid"))
    assert asked == []
