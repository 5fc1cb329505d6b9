"""What Alembic runs: the migrations, on the connection and in the transaction that it was given."""

from alembic import context

from flows.store.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    # Alembic would commit step by step on SQLite, which can roll back tables as well as rows.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
