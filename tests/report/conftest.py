from tests.store.databases import postgres_database, postgres_url, sqlite_url, store, store_url

__all__ = ["postgres_database", "postgres_url", "sqlite_url", "store", "store_url"]
