"""The version of a store's tables: read it, check it, and bring it to that of this program."""

import threading

from sqlalchemy import Connection, inspect, text

from flows.store.database import Database
from flows.store.errors import FIRST_VERSION, StoreError, StoreVersionError
from flows.store.tables import SCHEMA_VERSION, VERSION_TABLE

# Alembic keeps the migration that runs in module globals.
_one_migration_at_a_time = threading.Lock()


def version_of(database: Database) -> str | None:
    """Return the version of the tables, or None for an empty database.

    Raises:
        StoreError: The database is not a store.
    """
    with database.read() as connection:
        return _version(database, connection)


def ensure_version(database: Database) -> None:
    """Make the tables of an empty database, and accept no other version than this program's.

    Raises:
        StoreVersionError: The tables are older or newer.
        StoreError: There are tables, but no version: the database is not a store.
    """
    found = version_of(database)
    if found is None:
        upgrade(database)
    elif found != SCHEMA_VERSION:
        raise StoreVersionError(str(database.address), found, SCHEMA_VERSION)


def upgrade(database: Database) -> str | None:
    """Bring the tables to this program's version in one transaction, under a lock; return the version before.

    Raises:
        StoreVersionError: The tables are newer, or were made before the first release.
        StoreError: The database is not a store.
    """
    with _one_migration_at_a_time, database.write(lock="schema") as connection:
        found = _version(database, connection)
        if found == SCHEMA_VERSION:
            return found
        if found is not None and not (found.isdecimal() and FIRST_VERSION <= int(found) < int(SCHEMA_VERSION)):
            raise StoreVersionError(str(database.address), found, SCHEMA_VERSION)
        _migrate(connection)
        return found


def _version(database: Database, connection: Connection) -> str | None:
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE in tables:
        version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608  our own name
        if version is not None:
            return str(version)
    if set(tables) - {VERSION_TABLE}:
        remedy = "Name an empty database, or the store's own."
        raise StoreError(f"{database.address}: there are tables in it, but it is not a store.\n{remedy}")
    return None


def _migrate(connection: Connection) -> None:
    # Half a second to import, and needed only when a store is made or upgraded.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "flows.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
