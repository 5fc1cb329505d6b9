"""The store's database: its address, one way to read, one way to write, one place for its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import URL, Connection, DateTime, Dialect, Engine, Table, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.types import TypeDecorator

from flows.store.errors import StoreError

_FORMS = "Write sqlite:////absolute/path/store.db or postgresql+psycopg://user:password@host/database."


@dataclass(frozen=True, repr=False)
class StoreAddress:
    """A checked store URL; its text and repr never contain a password."""

    url: URL

    @classmethod
    def parse(cls, text: str) -> "StoreAddress":
        """Read a store URL.

        Raises:
            StoreError: the URL is no URL, or of a database that is not supported.
        """
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise StoreError("The store URL cannot be read.", _FORMS) from None
        if url.drivername in ("sqlite", "sqlite+pysqlite"):
            return cls(_sqlite(url))
        if url.drivername in ("postgresql", "postgresql+psycopg"):
            return cls(_postgresql(url))
        raise StoreError(f"The store URL names {url.drivername}, which is not supported.", _FORMS)

    @property
    def path(self) -> Path | None:
        """The file of an SQLite store, else None."""
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None

    def __str__(self) -> str:
        if self.path:
            return f"sqlite:///{self.path}"
        # The query may contain a password, too (`?password=`, `?sslpassword=`).
        shown = self.url.set(drivername=self.url.get_backend_name(), query={})
        return shown.render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"StoreAddress({str(self)!r})"


def _sqlite(url: URL) -> URL:
    if url.host or url.query:
        raise StoreError("The store URL has more than a path after sqlite:///.", _FORMS)
    if not url.database or url.database == ":memory:":
        raise StoreError("A store in memory forgets everything: the store URL needs a file.", _FORMS)
    return url.set(drivername="sqlite+pysqlite")


def _postgresql(url: URL) -> URL:
    # `user:p@ss@host` is parsed as host `ss@host`, which would put half of the password into messages.
    if "@" in (url.host or ""):
        raise StoreError("The store URL has more than one @.", "Write an @ of the password as %40.")
    if not url.database:
        raise StoreError("The store URL names no database.", _FORMS)
    return url.set(drivername="postgresql+psycopg")  # a plain postgresql would be psycopg2


Upsert: TypeAlias = postgresql.Insert | sqlite.Insert

_WRITES = "entra_fleet_writes"  # an execution option, which SQLAlchemy hands to its listeners

# Parts of the texts of both drivers and of SQLite; the first that fits decides, so the vague ones come last.
_HINTS = {
    "locked": "Another process is writing to it; try again.",
    "readonly": "Make the file and its directory writable for this user.",
    "disk is full": "Free some space, then prune the store.",
    "disk I/O error": "Check the disk: space, quota and limits of this user, and its health.",
    "not a database": "The file is not an SQLite database; name another one.",
    "malformed": "The file is damaged; restore it from a backup.",
    "no password supplied": "Put the user's password into the store URL.",
    "password authentication failed": "Check user and password in the store URL.",
    "does not exist": "Create it, or correct the store URL.",
    "permission denied": "Grant the user CREATE on the database, or create schema entra_fleet for it.",
    "connection": "Check that the server runs, and host and port in the store URL.",
}


class Database:
    """An open database; `read` and `write` are the only ways in.

    Args:
        engine: Engine of `address`; closed with this object.
        address: Where it is, for messages.
    """

    def __init__(self, engine: Engine, address: StoreAddress) -> None:
        self.address = address
        self._reader = engine
        self._writer = engine.execution_options(**{_WRITES: True})
        if engine.dialect.name == "sqlite":
            event.listen(engine, "begin", _begin_sqlite)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Hold a connection for reading.

        Raises:
            StoreError: The database cannot be reached or read.
        """
        with self._explained(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self, lock: str | None = None) -> Iterator[Connection]:
        """Hold a transaction for writing: committed at the end, rolled back by an exception.

        Args:
            lock: What no two writers may do at the same time. SQLite has one writer at a time anyway.

        Raises:
            StoreError: The database cannot be reached or written.
        """
        with self._explained(), self._writer.begin() as connection:
            if lock is not None and connection.dialect.name == "postgresql":
                # Released with the transaction, so that a killed process leaves no lock.
                statement = text("SELECT pg_advisory_xact_lock(hashtextextended('entra-fleet ' || :lock, 0))")
                connection.execute(statement, {"lock": lock})
            yield connection

    def insert(self, table: Table) -> Upsert:
        """Return this database's INSERT, which supports ON CONFLICT."""
        if self._reader.dialect.name == "sqlite":
            return sqlite.insert(table)
        return postgresql.insert(table)

    def close(self) -> None:
        """Close every connection."""
        self._reader.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            # Without its cause: the driver's error contains the statement, which a traceback would print.
            raise explain_database_errors(self.address, error) from None


def explain_database_errors(address: StoreAddress, error: DBAPIError | OSError) -> StoreError:
    """Return the error of the store for one of the driver or the system, without any values."""
    if isinstance(error, OSError):
        hint = (
            _HINTS["readonly"]
            if isinstance(error, PermissionError)
            else "Name a file in a directory that you can write to."
        )
        return StoreError(f"{address}: {error.strerror}: {error.filename}", hint)
    words = " ".join(str(error.orig).split())[:300]
    hint = next((hint for part, hint in _HINTS.items() if part in words), "")
    return StoreError(f"{address}: {words}", hint)


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that first reads and then writes fails at once if another writer was faster, whatever the
    # busy timeout; one that takes the write lock at the start waits instead.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Moment(TypeDecorator[datetime]):
    """A moment; aware in Python, naive UTC in the database.

    PostgreSQL's own zoned type would give other days in a session of another zone, and SQLite has none.
    """

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  SQLAlchemy's
        """Return the value for the database.

        Raises:
            ValueError: The moment has no time zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs a time zone: {value.isoformat()}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  SQLAlchemy's
        """Return the moment in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)
