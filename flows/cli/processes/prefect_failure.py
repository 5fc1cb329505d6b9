"""A Prefect server that cannot be used, in words for a person; whichever command asked it for whatever."""

from collections.abc import Iterator

import httpx
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL

from flows.cli.errors import CommandFailed
from flows.cli.processes.prefect_server import PrefectApi

_WAY_OUT = "or unset PREFECT_API_URL.\nWith a server of entra-fleet up, source the env.sh that it has written: . env.sh"


def prefect_failure(error: Exception) -> CommandFailed | None:
    """Return what to tell a person of an error that came from talking to a Prefect server; None for any other.

    Args:
        error: What a command raised.
    """
    for cause in _causes(error):
        if isinstance(cause, PrefectHTTPStatusError):
            return _refused(cause.response)
        if isinstance(cause, httpx.InvalidURL):
            return CommandFailed(f"PREFECT_API_URL is no URL.\nWrite it as http://HOST:PORT/api, {_WAY_OUT}")
        if isinstance(cause, httpx.TransportError) and _is_of_prefect(cause):
            reason = str(cause).partition("\n")[0].rstrip(".") or type(cause).__name__
            return CommandFailed(f"{_server()} cannot be reached: {reason}.{_advice('Start it, correct the URL, ')}")
    return None


def _refused(response: httpx.Response) -> CommandFailed:
    said = f"{_server()} answered {response.status_code}"
    if response.status_code == 401:
        return CommandFailed(f"{said}: it wants a password.{_advice('Set PREFECT_API_AUTH_STRING to USER:PASSWORD, ')}")
    asked = response.request.url.path
    return CommandFailed(f"{said} to {asked}.{_advice('Look at its log, or correct the URL: most end in /api; ')}")


def _server() -> str:
    if url := PREFECT_API_URL.value():
        return f"The Prefect server of PREFECT_API_URL, {PrefectApi(url).address},"
    return "The Prefect server of this command"


def _advice(first: str) -> str:
    return f"\n{first}{_WAY_OUT}" if PREFECT_API_URL.value() else ""


def _is_of_prefect(error: httpx.TransportError) -> bool:
    # Graph's client words its own errors; this is for whatever else a later command may ask by HTTP.
    try:
        return str(error.request.url).startswith(PREFECT_API_URL.value() or "http://127.0.0.1:")
    except RuntimeError:
        return True


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__
