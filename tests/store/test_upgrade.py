"""A store of an earlier release, with content, becomes one of this release."""

from datetime import datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, DateTime, Integer, MetaData, Numeric, insert, select

from flows.store import SCHEMA_VERSION, StoreVersionError, open_store, upgrade_store
from flows.store.address import StoreAddress
from flows.store.engine import connect
from flows.store.tables import METADATA, VERSION_TABLE


def alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", "flows.store:migrations")
    return config


EARLIER = sorted(each.revision for each in ScriptDirectory.from_config(alembic()).walk_revisions())[:-1]


def make(url: str, version: str) -> None:
    """A store of an earlier version."""
    database = connect(StoreAddress.parse(url))
    config = alembic()
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    database.close()


def value_for(column, number: int):
    if isinstance(column.type, DateTime):
        return datetime(2026, 5, 1, 12, number)  # noqa: DTZ001  as the database keeps it
    if isinstance(column.type, JSON):
        return {"number": number}
    return number if isinstance(column.type, Integer | Numeric) else f"{column.name} {number}"


def content(database, tables: MetaData):
    with database.read() as connection:
        return {
            table.name: [
                dict(row) for row in connection.execute(select(*table.c).order_by(*table.primary_key)).mappings()
            ]
            for table in tables.sorted_tables
            if table.name != VERSION_TABLE
        }


def fill(database, tables: MetaData) -> None:
    """Put rows into every table."""
    with database.write() as connection:
        for table in tables.sorted_tables:
            if table.name == VERSION_TABLE:
                continue
            for number in range(3):
                row = {column.name: value_for(column, number) for column in table.c}
                row |= {key.parent.name: f"{key.column.name} {number}" for key in table.foreign_keys}
                connection.execute(insert(table), row)


@pytest.mark.parametrize("version", EARLIER)
def test_an_upgrade_keeps_what_is_in_the_store(store_url, version):
    make(store_url, version)
    with pytest.raises(StoreVersionError, match=rf"version {version}, this program needs {SCHEMA_VERSION}"):
        open_store(store_url)
    database = connect(StoreAddress.parse(store_url))
    tables = MetaData()
    with database.read() as connection:
        tables.reflect(connection)
    fill(database, tables)
    before = content(database, tables)
    assert {len(rows) for rows in before.values()} == {3}
    assert upgrade_store(store_url) == version
    assert content(database, tables) == before
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, METADATA) == []
    database.close()
    open_store(store_url).close()
