from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from flows.store.database import StoreAddress
from flows.store.engine import open_engine
from flows.store.tables import METADATA, SCHEMA_VERSION, VERSION_TABLE
from flows.store.versions import VIEWS, upgrade


def test_migrations_make_the_tables_that_the_program_declares(database_url):
    database = open_engine(StoreAddress.parse(database_url))
    upgrade(database)
    with database.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True},
        )
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_the_comparison_would_find_a_missing_index_column_and_table(database_url):
    database = open_engine(StoreAddress.parse(database_url))
    upgrade(database)
    with database.write() as connection:
        connection.exec_driver_sql("DROP INDEX ix_provisioning_event_source")
        connection.exec_driver_sql("ALTER TABLE run DROP COLUMN ticket")
        connection.exec_driver_sql("DROP TABLE harvest_gap")
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        found = {difference[0] for difference in compare_metadata(context, METADATA)}
    assert found == {"add_index", "add_column", "add_table"}
    database.close()


def test_indexes_and_keys_have_the_declared_names(database_url):
    database = open_engine(StoreAddress.parse(database_url))
    upgrade(database)
    with database.read() as connection:
        inspector = inspect(connection)
        for table in METADATA.sorted_tables:
            assert inspector.get_pk_constraint(table.name)["name"] == table.primary_key.name
            made = {key["name"] for key in inspector.get_foreign_keys(table.name)}
            assert made == {key.name for key in table.foreign_key_constraints}
    database.close()


def test_the_declared_version_is_that_of_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", "flows.store:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]


def test_every_table_and_column_says_what_it_holds():
    for table in (*METADATA.sorted_tables, *VIEWS.sorted_tables):
        assert table.info["doc"].endswith("."), table.name
        for column in table.columns:
            assert (column.doc or "").endswith((".", "…")), f"{table.name}.{column.name}"


def documented():
    """Every heading and first column of the tables of `docs/store.md`, by what it is the heading of."""
    found: dict[str, list[str]] = {}
    for line in (Path(__file__).parents[2] / "docs/store.md").read_text().splitlines():
        if line.startswith("### "):
            found[line.removeprefix("### ").strip("`")] = []
        elif line.startswith("| `") and found:
            name, doc = (part.strip() for part in line.strip("|").split("|"))
            found[list(found)[-1]].append((name.strip("`"), doc))
    return found


def test_the_documentation_has_every_table_view_and_column_as_they_are():
    declared = [*METADATA.sorted_tables, *VIEWS.sorted_tables]
    expected = {table.name: [(column.name, column.doc) for column in table.columns] for table in declared}
    assert documented() == expected


def test_a_migration_that_fails_leaves_the_database_as_it_was(database_url, monkeypatch):
    def half_way(config, revision):
        config.attributes["connection"].exec_driver_sql("CREATE TABLE half (id INTEGER)")
        raise RuntimeError("power cut")

    database = open_engine(StoreAddress.parse(database_url))
    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", half_way)
        with pytest.raises(RuntimeError, match="power cut"):
            upgrade(database)
    assert upgrade(database) is None
    with database.read() as connection:
        assert "half" not in inspect(connection).get_table_names()
    database.close()
