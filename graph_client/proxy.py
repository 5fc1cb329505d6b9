"""The proxy on the way to a URL, by HTTPS_PROXY and NO_PROXY."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from graph_client.errors import BadSettings

__all__ = ["check_proxy", "find_proxy", "is_loopback"]

_SCHEMES = frozenset({"http", "https"})
_HINT = "write it as http://host:port, or http://user:password@host:port (HTTPS_PROXY)"


def check_proxy(proxy_url: str) -> str:
    """The URL of a proxy, completed with its scheme.

    Raises:
        BadSettings: the URL cannot be used; the text contains neither its user nor its password.
    """
    url = (proxy_url if "://" in proxy_url else f"http://{proxy_url}").strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadSettings("the proxy is not a URL", hint=_HINT) from None
    if parts.scheme.lower() not in _SCHEMES:
        raise BadSettings("the proxy must be an http or https URL; SOCKS is not supported", hint=_HINT)
    if not parts.hostname or re.search(r"[\s\\]", parts.netloc) or port == 0:
        raise BadSettings("the proxy's URL names no host", hint=_HINT)
    return url


def find_proxy(url: str, proxy_url: str | None, no_proxy: str = "") -> str | None:
    """The proxy for a URL; None to connect directly, as always to loopback.

    Args:
        url: the target.
        proxy_url: the proxy for everything else.
        no_proxy: hosts that are reached directly, as NO_PROXY lists them: a name also covers its subdomains; an
            address or a network (10.0.0.0/8) covers itself; a port restricts an entry; `*` is everything.

    Raises:
        BadSettings: see `check_proxy`.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")  # a rooted name means the same host
    if not proxy_url or is_loopback(host):
        return None
    # An entry may name a port, which the URL leaves out if it is the usual one.
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    if any(_covers(entry, host, port) for entry in re.split(r"[,\s]+", no_proxy.lower()) if entry):
        return None
    return check_proxy(proxy_url)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    address = _address(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if (address := _address(host)) is not None and (network := _network(entry)) is not None:
        return address in network
    bracketed = re.fullmatch(r"\[(.*)\](?::(\d+))?", entry)  # an IPv6 address with a port
    plain = re.fullmatch(r"([^:]*)(?::(\d+))?", entry)
    found = bracketed or plain
    name, only_port = found.groups() if found else (entry, None)
    if only_port and int(only_port) != port:
        return False
    # curl and others write subdomains as "*.example.com" or ".example.com".
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
