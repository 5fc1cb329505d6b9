from tests.store.databases import postgres_store, sqlite_url, store, store_url

__all__ = ["postgres_store", "sqlite_url", "store", "store_url"]
