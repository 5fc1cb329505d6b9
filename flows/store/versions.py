"""The version of a store's tables: read, checked, and upgraded to that of this program."""

import threading
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Date, MetaData, Table, Text, inspect, text

from flows.store.database import Database, Moment
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
    """Create the tables of an empty database; otherwise require this program's version.

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
    """Upgrade the tables to this program's version in one transaction, under a lock; return the previous version.

    Raises:
        StoreVersionError: The tables are newer, or are from before the first release.
        StoreError: The database is not a store.
    """
    with _one_migration_at_a_time, database.write(lock="schema") as connection:  # read again under the lock
        found = _version(database, connection)
        if found == SCHEMA_VERSION:
            return found
        # Nothing can be migrated from versions before the first release.
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
        hint = "Name an empty database, or the store's own."
        raise StoreError(f"{database.address}: there are tables in it, but it is not a store.", hint)
    return None


def _migrate(connection: Connection) -> None:
    # Half a second to import, and needed only when a store is created or upgraded.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "flows.store:migrations")
    config.attributes["connection"] = connection  # in our transaction: a failed migration leaves nothing behind
    command.upgrade(config, "head")


VIEWS = MetaData()
"""Separate from the tables, because views are created only by migrations."""

_Columns = tuple[Column[Any], ...]

_WHERE: _Columns = (
    Column("tenant_id", Text, doc="The tenant."),
    Column("fleet", Text, doc="Name of the fleet; empty for an application that no fleet manages."),
    Column("key", Text, doc="Key of the instance; empty likewise."),
    Column("service_principal_id", Text, doc="The application's service principal, lower case."),
)
_ABOUT: _Columns = (
    Column("source_id", Text, doc="Id of the user or group in Entra."),
    Column("source_name", Text, doc="Its display name."),
    Column("source_type", Text, doc="User, Group …"),
)
_LAST: _Columns = (
    Column("event_id", Text, doc="The event: `provisioning_event.id`."),
    Column("activity_at", Moment, doc="When it happened."),
    Column("action", Text, doc="What was tried: create, update …"),
)
_WHY: _Columns = (
    Column("error_code", Text, doc="Microsoft's error code."),
    Column("reason", Text, doc="Microsoft's words for the failure or the skip."),
)


def _view(name: str, doc: str, *columns: Column[Any]) -> Table:
    own = (Column(column.name, column.type, doc=column.doc) for column in columns)
    return Table(name, VIEWS, *own, info={"doc": doc})


EVENTS_BY_APP_AND_DAY = _view(
    "events_by_app_and_day",
    "How many events each application had on each day (UTC), by status.",
    *_WHERE,
    Column("day", Date, doc="The day; on SQLite its text, as 2026-05-01."),
    Column("events", BigInteger, doc="All of them, those of other statuses included."),
    Column("success", BigInteger, doc="Those that went well."),
    Column("failure", BigInteger, doc="Those that failed."),
    Column("skipped", BigInteger, doc="Skipped ones, such as objects that are not in scope."),
    Column("warning", BigInteger, doc="Those with a warning."),
)

LAST_RESULT_BY_USER_AND_APP = _view(
    "last_result_by_user_and_app",
    "The newest event of each user or group in each application.",
    *_WHERE,
    *_ABOUT,
    *_LAST,
    Column("status", Text, doc="How it ended: success, failure, skipped, warning."),
    *_WHY,
)

OPEN_FAILURES = _view(
    "open_failures",
    "Each user or group whose newest event in an application is a failure.",
    *_WHERE,
    *_ABOUT,
    Column("failing_since", Moment, doc="The first failure after the last event that was none."),
    *_LAST,
    *_WHY,
    Column("recommended_action", Text, doc="What Microsoft recommends."),
)
