"""The store: what was applied, how the jobs were, and every provisioning event."""

from types import TracebackType
from typing import Self

from flows.store.address import StoreAddress
from flows.store.database import Database
from flows.store.engine import connect
from flows.store.files import default_file
from flows.store.fingerprints import Fingerprints
from flows.store.harvests import Harvests
from flows.store.job_history import JobHistory
from flows.store.journal import Journal
from flows.store.provisioning_events import ProvisioningEvents
from flows.store.versions import ensure_version, upgrade


class Store:
    """An open store; use it in a `with`, or close it.

    Its calls block: on an event loop run them in a thread. They may come from several threads at once.

    Args:
        database: A database with the tables of this version: `open_store` makes sure of that.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.journal = Journal(database)
        self.jobs = JobHistory(database)
        self.events = ProvisioningEvents(database)
        self.harvests = Harvests(database)
        self.fingerprints = Fingerprints(database)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self._database.address})"


def open_store(url: str | None = None) -> Store:
    """Open a store, making its tables where the database is empty.

    Args:
        url: `sqlite:////path/store.db` or `postgresql+psycopg://user:password@host/database`; None for the
            SQLite file in the user's data directory.

    Raises:
        StoreVersionError: The store is of another version.
        StoreError: The URL is wrong, or the database cannot be reached or written, or is no store.
    """
    database = connect(_address(url))
    try:
        ensure_version(database)
    except BaseException:
        database.close()
        raise
    return Store(database)


def upgrade_store(url: str | None = None) -> str | None:
    """Bring a store to this program's version; return the one before, None for an empty database.

    Raises:
        StoreVersionError: The store is of a newer version.
        StoreError: As of `open_store`.
    """
    database = connect(_address(url))
    try:
        return upgrade(database)
    finally:
        database.close()


def _address(url: str | None) -> StoreAddress:
    return StoreAddress.parse(f"sqlite:///{default_file()}" if url is None else url)
