"""A store of another version is refused, and left as it is."""

import pytest

from flows.store import SCHEMA_VERSION, StoreVersionError, open_store, upgrade_store
from tests.store.test_opening import execute, set_version


@pytest.mark.parametrize("version", [f"{number:04}" for number in range(1, 8)])
@pytest.mark.parametrize("use", [open_store, upgrade_store])
def test_a_store_from_before_the_first_release_is_refused_and_left_alone(sqlite_url, version, use):
    open_store(sqlite_url).close()
    execute(sqlite_url, "DROP TABLE fleet_lease")
    set_version(sqlite_url, version)
    with pytest.raises(StoreVersionError, match="first release") as caught:
        use(sqlite_url)
    assert (caught.value.found, caught.value.needed) == (version, SCHEMA_VERSION)
    assert execute(sqlite_url, "SELECT version_num FROM entra_fleet_version") == [(version,)]


def test_an_older_release_is_told_apart_from_what_was_before_the_first():
    assert "entra-fleet store upgrade" in str(StoreVersionError("the store", "0100", "0101"))
    assert "entra-fleet store upgrade" not in str(StoreVersionError("the store", "0007", "0101"))
