"""Isolation of this process and its children.

No telemetry goes to Prefect, requests to this machine bypass every proxy, and packages in the working directory
do not shadow ours.
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
    """Isolate this process, before it imports Prefect, which reports its import."""
    environ.update(isolated(environ))


def isolated(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables that isolate a child process.

    Args:
        variables: The environment of this process.
    """
    # Python reads the lower-case name first, even if it is empty.
    names = [name for name in ("no_proxy", "NO_PROXY") if name in variables]
    direct = [each.strip() for each in variables[names[0]].split(",") if each.strip()] if names else []
    # "*" bypasses every proxy already, and counts only when it stands alone.
    wanted = direct if "*" in direct else [*direct, *(host for host in _LOOPBACK if host not in direct)]
    # -P of Python, for what its children start.
    return {
        **variables,
        **_SILENT,
        "PYTHONSAFEPATH": "1",
        # Under each name that is set, because programs differ in which one they read.
        **dict.fromkeys({"NO_PROXY", *names}, ",".join(wanted)),
    }


def require_usable_proxies() -> None:
    """Check the proxy variables, which Prefect's HTTP client parses even when it needs no proxy.

    Raises:
        CommandFailed: One of them is not a usable proxy URL.
    """
    for name, url in environ.items():
        if name.lower() in _PROXIES and url and (problem := _problem(url)):
            # Cause: HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is not a proxy URL, or has an unsupported scheme.
            raise CommandFailed(
                f"{name} {problem}.", "Write it as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, or unset it."
            )


def _problem(url: str) -> str | None:
    """Return what is wrong with a proxy URL, quoting only its scheme because it may hold a password."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return "is not a URL"
    if "://" not in url or not usable:
        return "is not a proxy URL"
    if parts.scheme not in _PROXY_SCHEMES:
        return f"names a proxy with the unsupported scheme {parts.scheme}"
    return None
