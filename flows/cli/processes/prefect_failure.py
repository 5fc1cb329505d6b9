"""Error messages for a Prefect server that cannot be used, whatever the command asked of it."""

from collections.abc import Iterator

import httpx
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL

from flows.cli.errors import CommandFailed
from flows.cli.processes.prefect_server import PrefectApi

_WAY_OUT = "or unset PREFECT_API_URL.\nFor a server started by entra-fleet up, source its env.sh: . env.sh"


def prefect_failure(error: Exception) -> CommandFailed | None:
    """Return the message for an error from talking to a Prefect server; None for any other error.

    Args:
        error: What a command raised.
    """
    for cause in _causes(error):
        if isinstance(cause, PrefectHTTPStatusError):
            return _refused(cause.response)
        if isinstance(cause, httpx.InvalidURL):
            return CommandFailed("PREFECT_API_URL is not a URL.", f"Write it as http://HOST:PORT/api, {_WAY_OUT}")
        if isinstance(cause, httpx.TransportError) and _is_of_prefect(cause):
            reason = str(cause).partition("\n")[0].rstrip(".") or type(cause).__name__
            return CommandFailed(f"Cannot reach {_server()}: {reason}.", _advice("Start it, correct the URL, "))
    return None


def _refused(response: httpx.Response) -> CommandFailed:
    server = _server()
    said = f"{server[0].upper()}{server[1:]} answered {response.status_code}"
    if response.status_code == 401:
        hint = _advice("Set PREFECT_API_AUTH_STRING to USER:PASSWORD, ")
        # Cause: The server of PREFECT_API_URL requires a password.
        return CommandFailed(f"{said}: it requires a password.", hint)
    hint = _advice("Check its log, or correct the URL (it usually ends in /api), ")
    # Cause: The server of PREFECT_API_URL answered with an error.
    return CommandFailed(f"{said} to {response.request.url.path}.", hint)


def _server() -> str:
    if url := PREFECT_API_URL.value():
        return f"the Prefect server at PREFECT_API_URL ({PrefectApi(url).address})"
    return "the Prefect server of this command"


def _advice(first: str) -> str:
    return f"{first}{_WAY_OUT}" if PREFECT_API_URL.value() else ""


def _is_of_prefect(error: httpx.TransportError) -> bool:
    # graph_client reports its own errors; this is for any other HTTP request of a command.
    try:
        return str(error.request.url).startswith(PREFECT_API_URL.value() or "http://127.0.0.1:")
    except RuntimeError:
        return True


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        # Prefect wraps errors, sometimes without naming the cause.
        error = error.__cause__ or error.__context__
