"""Numbers of the present: how far a fleet has drifted, when it was swept, what Graph was asked."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, select

from flows.store.database import Database
from flows.store.tables import MEASUREMENT

Name = Literal[
    "drift",
    "sweep",
    "credentials-expire",
    "certificate-expires",
    "staged-certificate-expires",
    "graph-requests",
    "graph-throttled",
]
CERTIFICATE_MEASUREMENTS: dict[Name, bool] = {"certificate-expires": False, "staged-certificate-expires": True}
"""When the active certificate expires, by whether another one is staged."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number; the fields are the columns of table `measurement`."""

    tenant_id: str
    name: Name
    value: float
    measured_at: datetime
    fleet: str = ""
    key: str = ""


class Measurements:
    """The latest of each number; nothing is kept of those before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, measurements: Iterable[Measurement]) -> None:
        """Write numbers down, each in place of the one before."""
        self._write(measurements, adding=False)

    def add(self, measurements: Iterable[Measurement]) -> None:
        """Add numbers to those that are there: counters of many runs."""
        self._write(measurements, adding=True)

    def replace_keys(self, tenant_id: str, fleet: str, name: Name, measurements: Iterable[Measurement]) -> None:
        """Write down a number of each instance of a fleet, and drop those of instances that have none any more."""
        table = MEASUREMENT.c
        old = delete(MEASUREMENT).where(table.tenant_id == tenant_id, table.fleet == fleet, table.name == name)
        rows = [asdict(each) for each in measurements]
        with self._database.write(lock="measurements") as connection:  # two sweeps would delete and insert crosswise
            connection.execute(old)
            if rows:
                connection.execute(self._database.insert(MEASUREMENT), rows)

    def all(self) -> list[Measurement]:
        """Return every number, in the order of tenant, fleet, name and key."""
        table = MEASUREMENT.c
        statement = select(MEASUREMENT).order_by(table.tenant_id, table.fleet, table.name, table.key)
        with self._database.read() as connection:
            return [Measurement(**row) for row in connection.execute(statement).mappings()]

    def _write(self, measurements: Iterable[Measurement], *, adding: bool) -> None:
        rows = [asdict(each) for each in measurements]
        if not rows:
            return
        insert = self._database.insert(MEASUREMENT)
        # Added by the database, so that two concurrent runs lose nothing.
        value = MEASUREMENT.c.value + insert.excluded.value if adding else insert.excluded.value
        later = {"value": value, "measured_at": insert.excluded.measured_at}
        keys = [column.name for column in MEASUREMENT.primary_key]
        with self._database.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=later), rows)
