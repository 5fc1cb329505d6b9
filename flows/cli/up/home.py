"""The persistent directory of `up`: database, logs, and the secrets created at the first start."""

import fcntl
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet

from flows.cli.errors import CommandFailed
from flows.cli.processes.prefect_server import PrefectApi, new_auth_string


class Home:
    """A directory that only its owner can access.

    Args:
        directory: Its path; created if missing.

    Raises:
        CommandFailed: It cannot be used.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            # An existing one, too: keys and passwords are in it.
            directory.chmod(0o700)
        except OSError as error:
            raise _unusable(directory, error) from None

    def path(self, name: str) -> Path:
        """Return the path of a file in the directory."""
        return self.directory / name

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the directory against concurrent use.

        Raises:
            CommandFailed: Another `up` is using it.
        """
        self.path("lock").touch(mode=0o600)
        with self.path("lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Cause: Another up uses the same files, perhaps on another port.
                raise CommandFailed(
                    f"Another entra-fleet up is using {self.directory}.",
                    "Stop that one, or name another directory with --dir.",
                ) from None
            yield

    def server_variables(self) -> dict[str, str]:
        """Return settings for a server that keeps blocks encrypted and deletes old runs."""
        return {
            # Kept: with another key, the blocks in the database could not be read.
            "PREFECT_SERVER_ENCRYPTION_KEY": self._secret("encryption-key", lambda: Fernet.generate_key().decode()),
            "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P7D",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(30 * 86_400),
        }

    def auth_string(self) -> str:
        """Return the credentials for the server of this directory."""
        return self._secret("auth-string", new_auth_string)

    @property
    def auth_file(self) -> Path:
        """The file with the server's credentials."""
        return self.path("auth-string")

    def write_environment(self, api: PrefectApi) -> Path:
        """Write the shell file to source for using the server; return its path."""
        path = self.path("env.sh")
        exports = {"PREFECT_API_URL": api.url, "PREFECT_API_AUTH_STRING": api.auth_string or ""}
        _write(path, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in exports.items()))
        return path

    def _secret(self, name: str, make: Callable[[], str]) -> str:
        path = self.path(name)
        try:
            if not path.exists():
                _write(path, make() + "\n")
            return path.read_text("ascii").strip()
        except OSError as error:
            raise _unusable(path, error) from None


def _write(path: Path, text: str) -> None:
    # Atomically: a truncated key would make every block unreadable.
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)
    part.replace(path)


def _unusable(path: Path, error: OSError) -> CommandFailed:
    # Cause: The directory, or a key in it, cannot be read or written.
    return CommandFailed(f"Cannot use {path}: {error.strerror}.", "Use --dir to name a directory that you own.")
