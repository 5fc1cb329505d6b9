from tests.store.databases import (
    database_url,
    kind_of_store,
    postgres_database,
    postgres_store,
    postgres_url,
    sqlite_url,
    store,
    store_to_break,
    store_url,
)

__all__ = [
    "database_url",
    "kind_of_store",
    "postgres_database",
    "postgres_store",
    "postgres_url",
    "sqlite_url",
    "store",
    "store_to_break",
    "store_url",
]
