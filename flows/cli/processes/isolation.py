"""What this process and those it starts keep to themselves.

Nothing is reported to the makers of Prefect, what goes to this machine goes past every proxy, and a package in the
folder that a command runs in takes the place of none of ours.
"""

from collections.abc import Mapping
from os import environ
from urllib.parse import urlsplit

from flows.cli.errors import CommandFailed

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_PROXY_SCHEMES = ("http", "https")
_SILENT = {
    # Prefect's client reports what it does unless the first is set, its server unless the second is.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def isolate_process() -> None:
    """Isolate this process; it must not have imported Prefect yet, which reports that it was imported."""
    environ.update(isolated(environ))


def isolated(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables with what isolates the process that is given them.

    Args:
        variables: The environment of this process.
    """
    # Python reads the lower-case name first where it is there, though it be empty.
    names = [name for name in ("no_proxy", "NO_PROXY") if name in variables]
    direct = [each.strip() for each in variables[names[0]].split(",") if each.strip()] if names else []
    wanted = direct if "*" in direct else [*direct, *(host for host in _LOOPBACK if host not in direct)]
    # -P of Python, for what its children start.
    return {
        **variables,
        **_SILENT,
        "PYTHONSAFEPATH": "1",
        **dict.fromkeys({"NO_PROXY", *names}, ",".join(wanted)),
    }


def require_usable_proxies() -> None:
    """Make sure that Prefect's HTTP client can be made: it looks at these variables though it needs no proxy.

    Raises:
        CommandFailed: One of them is no URL of a proxy that can be used.
    """
    for name, url in environ.items():
        if name.lower() in _PROXIES and url and (problem := _problem(url)):
            raise CommandFailed(
                f"{name} {problem}.\nWrite it as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, or unset it."
            )


def _problem(url: str) -> str | None:
    """Return what is wrong with a proxy's URL; nothing of it is repeated but the scheme: it may hold a password."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return "is no URL"
    if "://" not in url or not usable:
        return "is no URL of a proxy"
    if parts.scheme not in _PROXY_SCHEMES:
        return f"names a proxy of the kind {parts.scheme}, which cannot be used"
    return None
