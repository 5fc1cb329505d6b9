import pytest

from tests.inventory.looking import Tenant
from tests.store.databases import kind_of_store, lay_empty_store, postgres_store, sqlite_url, store, store_url

__all__ = ["kind_of_store", "postgres_store", "sqlite_url", "store", "store_url"]


@pytest.fixture
def open_tenant(tmp_path):
    """Opens a tenant with an estate, and a store beside it."""

    store_url = lay_empty_store(tmp_path / "data" / "store.db")

    def opened(estate=100, **settings):
        return Tenant(store_url, estate=estate, **settings)

    return opened
