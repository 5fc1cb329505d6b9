"""A token goes to its target and nowhere else, and no answer is too much."""

import asyncio
import gzip
import ssl
import zlib
from datetime import UTC, datetime

import httpx
import pytest

from flows.target.address import AddressGuard, parse_address
from flows.target.http import NoAnswer, TargetHttp, TargetLimits
from graph_client import GraphSettings
from tests.target.scim import ADDRESS, TOKEN, serving

PLACE = parse_address("https://scim.example.net/v2")


def http(answer, **options):
    transport = answer if isinstance(answer, httpx.AsyncBaseTransport) else httpx.MockTransport(answer)
    return TargetHttp(
        GraphSettings(), options.pop("guard", None), options.pop("limits", None), transport=transport, **options
    )


async def test_the_token_is_not_taken_along_by_a_redirect_nor_a_cookie_kept():
    asked = []

    def answer(request):
        asked.append(request)
        headers = {"location": f"https://evil.example/?t={TOKEN}", "set-cookie": "a=b"}
        return httpx.Response(302, headers=headers)

    async with http(answer) as sender:
        first = await sender.get(PLACE, TOKEN, "Users")
        await sender.get(PLACE, TOKEN, "Users")
    assert (first.status, first.location) == (302, "https://evil.example/")
    assert [request.url.host for request in asked] == ["scim.example.net"] * 2
    assert asked[1].headers["authorization"] == f"Bearer {TOKEN}"
    assert "cookie" not in asked[1].headers


async def test_the_name_stays_where_the_checked_address_is_connected_to():
    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(200, json={})

    async def resolve(_host, _port):
        return ["93.184.215.14"]

    async with http(answer, guard=AddressGuard(public_only=True), resolve=resolve) as sender:
        await sender.get(PLACE, TOKEN, "Users", count=1)
    (request,) = asked
    assert str(request.url) == "https://93.184.215.14/v2/Users?count=1"
    assert request.headers["host"] == "scim.example.net"
    assert request.extensions["sni_hostname"] == "scim.example.net"


async def test_an_address_inside_is_not_contacted_by_a_run_from_the_api():
    def answer(_request):
        raise AssertionError("it was contacted")

    async def resolve(_host, _port):
        return ["10.0.0.7"]

    async with http(answer, guard=AddressGuard(public_only=True), resolve=resolve) as sender:
        with pytest.raises(NoAnswer) as refused:
            await sender.get(PLACE, TOKEN, "Users")
    assert "ENTRA_FLEET_TARGETS" in refused.value.hint


async def test_a_name_that_does_not_exist():
    async def resolve(_host, _port):
        raise OSError("Name or service not known")

    async with http(lambda _: None, guard=AddressGuard(public_only=True), resolve=resolve) as sender:
        with pytest.raises(NoAnswer, match="Name or service not known"):
            await sender.get(PLACE, TOKEN, "Users")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
async def test_a_body_is_bounded_also_once_it_is_unpacked(encoding):
    body = b'"' + b"a" * 1_000_000 + b'"'
    packed = {"gzip": gzip.compress(body), "identity": body, "deflate": zlib.compress(body)}[encoding]
    stream = httpx.ByteStream(packed)

    def answer(_request):
        return httpx.Response(200, headers={"content-encoding": encoding}, stream=stream)

    async with http(answer, limits=TargetLimits(bytes_max=10_000)) as sender:
        found = await sender.get(PLACE, TOKEN, "Users")
    assert (found.cut, found.readable, found.value) == (True, False, None)
    async with http(answer) as sender:
        found = await sender.get(PLACE, TOKEN, "Users")
    assert (found.cut, found.readable) == (False, True)


async def test_what_is_not_packed_as_it_says_is_not_readable():
    def answer(_request):
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"{}"))

    async with http(answer) as sender:
        assert not (await sender.get(PLACE, TOKEN, "Users")).readable


async def test_a_handful_of_requests_at_once_to_one_host():
    running, most = set(), []

    class Counting(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            running.add(request)
            most.append(len(running))
            for _ in range(3):
                await asyncio.sleep(0)
            running.discard(request)
            return httpx.Response(200, json={})

    async with http(Counting()) as sender:
        await asyncio.gather(*(sender.get(PLACE, TOKEN, "Users") for _ in range(40)))
        assert (max(most), sender.requests_sent) == (5, 40)
        most.clear()
        others = [parse_address(f"https://host{number}.example.net") for number in range(40)]
        await asyncio.gather(*(sender.get(each, TOKEN, "Users") for each in others))
        assert max(most) == 40


async def test_entra_speaks_tls_12_and_so_do_we(tmp_path):
    emulator = serving()
    with emulator.serve(port=0, directory=tmp_path) as served:
        settings = GraphSettings(ca_file=served.ca_file)
        place = parse_address(f"{served.url}/scim/one")
        async with TargetHttp(settings) as sender:
            found = await sender.get(place, TOKEN, "Users", count=1)
            assert (found.status, found.value["totalResults"]) == (200, 3)
            assert sender._context.maximum_version == ssl.TLSVersion.TLSv1_2
        async with TargetHttp(GraphSettings()) as sender:
            with pytest.raises(NoAnswer, match="certificate"):
                await sender.get(place, TOKEN, "Users")
        guard = AddressGuard(public_only=True, allowed=["127.0.0.0/8"])
        async with TargetHttp(settings, guard, resolve=_here) as sender:
            assert (await sender.get(place, TOKEN, "Users")).status == 200
            # The certificate is for localhost, and for no other name that leads there.
            with pytest.raises(NoAnswer, match=r"certificate that is refused.*[Mm]ismatch"):
                await sender.get(parse_address(f"https://scim.example.net:{place.port}/scim/one"), TOKEN, "Users")


async def _here(_host, _port):
    return ["127.0.0.1"]


async def test_what_a_target_says_of_itself():
    def answer(_request):
        headers = {"date": "Thu, 26 Nov 2026 12:00:00 GMT", "content-type": "Application/SCIM+json; charset=utf-8"}
        return httpx.Response(403, json={"detail": "no\n\nway"}, headers=headers)

    async with http(answer) as sender:
        found = await sender.get(parse_address(ADDRESS), None, "Users")
    assert (found.content_type, found.detail) == ("application/scim+json", "no way")
    assert found.date == datetime(2026, 11, 26, 12, tzinfo=UTC)
