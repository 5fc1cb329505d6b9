"""The address of a target system: which may be contacted at all, and where its resources are."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import quote, urlsplit

from flows.base_error import EntraFleetError
from graph_client.settings import is_loopback

PATCH_FLAGS = ("aadOptscim062020", "AzureAdScimPatch2017")
"""What an address may carry to choose the dialect of PATCH; it is for Entra, and the target never sees it.

https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-config-problem-scim-compatibility
"""
# As httpx would otherwise decide itself: blanks and backslashes are read differently by different parsers.
_UNSAFE = re.compile(r"[\s\\\x00-\x1f\x7f]")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host and a port to the IP addresses of the host; raises OSError where it has none."""


class AddressRefused(EntraFleetError):
    """A target that is not contacted; both texts are safe to show."""


@dataclass(frozen=True)
class TargetAddress:
    """Where the resources of a target are."""

    base: str
    """Scheme, host, port and path, without a slash at the end."""
    host: str
    port: int
    query: str = ""
    """What the address asks of the target itself in each request."""
    flag: str | None = None
    """The dialect of PATCH that the address chooses."""

    def locate(self, path: str, **parameters: str | int) -> str:
        """Return the URL of a resource.

        Args:
            path: Below the base, such as `Users`.
            parameters: Of the query, not yet encoded.
        """
        pairs = (f"{name}={quote(str(value), safe='')}" for name, value in parameters.items())
        query = "&".join(filter(None, (self.query, *pairs)))
        return f"{self.base}/{path}?{query}" if query else f"{self.base}/{path}"


def parse_address(text: str, *, plain_http: bool = False) -> TargetAddress:
    """Read the address of a target.

    Args:
        text: A `BaseAddress`, as Entra takes it.
        plain_http: Also take http, to this machine alone: for rehearsals.

    Raises:
        AddressRefused: It is no address to send a token to; the texts do not hold it.
    """
    try:
        parts = urlsplit(text.strip())
        # A dot at the end is the same name, and would pass a comparison of names.
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise AddressRefused("is not a URL", _FORM) from None
    if not host or _UNSAFE.search(text.strip()):
        raise AddressRefused("is not a URL with a host", _FORM)
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("contains a user or a password", "Entra ID sends the SecretToken: remove them.")
    if parts.scheme == "http" and not (plain_http and is_loopback(host)):
        raise AddressRefused("is plain http, which would show the token to everyone on the way", _FORM)
    if parts.scheme not in ("https", "http"):
        raise AddressRefused("is not an https address", _FORM)
    query = [each for each in parts.query.split("&") if each]
    flags = {flag.lower(): flag for flag in PATCH_FLAGS}
    chosen = next((flags[key] for each in query if (key := _name(each)) in flags), None)
    kept = "&".join(each for each in query if _name(each) not in flags)
    shown = f"[{host}]" if ":" in host else host
    base = f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
    return TargetAddress(base, host, port or (443 if parts.scheme == "https" else 80), kept, chosen)


_FORM = "Write it as https://host/path, the address below which /Users and /Groups are."


def _name(parameter: str) -> str:
    return parameter.partition("=")[0].lower()


@dataclass(frozen=True)
class AddressGuard:
    """Which hosts may be contacted.

    Args:
        public_only: Refuse hosts in private networks, for runs that anyone with access to Prefect's API may start.
        allowed: Hosts (with `*`), addresses and networks that are allowed nevertheless.
    """

    public_only: bool = False
    allowed: Sequence[str] = ()

    async def choose_ip(self, address: TargetAddress, resolve: Resolver, *, proxied: bool = False) -> str | None:
        """Return the IP address to connect to; None to leave that to the connection.

        What was checked is what is connected to: a name may have another address a moment later.

        Args:
            address: The target.
            resolve: How names become IP addresses.
            proxied: Whether a proxy connects, which resolves names itself.

        Raises:
            AddressRefused: The host is not public, and not allowed.
            OSError: The host has no IP address.
        """
        if not self.public_only or any(fnmatchcase(address.host.lower(), each.lower()) for each in self.allowed):
            return None
        literal = _read_ip(address.host)
        # The proxy resolves the name, and its rules decide.
        if proxied and literal is None:
            return None
        found = [str(literal)] if literal else await resolve(address.host, address.port)
        ips = [ip for each in found if (ip := _read_ip(each.partition("%")[0]))]
        # All of them: the connection may use any.
        if not ips or not all(_is_public(ip) or self._allows(ip) for ip in ips):
            raise AddressRefused(
                "is not a public address, and runs from Prefect's API reach no others",
                "Allow the host in ENTRA_FLEET_TARGETS where the flow runs, or use entra-fleet check --target.",
            )
        # IPv4 first: many machines have an IPv6 address and no way out.
        return None if literal else str(min(ips, key=lambda ip: ip.version))

    def _allows(self, ip: IpAddress) -> bool:
        return any(ip in network for each in self.allowed if (network := _read_network(each)))


async def resolve_host(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host.

    Raises:
        OSError: It has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


def _is_public(ip: IpAddress) -> bool:
    if isinstance(ip, ipaddress.IPv6Address):
        # These lead to an IPv4 address, which is the one that counts.
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return ip.is_global and not ip.is_multicast  # Python counts multicast as global


def _read_ip(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _read_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
