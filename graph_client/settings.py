"""The addresses, time limits and budgets of a client: one frozen value; no environment variable is read here."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import httpx

from graph_client.errors import BadSettings

__all__ = [
    "CLOUDS",
    "ApiVersion",
    "Cloud",
    "GraphSettings",
    "check_proxy",
    "find_proxy",
    "is_loopback",
    "shared_ssl_context",
    "ssl_context",
]


ApiVersion = Literal["v1.0", "beta"]


@dataclass(frozen=True, slots=True)
class Cloud:
    """The two roots of a Microsoft cloud."""

    authority: str
    graph_url: str
    credential_bytes_max: int | None = None


# In Azure Government the saved credentials, the notification mail and the mails about SSO certificates share 1 KB:
# https://learn.microsoft.com/entra/identity/app-provisioning/known-issues
_GOVERNMENT_BYTES_MAX = 1024

# https://learn.microsoft.com/graph/deployments
CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        "global": Cloud("https://login.microsoftonline.com", "https://graph.microsoft.com"),
        "usgov": Cloud("https://login.microsoftonline.us", "https://graph.microsoft.us", _GOVERNMENT_BYTES_MAX),
        "usgov-dod": Cloud("https://login.microsoftonline.us", "https://dod-graph.microsoft.us", _GOVERNMENT_BYTES_MAX),
        "china": Cloud("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
    }
)


# 150 s in parts of 10 s: a share that changes hands wastes only one part.
_PARTS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSettings:
    """Addresses, time limits and budgets of a client; every number carries its unit in its name.

    Raises:
        BadSettings: for a URL that is not a plain https root, a proxy that cannot be used, or a number that is not
            positive.
    """

    graph_url: str = CLOUDS["global"].graph_url
    authority: str = CLOUDS["global"].authority
    api_version: ApiVersion = "v1.0"
    ca_file: Path | None = None
    proxy_url: str | None = None
    # Hosts that are reached without the proxy, as NO_PROXY lists them; loopback never uses it.
    no_proxy: str = ""
    # How many bytes of credentials Graph stores for a service principal; None where no limit is documented.
    credential_bytes_max: int | None = None
    user_agent: str = "graph-client/0.1.0"

    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0
    write_timeout_seconds: float = 30.0
    pool_timeout_seconds: float = 60.0
    # validateCredentials waits for the target system.
    validate_timeout_seconds: float = 120.0
    # provisionOnDemand waits for the target system too; Microsoft's portal speaks of 30 seconds.
    on_demand_timeout_seconds: float = 120.0
    attempt_timeout_seconds: float = 240.0

    attempts: int = 6
    total_retry_seconds: float = 300.0
    first_backoff_seconds: float = 1.0
    longest_backoff_seconds: float = 30.0
    # How long after its creation an object may be unknown to a replica or to the synchronization service.
    fresh_object_seconds: float = 600.0
    grace_interval_seconds: float = 2.0
    longest_grace_interval_seconds: float = 10.0

    sign_in_timeout_seconds: float = 20.0
    sign_in_attempts: int = 4
    sign_in_retry_seconds: float = 90.0

    page_size: int = 999
    log_page_size: int = 500
    # A longer listing is given up: this is ten million objects, or five million events of one window.
    max_pages: int = 10_000
    max_empty_pages: int = 50
    # How long a read waits for others to share its request.
    batch_linger_seconds: float = 0.01

    # The maximum; lower while Graph throttles.
    requests_in_flight: int = 32
    # Of an application in a tenant: https://learn.microsoft.com/graph/throttling-limits
    writes_per_window: int = 3000
    write_window_seconds: float = 150.0
    # Into how many equal parts the write window is cut. The first of several is left unused: the previous owner of
    # this share may have spent it.
    write_window_parts: int = 1
    # Resource units of a tenant with more than 500 users; 5,000 with 50 to 500, 3,500 below. The size is unknown,
    # so the first refusal makes the client keep to the smallest.
    units_per_window: int = 8000
    fewest_units_per_window: int = 3500
    unit_window_seconds: float = 10.0
    reports_per_window: int = 5  # provisioning log and audit log together
    report_window_seconds: float = 10.0
    on_demand_per_window: int = 5
    on_demand_window_seconds: float = 10.0
    # This client's share of these budgets, if several clients use one application.
    budget_share: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "graph_url", _https_root("graph_url", self.graph_url))
        object.__setattr__(self, "authority", _https_root("authority", self.authority))
        if self.api_version not in get_args(ApiVersion):
            known = ", ".join(get_args(ApiVersion))
            raise BadSettings(f"api_version {self.api_version!r} is unknown", hint=f"use one of: {known}")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (int, float)) and not 0 < value < float("inf"):
                raise BadSettings(f"{field.name} must be a positive number, not {value}")

        for url in (self.graph_url, self.authority):
            self.proxy_for(url)
        if self.budget_share > 1:
            raise BadSettings(f"budget_share must be at most 1, not {self.budget_share}")

    @classmethod
    def for_cloud(cls, cloud: str, **changes: Any) -> GraphSettings:
        """Settings of a named cloud (global, usgov, usgov-dod, china), with any field changed by keyword."""
        if cloud not in CLOUDS:
            raise BadSettings(f"cloud {cloud!r} is unknown", hint=f"use one of: {', '.join(CLOUDS)}")
        known = CLOUDS[cloud]
        own = {name: getattr(known, name) for name in ("graph_url", "authority", "credential_bytes_max")}
        return cls(**{**own, **changes})

    def proxy_for(self, url: str) -> str | None:
        """The proxy to reach a URL through, or None.

        Raises:
            BadSettings: see `proxy.check_proxy`.
        """
        return find_proxy(url, self.proxy_url, self.no_proxy)

    @property
    def writes_per_second(self) -> float:
        """This client's sustained write rate."""
        return self.writes_per_window * self.budget_share / self.write_window_seconds

    def sharing(self, writes_per_second: float) -> GraphSettings:
        """Settings of one of several clients that share these budgets, and take over shares from each other.

        A client that takes over a share does not know how much of it has just been spent. So it spends its share
        evenly and starts with an empty one: then all clients together keep to the budget in every window.

        Args:
            writes_per_second: this client's share of the writes; the other budgets are shared in proportion.
        """
        share = min(self.budget_share, writes_per_second * self.write_window_seconds / self.writes_per_window)
        return replace(self, budget_share=share, write_window_parts=_PARTS)

    @property
    def scope(self) -> str:
        """The app-only scope of this Graph root."""
        return f"{self.graph_url}/.default"

    def __repr__(self) -> str:
        shown = (
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if f.name != "proxy_url" and getattr(self, f.name) != f.default
        )
        proxy = ("proxy_url='***'",) if self.proxy_url else ()
        return f"GraphSettings({', '.join((*shown, *proxy))})"


def _https_root(name: str, url: str) -> str:
    """A URL reduced to https://host[:port]; a bare host name gets its scheme."""
    url = (url if "://" in url else f"https://{url}").strip().rstrip("/")
    hint = "give the root only, for example https://graph.microsoft.com"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadSettings(f"{name} is not a URL", hint=hint) from None
    if parts.scheme != "https" or not parts.hostname:
        raise BadSettings(f"{name} must be an https URL with a host", hint=hint)
    if parts.username or parts.password or parts.path or parts.query or parts.fragment:
        raise BadSettings(f"{name} must have no user, path, query or fragment", hint=hint)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    # The usual port is left out, so that two spellings of one address compare equal.
    return f"https://{host}" if port in (None, 443) else f"https://{host}:{port}"


def shared_ssl_context(settings: GraphSettings) -> ssl.SSLContext:
    """The context of `ssl_context` that all clients of this process with the same trust share; not to be changed.

    Raises:
        BadSettings: as of `ssl_context`.
    """
    if settings.ca_file is None:
        return _load_public()
    try:
        state = settings.ca_file.stat()
    except OSError:
        return ssl_context(settings)  # which explains what is wrong
    # A worker lives for weeks, and the file may be replaced meanwhile.
    return _load_file(settings.ca_file, state.st_mtime_ns, state.st_size, state.st_ino)


# Reading a hundred and fifty authorities takes longer than a whole request.
@cache
def _load_public() -> ssl.SSLContext:
    return ssl_context(GraphSettings())


@lru_cache(maxsize=8)
def _load_file(ca_file: Path, *_state: int) -> ssl.SSLContext:
    return ssl_context(GraphSettings(ca_file=ca_file))


def ssl_context(settings: GraphSettings) -> ssl.SSLContext:
    """A context that trusts `ca_file`, or the public authorities that httpx ships with.

    Raises:
        BadSettings: when the file cannot be read or holds no certificate.
    """
    if settings.ca_file is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=str(settings.ca_file))
    except OSError as error:  # ssl.SSLError is one, too
        reason = error.strerror or error.__class__.__name__
        raise BadSettings(
            f"the CA file {settings.ca_file} cannot be used: {reason}",
            hint="name a readable PEM file with the certificates to trust",
        ) from None


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
