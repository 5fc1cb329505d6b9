"""The Prefect server that a command uses: the configured one, none, or one that `up` and `demo` start.

Prefect's own ephemeral server writes to the command's terminal, often prints tracebacks at exit, and loses the last
task runs; a process of our own does neither.
"""

import os
import re
import secrets
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version
from pathlib import Path

import httpx
from platformdirs import user_cache_path
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, temporary_settings

from flows.cli.errors import CommandFailed
from flows.cli.processes.child import Child
from flows.cli.processes.isolation import require_usable_proxies
from flows.cli.processes.local_api import serve_local_api

_START_SECONDS = 120.0
_USER = "admin"
_PASSWORD_BYTES = 24

_VARIABLES = {
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    # By default each task run costs the server 27 ms; read and written in batches, 8.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
}


@dataclass(frozen=True)
class PrefectApi:
    """How to reach a Prefect server.

    Args:
        url: Its API.
        auth_string: User and password, as USER:PASSWORD; None to use this process's settings.
        home: Prefect home for its clients; None for the user's own, including profiles.
    """

    url: str
    auth_string: str | None = field(default=None, repr=False)
    home: Path | None = None

    @property
    def address(self) -> str:
        """Its URL without user and password, for display."""
        return re.sub("//[^/@]*@", "//", self.url)

    @property
    def variables(self) -> dict[str, str | None]:
        """The environment variables of a process that uses it."""
        if self.auth_string is None or self.home is None:
            return {"PREFECT_API_URL": self.url}
        own = {"PREFECT_API_AUTH_STRING": self.auth_string, "PREFECT_HOME": str(self.home)}
        # An API key would be sent instead of user and password.
        return {"PREFECT_API_URL": self.url, **own, "PREFECT_API_KEY": None, "PREFECT_PROFILE": None}

    @contextmanager
    def used(self) -> Iterator[None]:
        """Make this process use it inside the context."""
        own = {} if self.auth_string is None else {PREFECT_API_AUTH_STRING: self.auth_string}
        with temporary_settings(
            {PREFECT_API_URL: self.url, **own}, restore_defaults={PREFECT_API_KEY} if own else set()
        ):
            yield


def new_auth_string() -> str:
    """Generate a user and password for a server, as USER:PASSWORD."""
    return f"{_USER}:{secrets.token_urlsafe(_PASSWORD_BYTES)}"


class PrefectServer:
    """A Prefect server with its own home, on the loopback interface, for same-origin requests only.

    Args:
        home: Its directory: database, and log in `server.log`.
        port: Its port; 0 picks a free one.
        auth_string: Required user and password, as USER:PASSWORD; None admits every process on this machine.
        variables: More Prefect settings.
        keeps_log: Whether the home outlives the command. If not, a copy of the log is kept when the server fails.

    Raises:
        CommandFailed: A variable names a proxy that cannot be used.
    """

    def __init__(
        self,
        home: Path,
        port: int = 0,
        auth_string: str | None = None,
        variables: Mapping[str, str] | None = None,
        keeps_log: bool = True,
    ) -> None:
        require_usable_proxies()
        self._home = home
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = home / "prefect.db"
        copied = not database.exists() and _start_from_template(database)
        self._fresh = not (copied or database.exists())
        port = port or _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.api = PrefectApi(f"{self.url}/api", auth_string, home)
        settings = {**_VARIABLES, **_settings(home, port, auth_string), **(variables or {})}
        if copied:
            # The copy is of this version of Prefect, so there is nothing to migrate.
            settings["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"] = "false"
        self._port = port
        log_file = home / "server.log"
        self.child = Child(
            "flows.cli.processes.server_process",
            ["127.0.0.1", str(port)],
            log_file,
            settings,
            name="prefect-server",
            keeps_log=keeps_log,
        )

    @property
    def api_url(self) -> str:
        """The value of PREFECT_API_URL to use it."""
        return self.api.url

    def wait(self) -> None:
        """Wait until it and its database answer.

        Raises:
            CommandFailed: It did not answer within two minutes, or it ended.
        """
        self.child.wait_until(self._ready, _START_SECONDS)
        if self._fresh:
            _keep_template(self._home / "prefect.db")

    @contextmanager
    def required(self) -> Iterator[None]:
        """Attribute failures inside the context to the server if it has ended meanwhile.

        Raises:
            CommandFailed: Something failed, and the server has ended.
        """
        try:
            yield
        except Exception:
            self.child.require()
            raise

    def stop(self) -> None:
        """Stop it."""
        self.child.stop()

    def _ready(self) -> bool:
        # Not with httpx, which prepares TLS for each of these, at a tenth of a second.
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", "/api/ready")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def _settings(home: Path, port: int, auth_string: str | None) -> dict[str, str | None]:
    """Return the settings for a server's data and access."""
    guarded = {"PREFECT_SERVER_API_AUTH_STRING": auth_string, "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true"}
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        # How long a writer waits for earlier ones; see flows/cli/processes/server_process.py.
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
        "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api",
        # The UI may be opened under either name of this machine.
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
        # A client that pauses for some seconds keeps its connection.
        "PREFECT_SERVER_API_KEEPALIVE_TIMEOUT": "75",
        # A server must not take itself for a client of another one.
        "PREFECT_API_URL": "",
        "PREFECT_PROFILE": None,
        **(guarded if auth_string else {}),
    }


@contextmanager
def prefect_api() -> Iterator[PrefectApi]:
    """Yield the server that Prefect is configured for, or the command's own answers to Prefect's engine.

    Raises:
        CommandFailed: A variable names a proxy that cannot be used.
    """
    require_usable_proxies()
    if url := PREFECT_API_URL.value():
        yield PrefectApi(url)
        return
    auth_string = new_auth_string()
    with serve_local_api(auth_string) as url:
        yield PrefectApi(url, auth_string)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        # Free at this moment: the server needs the number in its settings before it starts.
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _template() -> Path:
    """Return the cached empty database of this Prefect version: migrating one takes six seconds."""
    return user_cache_path("entra-fleet") / f"prefect-{version('prefect')}.db"


def _start_from_template(database: Path) -> bool:
    if not _template().exists():
        return False
    _copy(_template(), database)
    return True


def _keep_template(database: Path) -> None:
    template = _template()
    template.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Under another name first: two commands may start their first server at the same time.
    part = template.with_suffix(f".{os.getpid()}")
    _copy(database, part)
    part.replace(template)


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        # SQLite's own backup: the database may be open, with a part of it in its write-ahead log.
        reader.backup(writer)
    target.chmod(0o600)


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
