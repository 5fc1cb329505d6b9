"""A Prefect server for the time of one command.

Prefect's own ephemeral server writes to the terminal of the command, and when the process ends often prints
tracebacks and loses the last task runs; a process of our own does neither.
"""

import os
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import httpx
from platformdirs import user_cache_path
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, temporary_settings

from flows.cli.child import Child
from flows.cli.temporary import temporary_directory

_START_SECONDS = 120.0

_VARIABLES = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
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
        auth_string: User and password, as USER:PASSWORD; None where this process's own settings say.
        home: Prefect's home for those who use it; None for the user's own, profiles included.
    """

    url: str
    auth_string: str | None = field(default=None, repr=False)
    home: Path | None = None

    @property
    def variables(self) -> dict[str, str | None]:
        """The environment of a process that uses it."""
        if self.auth_string is None or self.home is None:
            return {"PREFECT_API_URL": self.url}
        own = {"PREFECT_API_AUTH_STRING": self.auth_string, "PREFECT_HOME": str(self.home)}
        # A key would be sent in place of user and password.
        return {"PREFECT_API_URL": self.url, **own, "PREFECT_API_KEY": None, "PREFECT_PROFILE": None}

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have this process use it for a while."""
        own = {} if self.auth_string is None else {PREFECT_API_AUTH_STRING: self.auth_string}
        with temporary_settings(
            {PREFECT_API_URL: self.url, **own}, restore_defaults={PREFECT_API_KEY} if own else set()
        ):
            yield


class PrefectServer:
    """A Prefect server with a home of its own, on the loopback.

    Args:
        home: Its directory: database, and log in `server.log`.
        port: Its port; 0 takes a free one.
        variables: Settings of Prefect beside ours.
    """

    def __init__(self, home: Path, port: int = 0, variables: Mapping[str, str] | None = None) -> None:
        self._home = home
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fresh = not ((home / "prefect.db").exists() or _start_from_template(home / "prefect.db"))
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings: dict[str, str | None] = {
            **_VARIABLES,
            "PREFECT_HOME": str(home),
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
            "PREFECT_SERVER_UI_API_URL": f"{self.url}/api",
            "PREFECT_API_URL": "",
            "PREFECT_PROFILE": None,
            **(variables or {}),
        }
        arguments = ["server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        self.child = Child("prefect", arguments, home / "server.log", settings)

    @property
    def api_url(self) -> str:
        """What PREFECT_API_URL has to be to use it."""
        return f"{self.url}/api"

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            CommandFailed: It did not within two minutes, or ended.
        """
        self.child.wait_until(self._healthy, _START_SECONDS)
        if self._fresh:
            _keep_template(self._home / "prefect.db")

    def stop(self) -> None:
        """Stop it."""
        self.child.stop()

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/health", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False


@contextmanager
def prefect_api_url() -> Iterator[str]:
    """Yield the API of the server that Prefect is configured for, or of one that lives as long as the context."""
    if url := PREFECT_API_URL.value():
        yield url
        return
    with temporary_directory() as directory:
        server = PrefectServer(directory / "prefect")
        try:
            server.wait()
            yield server.api_url
        finally:
            server.stop()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _template() -> Path:
    """Return where the migrated, empty database of this Prefect version is kept: migrating one takes six seconds."""
    return user_cache_path("entra-fleet") / f"prefect-{version('prefect')}.db"


def _start_from_template(database: Path) -> bool:
    if not _template().exists():
        return False
    _copy(_template(), database)
    return True


def _keep_template(database: Path) -> None:
    template = _template()
    template.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = template.with_suffix(f".{os.getpid()}")
    _copy(database, part)
    part.replace(template)


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        reader.backup(writer)
    target.chmod(0o600)
