"""The store: applied changes, the history of jobs, and every provisioning event."""

from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from flows.configuration.environment import default_file
from flows.store.database import Database, StoreAddress
from flows.store.directory_audits import DirectoryAudits
from flows.store.drift_looks import DriftLooks
from flows.store.engine import open_engine
from flows.store.errors import StoreError
from flows.store.event_export import EventExport
from flows.store.event_statistics import EventStatistics, Failures
from flows.store.fingerprints import Fingerprints
from flows.store.given_access import GivenAccesses
from flows.store.harvests import Coverage, Harvests, coverage
from flows.store.instances import Instances
from flows.store.job_history import JobEpisodes, JobHistory
from flows.store.job_schemas import JobSchemas
from flows.store.journal import Journal
from flows.store.leases import Leases
from flows.store.measurements import Measurements
from flows.store.on_demand_results import OnDemandResults
from flows.store.provisioned_accounts import ProvisionedAccounts
from flows.store.provisioning_events import ProvisioningEvents
from flows.store.retention import Retention
from flows.store.rollouts import Rollouts
from flows.store.tenant_inventory import TenantInventory
from flows.store.user_history import Identities, UserHistories
from flows.store.versions import ensure_version, upgrade, version_of


class Store:
    """An open store; use it in a `with`, or close it.

    Its calls block: on an event loop run them in a thread. Several threads may call concurrently.

    Args:
        database: A database with the tables of this version, which `open_store` ensures.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.journal = Journal(database)
        self.leases = Leases(database)
        self.jobs = JobHistory(database)
        self.job_episodes = JobEpisodes(database)
        self.instances = Instances(database)
        self.events = ProvisioningEvents(database)
        self.accounts = ProvisionedAccounts(database)
        self.harvests = Harvests(database)
        self.audits = DirectoryAudits(database, self.harvests)
        self.statistics = EventStatistics(database)
        self.failures = Failures(database)
        self.identities = Identities(database)
        self.stories = UserHistories(database)
        self.on_demand = OnDemandResults(database)
        self.rollouts = Rollouts(database)
        self.measurements = Measurements(database)
        self.fingerprints = Fingerprints(database)
        self.given_access = GivenAccesses(database)
        self.schemas = JobSchemas(database)
        self.drift = DriftLooks(database)
        self.inventory = TenantInventory(database)

    def export(self, chosen: EventExport) -> Iterator[dict[str, Any]]:
        """Yield events one by one, in constant memory; see `EventExport.rows`."""
        return chosen.rows(self._database)

    def older_than(self, before: datetime) -> Retention:
        """Return the rows from before a moment, to count or delete them."""
        return Retention(self._database, before)

    @property
    def address(self) -> str:
        """The address of the store, without its password."""
        return str(self._database.address)

    def coverage(self) -> list[Coverage]:
        """Return how far the log of each tenant is stored."""
        return coverage(self._database)

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
    """Open a store; create its tables if the database is empty.

    Args:
        url: `sqlite:////path/store.db` or `postgresql+psycopg://user:password@host/database`; None for the
            SQLite file in the user's data directory.

    Raises:
        StoreVersionError: The store is of another version.
        StoreError: The URL is wrong, or the database cannot be reached or written, or is no store.
    """
    database = open_engine(store_address(url))
    try:
        ensure_version(database)
    except BaseException:
        database.close()
        raise
    return Store(database)


def existing_store(url: str | None = None) -> Store | None:
    """Open a store if it exists, without creating anything; arguments and errors as for `open_store`.

    One that this user may only read is opened for reading.
    """
    address = store_address(url)
    if address.path and not (address.path.exists() and address.path.stat().st_size):  # opening would create the file
        return None
    database = open_engine(address, create=False)
    try:
        # A database without our tables may be that of another program: nothing is created there.
        if version_of(database) is not None:
            ensure_version(database)
            return Store(database)
    except BaseException:
        database.close()
        raise
    database.close()
    return None


def require_store(url: str | None = None) -> Store:
    """Open an existing store, without creating anything.

    Raises:
        StoreError: There is none; or as of `open_store`.
    """
    store = existing_store(url)
    if store is None:
        # Cause: audit, events and store prune do not create a store.
        raise StoreError(f"{store_address(url)}: there is no store yet.", "Name another one with --store.")
    return store


def upgrade_store(url: str | None = None) -> str | None:
    """Upgrade a store to this program's version; return the previous one, None for an empty database.

    Raises:
        StoreVersionError: The store is of a newer version.
        StoreError: As of `open_store`.
    """
    database = open_engine(store_address(url))
    try:
        return upgrade(database)
    finally:
        database.close()


def store_address(url: str | None = None) -> StoreAddress:
    """Return the address of a store; its text contains no password. Argument and errors as for `open_store`."""
    return StoreAddress.parse(f"sqlite:///{default_file()}" if url is None else url)
