from tests.store.databases import kind_of_store, postgres_store, sqlite_url, store, store_url

__all__ = ["kind_of_store", "postgres_store", "sqlite_url", "store", "store_url"]
