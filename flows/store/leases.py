"""The lease of each fleet: only one run at a time writes to the tenant for it."""

import os
import socket
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import BigInteger, Column, Connection, Index, Table, Text, delete, insert, select, text, update

from flows.store.database import Database, Moment
from flows.store.tables import METADATA

_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessId:
    """A process, unique among all machines, even if its number is reused."""

    host: str
    machine: str
    """The system that numbers its processes: the host since its start, or one container on it."""
    pid: int
    started: str | None


def this_process() -> ProcessId:
    """Return the identity of this process."""
    pid = os.getpid()
    return ProcessId(socket.gethostname(), _machine(), pid, _started(pid))


def is_running(process: ProcessId) -> bool | None:
    """Return whether a process is still running; None if it is on another machine."""
    if process.machine != _machine() or os.name == "nt":  # another machine's process ids mean nothing here
        return None
    return _started(process.pid) == process.started


@cache
def _machine() -> str:
    host = socket.gethostname()
    try:
        # Containers of one host, and hosts after a restart, may share a name.
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{host} {boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return host


def _started(pid: int) -> str | None:
    """Return when a process was started, in seconds since the system was; None if it has ended."""
    # Imported here: most commands take no lease, and must start fast.
    import psutil  # noqa: PLC0415

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:  # killed, but not waited for by its parent
            return None
        # The difference, because both moments shift when the clock of the system is set.
        return f"{process.create_time() - psutil.boot_time():.2f}"
    except psutil.Error:
        return None


EXPIRY = timedelta(seconds=120)  # six renewals
"""How long after its last renewal a holder on another machine counts as dead."""

SHARD = "shard"
"""The command of a holder that works for another holder."""

FLEET_LEASE = Table(
    "fleet_lease",
    METADATA,
    Column("holder", Text, primary_key=True, nullable=False, doc="Id of the holder, made by this program."),
    Column("fleet", Text, primary_key=True, nullable=False, doc="Name of the fleet; a renamed one has a row for each."),
    Column("tenant_id", Text, nullable=False, doc="The tenant written to."),
    Column("lease_id", Text, nullable=False, doc="The same for an apply and its shards."),
    Column("command", Text, nullable=False, doc="What is run: apply, shard, rotate, retire …"),
    Column("host", Text, nullable=False, doc="Name of the host it runs on."),
    Column("machine", Text, nullable=False, doc="The host since its start, or the container, that has its process."),
    Column("pid", BigInteger, nullable=False, doc="Number of its process."),
    Column("process_started", Text, nullable=True, doc="Seconds from the start of the system to that of the process."),
    Column("flow_run_id", Text, nullable=True, doc="Id of the Prefect flow run."),
    Column("held_since", Moment, nullable=False, doc="When the lease was taken; in PostgreSQL by the server's clock."),
    Column("renewed_at", Moment, nullable=False, doc="When the holder last showed that it is alive, likewise."),
    Index(None, "tenant_id", "fleet"),
    info={"doc": "Who writes to the tenant for a fleet now: one run at a time, with its shards."},
)

_LEASE = FLEET_LEASE.c


@dataclass(frozen=True, kw_only=True)
class LeaseHolder:
    """A run that holds the lease of a fleet, or requests it."""

    tenant_id: str
    fleets: frozenset[str]
    """The fleet's name, and its previous one."""
    command: str
    flow_run_id: str | None = None
    lease_id: str = field(default_factory=lambda: str(uuid4()))
    holder: str = field(default_factory=lambda: str(uuid4()))
    process: ProcessId = field(default_factory=this_process)
    held_since: datetime | None = None


class Leases:
    """The leases of all fleets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, wanted: LeaseHolder, *, despite_shards: bool = False) -> LeaseHolder | None:
        """Take the lease unless another run holds it; leases of dead holders are deleted.

        Args:
            wanted: Who wants it. Holders with the same `lease_id` share it.
            despite_shards: Take it although shards of an apply that is dead still work: the caller waits for them.

        Returns:
            Who has it; None if it was taken.
        """
        # Of the tenant, not of one fleet: a renamed fleet is held under both names.
        with self._database.write(lock=f"lease {wanted.tenant_id}") as connection:
            now = _now(connection)
            others = [
                each
                for each in self._living(connection, wanted.tenant_id, wanted.fleets, now)
                if each.lease_id != wanted.lease_id and not (despite_shards and each.command == SHARD)
            ]
            if others:
                return others[0]
            connection.execute(insert(FLEET_LEASE), _rows(wanted, now))
        return None

    def renew(self, holder: str) -> bool:
        """Record that a holder is alive; return whether it still has the lease."""
        with self._database.write() as connection:
            alive = update(FLEET_LEASE).where(_LEASE.holder == holder).values(renewed_at=_now(connection))
            return connection.execute(alive).rowcount > 0

    def release(self, holder: str) -> None:
        """Release the lease."""
        with self._database.write() as connection:
            connection.execute(delete(FLEET_LEASE).where(_LEASE.holder == holder))

    def holders(self, tenant_id: str, fleet: str) -> list[LeaseHolder]:
        """Return the holders of a fleet's lease, the longest first: an apply and its shards."""
        statement = _held(tenant_id, {fleet})
        with self._database.read() as connection:
            return [_holder_of(row) for row in connection.execute(statement).mappings()]

    def _living(
        self, connection: Connection, tenant_id: str, fleets: Collection[str], now: datetime
    ) -> list[LeaseHolder]:
        living = []
        for row in connection.execute(_held(tenant_id, fleets)).mappings().all():
            found = _holder_of(row)
            running = is_running(found.process)
            if running or (running is None and now - row["renewed_at"] < EXPIRY):
                living.append(found)
            else:
                connection.execute(delete(FLEET_LEASE).where(_LEASE.holder == found.holder))
        return living


def _held(tenant_id: str, fleets: Collection[str]) -> Any:
    mine = (_LEASE.tenant_id == tenant_id, _LEASE.fleet.in_(sorted(fleets)))
    return select(FLEET_LEASE).where(*mine).order_by(_LEASE.held_since, _LEASE.holder)


def _now(connection: Connection) -> datetime:
    # The clocks of several hosts differ; the database has only one.
    if connection.dialect.name == "postgresql":
        found: datetime = connection.execute(text("SELECT clock_timestamp() AT TIME ZONE 'UTC'")).scalar_one()
        return found.replace(tzinfo=UTC)
    return datetime.now(UTC)


def _rows(wanted: LeaseHolder, now: datetime) -> list[dict[str, Any]]:
    process = asdict(wanted.process)
    row = {
        "holder": wanted.holder,
        "tenant_id": wanted.tenant_id,
        "lease_id": wanted.lease_id,
        "command": wanted.command,
        "flow_run_id": wanted.flow_run_id,
        "process_started": process.pop("started"),
        "held_since": now,
        "renewed_at": now,
        **process,
    }
    return [row | {"fleet": fleet} for fleet in sorted(wanted.fleets)]


def _holder_of(row: Any) -> LeaseHolder:
    return LeaseHolder(
        tenant_id=row["tenant_id"],
        fleets=frozenset({row["fleet"]}),
        command=row["command"],
        flow_run_id=row["flow_run_id"],
        lease_id=row["lease_id"],
        holder=row["holder"],
        process=ProcessId(row["host"], row["machine"], row["pid"], row["process_started"]),
        held_since=row["held_since"],
    )
