import pytest

from tests.store.databases import postgres_store, sqlite_url, store, store_url

__all__ = ["postgres_store", "sqlite_url", "store", "store_url"]


# What the store does on PostgreSQL is tested in tests/store.
@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def kind_of_store(request):
    return request.param
