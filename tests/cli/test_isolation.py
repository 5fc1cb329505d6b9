"""What this process and its children keep to themselves, whatever the environment says."""

import httpx
import pytest

from flows.cli.errors import CommandFailed
from flows.cli.processes.isolation import isolated, require_usable_proxies


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"NO_PROXY": "example.com"},
        {"no_proxy": "example.com", "NO_PROXY": "other.example"},
        {"no_proxy": "", "NO_PROXY": "other.example"},
        {"NO_PROXY": "localhost, 127.0.0.1"},
        {"NO_PROXY": "*"},
    ],
)
def test_the_loopback_is_asked_directly_and_what_was_said_still_holds(monkeypatch, given):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    for name, value in isolated(proxies | given).items():
        monkeypatch.setenv(name, value)
    kept = next((given[name] for name in ("no_proxy", "NO_PROXY") if name in given), "")
    with httpx.Client() as client:
        direct = client._transport
        for host in ("127.0.0.1:4200", "localhost", "[::1]:4200"):
            assert client._transport_for_url(httpx.URL(f"http://{host}/api")) is direct
        beyond = client._transport_for_url(httpx.URL("https://example.com")) is direct
        assert beyond == (kept == "*" or "example.com" in kept)


def test_isolating_twice_changes_nothing():
    once = isolated({"NO_PROXY": "example.com"})
    assert isolated(once) == once
    assert (once["DO_NOT_TRACK"], once["PREFECT_SERVER_ANALYTICS_ENABLED"], once["PYTHONSAFEPATH"]) == (
        *("1", "false"),
        "1",
    )


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy"])
@pytest.mark.parametrize(
    "url",
    [
        "socks5://me:pa55word@proxy:1080",
        "sock9://me:pa55word@proxy:1080",
        "me:pa55word@proxy:3128",
        "http://me:pa55word@proxy:x",
        "http://me:pa55word@[proxy",
        "http://",
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(monkeypatch, name, url):
    monkeypatch.setenv(name, url)
    with pytest.raises(CommandFailed) as refused:
        require_usable_proxies()
    assert name in str(refused.value)
    assert "pa55word" not in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 3


@pytest.mark.parametrize("url", ["", "http://proxy", "https://me:pa55word@proxy:3128"])
def test_a_proxy_that_can_be_used_is_left_alone(monkeypatch, url):
    monkeypatch.setenv("HTTPS_PROXY", url)
    require_usable_proxies()


@pytest.mark.parametrize("arguments", [("deploy",), ("apply", "--yes")])
def test_a_command_that_uses_prefect_says_so_in_a_few_lines(entra_fleet, write_fleet, tenant, arguments):
    from tests.estates import fleet, instance

    command, *options = arguments
    path = [write_fleet(fleet(instance("one")))] if command == "apply" else []
    bad = {"HTTP_PROXY": "sock9://me:pa55word@proxy:1080", "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    result = entra_fleet(command, *path, *options, TOKEN="good", **bad)
    assert result.code == 1
    assert len(result.err.splitlines()) <= 3
    assert "HTTP_PROXY" in result.err
    assert "pa55word" not in result.err
