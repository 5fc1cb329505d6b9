"""Which addresses may be contacted, and what is connected to."""

import pytest

from flows.target.address import AddressGuard, AddressRefused, parse_address


@pytest.mark.parametrize(
    ("text", "located"),
    [
        ("https://scim.example.net/v2", "https://scim.example.net/v2/Users?count=1"),
        ("https://scim.example.net:8443/v2///", "https://scim.example.net:8443/v2/Users?count=1"),
        ("https://scim.example.net?tenant=7&aadOptscim062020", "https://scim.example.net/Users?tenant=7&count=1"),
        ("https://[2001:db8::1]/scim?AADOPTSCIM062020=", "https://[2001:db8::1]/scim/Users?count=1"),
    ],
)
def test_where_resources_are(text, located):
    assert parse_address(text).locate("Users", count=1) == located


def test_a_value_in_a_query_stays_one_value():
    address = parse_address("https://scim.example.net/v2")
    assert address.locate("Users", filter='userName eq "a&b=c#d"').endswith(
        "?filter=userName%20eq%20%22a%26b%3Dc%23d%22"
    )


@pytest.mark.parametrize(
    "text",
    [
        "http://scim.example.net/v2",
        "http://localhost/v2",
        "ftp://scim.example.net",
        "file:///etc/passwd",
        "scim.example.net/v2",
        "https://user:pass-m4rk3r@scim.example.net",
        "https://@scim.example.net",
        "https://scim.example.net\\@evil.example/",
        "https://scim.example.net/a b",
        "https://scim.example.net\n.evil.example/",
        "https://scim.example.net:99999/",
        "https://[::1/",
        "https:///v2",
        "",
    ],
)
def test_what_is_no_address_to_send_a_token_to(text):
    with pytest.raises(AddressRefused) as refused:
        parse_address(text)
    assert "m4rk3r" not in str(refused.value)


def test_plain_http_is_for_this_machine_alone():
    assert parse_address("http://127.0.0.1:8080/scim", plain_http=True).base == "http://127.0.0.1:8080/scim"
    with pytest.raises(AddressRefused):
        parse_address("http://scim.example.net", plain_http=True)


INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "::ffff:10.0.0.1",
    "2002:0a00:0001::",
    "64:ff9b::a9fe:a9fe",
]


def resolver(*ips):
    async def resolve(host, port):
        assert (host, port) == ("scim.example.net", 443)
        return ips

    return resolve


async def chosen(guard, *ips, host="scim.example.net", **options):
    return await guard.choose_ip(parse_address(f"https://{host}/v2"), resolver(*ips), **options)


@pytest.mark.parametrize("ip", INSIDE)
async def test_a_run_from_the_api_reaches_no_address_inside(ip):
    with pytest.raises(AddressRefused):
        await chosen(AddressGuard(public_only=True), ip)
    with pytest.raises(AddressRefused):
        await chosen(AddressGuard(public_only=True), "93.184.215.14", ip)
    literal = f"[{ip.partition('%')[0]}]" if ":" in ip else ip
    with pytest.raises(AddressRefused):
        await chosen(AddressGuard(public_only=True), host=literal)
    with pytest.raises(AddressRefused):
        await chosen(AddressGuard(public_only=True), host=literal, proxied=True)
    assert await chosen(AddressGuard(), ip) is None


async def test_what_was_checked_is_what_is_connected_to():
    guard = AddressGuard(public_only=True)
    assert await chosen(guard, "2606:2800:21f:cb07::1", "93.184.215.14") == "93.184.215.14"
    assert await chosen(guard, "2606:2800:21f:cb07::1") == "2606:2800:21f:cb07::1"
    assert await chosen(guard, proxied=True) is None


@pytest.mark.parametrize("pattern", ["scim.example.net", "*.EXAMPLE.net", "10.0.0.0/8", "10.1.2.3"])
async def test_what_the_environment_allows_is_reached_all_the_same(pattern):
    guard = AddressGuard(public_only=True, allowed=[pattern])
    assert await chosen(guard, "10.1.2.3") in (None, "10.1.2.3")
    with pytest.raises(AddressRefused):
        await chosen(AddressGuard(public_only=True, allowed=["11.0.0.0/8", "example.net", "*.example.org"]), "10.1.2.3")
