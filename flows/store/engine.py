"""Engines for the two databases of a store."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from flows.store.database import Database, StoreAddress, explain_database_errors
from flows.store.errors import StoreError


def json_text(value: Any) -> str:
    """Return compact JSON; the same value has the same text."""
    try:
        # Twenty times as fast as the standard library: most of a harvest's time would go into this.
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        # Half a surrogate pair is no UTF-8, and integers have no bound; only the standard library can write them.
        return json.dumps(value, separators=(",", ":"))


def ensure_private(path: Path) -> None:
    """Create the file (0600) and its directory (0700) if they are missing; existing ones keep their mode.

    Raises:
        OSError: It cannot be created or opened for writing.
    """
    # An existing directory may be shared on purpose, so only a new one is closed to others.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # before SQLite creates it readable for others


def is_writable(path: Path) -> bool:
    """Return whether this user may write to a file and create others beside it, as SQLite does."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


SCHEMA = "entra_fleet"
"""The PostgreSQL schema of our tables; it lets a store share a database."""

_BUSY_SECONDS = 30.0
_CONNECT_SECONDS = 10  # libpq itself waits without limit
_CACHE_KIBIBYTES = 32_000
_PAGE_BYTES = 16_384
"""An event with its steps takes 2 to 3 KB: pages of this size waste little, smaller ones up to a third."""
_CHECKPOINT_PAGES = 2000
"""32 MB, like the cache: random ids touch the same index pages repeatedly, and each is then written back once."""


def open_engine(address: StoreAddress, *, create: bool = True) -> Database:
    """Connect to the database.

    Args:
        address: Its address.
        create: Whether to create a missing SQLite file or PostgreSQL schema. Without it, an SQLite file
            that this user may not write to is opened for reading.

    Raises:
        StoreError: The file cannot be created or opened, the server cannot be reached, or its driver is missing.
    """
    try:
        if address.path is None:
            engine = _postgresql(address, create)
        elif create or is_writable(address.path):
            engine = _sqlite(address, address.path)
        else:
            engine = _read_only_sqlite(address, address.path)
    except ModuleNotFoundError:
        hint = "Install it: pip install 'entra-fleet[postgres]'."
        raise StoreError(f"{address}: the PostgreSQL driver psycopg is not installed.", hint) from None
    except (OSError, DBAPIError) as error:
        raise explain_database_errors(address, error) from None
    return Database(engine, address)


def _sqlite(address: StoreAddress, path: Path) -> Engine:
    ensure_private(path)
    engine = create_engine(
        address.url,
        hide_parameters=True,
        json_serializer=json_text,
        # Without an isolation level the driver leaves BEGIN to us.
        connect_args={"timeout": _BUSY_SECONDS, "isolation_level": None},
    )
    event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _read_only_sqlite(address: StoreAddress, path: Path) -> Engine:
    """Return an engine that only reads, and creates no file beside the store.

    Source: https://www.sqlite.org/wal.html#read_only_databases
    """
    log = path.with_name(path.name + "-wal")
    # Without a write-ahead log no process is writing and SQLite needs no index of it; else it reads the existing one.
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    uri = f"file:{quote(str(path.absolute()))}?{mode}"

    def open_file() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    engine = create_engine(address.url, hide_parameters=True, creator=open_file)
    event.listen(engine, "connect", _set_up_reading)
    return engine


def _set_up_reading(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")


def _set_up_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.execute("PRAGMA foreign_keys = ON")  # off by default, for each connection
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # has an effect before the first table only
    connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for a writer
    # A power failure may undo the last transactions, but never a part of one; a harvest reads them again.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")


def _postgresql(address: StoreAddress, create: bool) -> Engine:
    timeout = {} if "connect_timeout" in address.url.query else {"connect_timeout": _CONNECT_SECONDS}
    engine = create_engine(
        address.url,
        hide_parameters=True,
        json_serializer=json_text,
        pool_pre_ping=True,  # a server that was restarted has closed the connections of the pool
        connect_args=timeout,
    )
    event.listen(engine, "connect", _set_search_path, insert=True)
    try:
        if create:
            _ensure_schema(engine)
    except DBAPIError:
        engine.dispose()
        raise
    return engine


def _set_search_path(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # Committed: the pool rolls back open transactions, and the setting with them.
    connection.cursor().execute(f"SET search_path TO {SCHEMA}")
    connection.commit()


def _ensure_schema(engine: Engine) -> None:
    with engine.begin() as connection:
        if connection.scalar(text("SELECT to_regnamespace(:schema) IS NULL"), {"schema": SCHEMA}):
            # IF NOT EXISTS alone is not safe against a second process doing the same.
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('entra-fleet schema', 0))"))
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
