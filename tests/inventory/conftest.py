import pytest

from tests.inventory.looking import Tenant
from tests.store.databases import postgres_store, sqlite_url, store, store_url

__all__ = ["postgres_store", "sqlite_url", "store", "store_url"]


@pytest.fixture
def open_tenant(sqlite_url):
    """Opens a tenant with an estate, and a store beside it."""

    def opened(estate=100, **settings):
        return Tenant(sqlite_url, estate=estate, **settings)

    return opened
