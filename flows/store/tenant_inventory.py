"""What a look at the whole tenant has found: its service principals, their jobs, and how far the look has come.

Every page and every part of a look is one transaction, so that an interrupted look continues where it stopped, with the
same rows in the end.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select, update

from flows.store.database import Database
from flows.store.tables import PROVISIONING_EVENT, TENANT_JOB, TENANT_LOOK, TENANT_PRINCIPAL

APPLICATION = "Application"
"""The one type of service principal that has synchronization jobs."""

_IDS_AT_ONCE = 500
"""SQLite takes so many values in one statement, and more."""

_LOG_LAG = timedelta(days=1)
"""How late an event may have come into the log, and from there into the store."""

_LOOK, _PRINCIPAL, _JOB, _EVENT = TENANT_LOOK.c, TENANT_PRINCIPAL.c, TENANT_JOB.c, PROVISIONING_EVENT.c


@dataclass(frozen=True, kw_only=True)
class Look:
    """How far a tenant has been looked through; the fields are the columns of table `tenant_look`."""

    tenant_id: str
    looked_at: datetime | None = None
    full_at: datetime | None = None
    delta_link: str | None = None
    began_at: datetime | None = None
    kind: Literal["full", "changes"] | None = None
    next_link: str | None = None
    new_delta_link: str | None = None


@dataclass(frozen=True, kw_only=True)
class TenantPrincipal:
    """A service principal; the fields are the columns of table `tenant_principal`."""

    tenant_id: str
    service_principal_id: str
    app_id: str | None = None
    display_name: str | None = None
    application_template_id: str | None = None
    type: str | None = None
    fleet: str | None = None
    key: str | None = None
    first_seen_at: datetime
    seen_at: datetime
    looked_at: datetime | None = None
    connection: Mapping[str, Any] | None = None
    connection_at: datetime | None = None
    sign_on_mode: str | None = None
    certificates: Mapping[str, Any] | None = None
    certificates_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    gone_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class TenantJob:
    """A job; the fields are the columns of table `tenant_job`."""

    tenant_id: str
    service_principal_id: str
    job_id: str
    synchronization_template_id: str | None = None
    state: str
    schedule: str | None = None
    reason: str | None = None
    held_by: str | None = None
    since: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    last_execution_at: datetime | None = None
    last_success_at: datetime | None = None
    steady_at: datetime | None = None
    stalled_since: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    first_seen_at: datetime
    seen_at: datetime
    state_at: datetime
    changed_at: datetime
    gone_at: datetime | None = None

    def following(self, before: "TenantJob | None") -> "TenantJob":
        """Return the row with the times that what was known of the job before gives it."""
        if before is None:
            return self
        moved = replace(self, first_seen_at=before.first_seen_at)
        if before.gone_at is None and self.state == before.state:
            moved = replace(moved, state_at=before.state_at)
        same = before.gone_at is None and all(getattr(self, name) == getattr(before, name) for name in _ACTED_ON)
        return replace(moved, changed_at=before.changed_at) if same else moved


_ACTED_ON = ("synchronization_template_id", "state", "schedule", "reason", "held_by", "since", "error_code")
"""Execution times and counts change with every cycle, and need no attention."""
_SHOWN = ("app_id", "display_name", "application_template_id", "fleet", "key")
_LISTED = (*_SHOWN, "type", "sign_on_mode", "seen_at", "gone_at")


@dataclass(frozen=True)
class JobsRead:
    """What reading the jobs of one service principal came to."""

    service_principal_id: str
    jobs: tuple[TenantJob, ...] | None
    """All of them; None where Graph did not return them."""
    error_code: str | None = None
    error_message: str | None = None


class TenantInventory:
    """The service principals and jobs of whole tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(self, tenant_id: str) -> Look:
        """Return how far a tenant has been looked through."""
        with self._database.read() as connection:
            row = connection.execute(select(TENANT_LOOK).where(_LOOK.tenant_id == tenant_id)).mappings().first()
        return Look(**row) if row else Look(tenant_id=tenant_id)

    def save_page(
        self, look: Look, listed: Sequence[TenantPrincipal], removed: Collection[str] = (), *, changed: bool = False
    ) -> None:
        """Store a page of service principals and where the look continues, in one transaction.

        Args:
            look: How far it has come with this page.
            listed: Who was on it.
            removed: Ids of those who are gone.
            changed: Whether Graph says that these have changed, so that their jobs are to be read again.
        """
        with self._database.write(lock="inventory") as connection:
            before = _by_id(connection, look.tenant_id, [each.service_principal_id for each in listed])
            rows = [_listed(each, before.get(each.service_principal_id), changed=changed) for each in listed]
            self._upsert(connection, TENANT_PRINCIPAL, [asdict(row) for row in rows])
            renamed = [row for row in rows if _shows_otherwise(row, before.get(row.service_principal_id))]
            for row in renamed:
                of_one = and_(_of_principal(look.tenant_id, [row.service_principal_id]), _JOB.gone_at.is_(None))
                connection.execute(update(TENANT_JOB).where(of_one).values(changed_at=row.seen_at))
            if removed and look.began_at:
                _remove(connection, look.tenant_id, [each.lower() for each in removed], look.began_at)
            self._upsert(connection, TENANT_LOOK, [asdict(look)])

    def save_jobs(self, tenant_id: str, read: Iterable[JobsRead], at: datetime) -> None:
        """Keep the jobs of some service principals; those that are no longer listed are gone.

        Args:
            tenant_id: The tenant.
            read: What reading them came to; where that is an error, what was known stays.
            at: When the look began.
        """
        results = list(read)
        ids = [each.service_principal_id for each in results]
        with self._database.write(lock="inventory") as connection:
            known = {(row.service_principal_id, row.job_id): row for row in _jobs(connection, tenant_id, ids)}
            rows = [
                job.following(known.get((job.service_principal_id, job.job_id)))
                for each in results
                for job in each.jobs or ()
            ]
            self._upsert(connection, TENANT_JOB, [asdict(row) for row in rows])
            found = {(row.service_principal_id, row.job_id) for row in rows}
            # Where Graph did not return them, none is known to be gone.
            answered = {each.service_principal_id for each in results if each.jobs is not None}
            for (principal_id, job_id), row in known.items():
                if principal_id in answered and (principal_id, job_id) not in found and row.gone_at is None:
                    one = and_(_of_principal(tenant_id, [principal_id]), _JOB.job_id == job_id)
                    connection.execute(update(TENANT_JOB).where(one).values(gone_at=at, changed_at=at))
            for each in results:
                one = _principal(tenant_id, each.service_principal_id)
                values = {"looked_at": at, "error_code": each.error_code, "error_message": each.error_message}
                connection.execute(update(TENANT_PRINCIPAL).where(one).values(values))

    def save_connections(self, tenant_id: str, read: Mapping[str, Mapping[str, Any] | None], at: datetime) -> None:
        """Store what the settings of service principals say besides secrets; None where Graph did not return them."""
        with self._database.write(lock="inventory") as connection:
            before = _by_id(connection, tenant_id, list(read))
            for principal_id, found in read.items():
                one = _principal(tenant_id, principal_id)
                values: dict[str, Any] = {"connection_at": at}
                known = before.get(principal_id)
                if found is not None and (known is None or known.connection != found):
                    values["connection"] = dict(found)
                    # The first time it is read is no change.
                    if known is not None and known.connection is not None:
                        of_one = and_(_of_principal(tenant_id, [principal_id]), _JOB.gone_at.is_(None))
                        connection.execute(update(TENANT_JOB).where(of_one).values(changed_at=at))
                connection.execute(update(TENANT_PRINCIPAL).where(one).values(values))

    def save_certificates(self, tenant_id: str, read: Mapping[str, Mapping[str, Any]], at: datetime) -> None:
        """Keep what signs for service principals, and what is staged."""
        with self._database.write(lock="inventory") as connection:
            for principal_id, found in read.items():
                values = {"certificates": dict(found), "certificates_at": at}
                connection.execute(update(TENANT_PRINCIPAL).where(_principal(tenant_id, principal_id)).values(values))

    def finish(self, look: Look) -> None:
        """Record that the current check is complete; after a full one, what it did not list is gone."""
        if look.began_at is None:
            return
        done = replace(
            look,
            looked_at=look.began_at,
            full_at=look.began_at if look.kind == "full" else look.full_at,
            # Changes are followed from the beginning of this look, not from its end.
            delta_link=look.new_delta_link or look.delta_link,
            began_at=None,
            kind=None,
            next_link=None,
            new_delta_link=None,
        )
        with self._database.write(lock="inventory") as connection:
            if look.kind == "full":
                unlisted = select(_PRINCIPAL.service_principal_id).where(
                    _PRINCIPAL.tenant_id == look.tenant_id,
                    _PRINCIPAL.gone_at.is_(None),
                    _PRINCIPAL.seen_at < look.began_at,  # a full look lists all that exist
                )
                _remove(connection, look.tenant_id, list(connection.scalars(unlisted)), look.began_at)
            self._upsert(connection, TENANT_LOOK, [asdict(done)])

    def principals(self, tenant_id: str, *conditions: ColumnElement[bool]) -> list[TenantPrincipal]:
        """Return the service principals of a tenant that are there, by id."""
        chosen = select(TENANT_PRINCIPAL).where(
            _PRINCIPAL.tenant_id == tenant_id, _PRINCIPAL.gone_at.is_(None), *conditions
        )
        with self._database.read() as connection:
            rows = connection.execute(chosen.order_by(_PRINCIPAL.service_principal_id)).mappings()
            return [TenantPrincipal(**row) for row in rows]

    def with_jobs(self, tenant_id: str) -> set[str]:
        """Return the ids of the service principals with jobs that are not gone."""
        chosen = select(_JOB.service_principal_id).where(_JOB.tenant_id == tenant_id, _JOB.gone_at.is_(None))
        with self._database.read() as connection:
            return set(connection.scalars(chosen.distinct()))

    def to_read(self, look: Look, newer_than: datetime) -> list[TenantPrincipal]:
        """Return the service principals whose jobs the look under way has still to read, likely ones first.

        A full look reads all applications. One at what has changed reads those with jobs, those that changed, those
        that could not be read, those that are new, since a job is often made some time after its application, and
        those of which the provisioning log names a job that is not known.
        """
        if look.began_at is None:
            return []
        due = or_(_PRINCIPAL.looked_at.is_(None), _PRINCIPAL.looked_at < look.began_at)
        mine = or_(_PRINCIPAL.type.is_(None), _PRINCIPAL.type == APPLICATION)  # managed identities cannot have jobs
        with_jobs = self.with_jobs(look.tenant_id)
        found = self.principals(look.tenant_id, due, mine)
        if look.kind != "full":
            wanted = with_jobs | self._in_log(look.tenant_id, (look.looked_at or look.began_at) - _LOG_LAG)
            found = [
                each
                for each in found
                if each.service_principal_id in wanted
                or each.looked_at is None
                or each.error_code is not None
                or (each.first_seen_at >= newer_than and each.first_seen_at > (look.full_at or newer_than))
            ]
        # Where many have jobs, the first batch shows whether Graph accepts such reads.
        return sorted(
            found, key=lambda each: (each.service_principal_id not in with_jobs, not each.application_template_id)
        )

    def unread_connections(self, look: Look) -> list[TenantPrincipal]:
        """Return the service principals with jobs whose secrets the look under way has still to ask for."""
        due = or_(_PRINCIPAL.connection_at.is_(None), _PRINCIPAL.connection_at < look.began_at)
        with_jobs = self.with_jobs(look.tenant_id)
        return [each for each in self.principals(look.tenant_id, due) if each.service_principal_id in with_jobs]

    def unread_certificates(self, look: Look, mode: str) -> list[TenantPrincipal]:
        """Return the service principals of a sign-on mode whose certificates the look under way has still to read.

        A full look, once a day, reads them all; one at what has changed reads those that are new or changed.
        """
        due: ColumnElement[bool] = _PRINCIPAL.certificates_at.is_(None)
        if look.kind == "full":
            due = or_(due, _PRINCIPAL.certificates_at < look.began_at)
        return self.principals(look.tenant_id, due, _PRINCIPAL.sign_on_mode == mode)

    def jobs(self, tenant_id: str, *, changed_since: datetime | None = None) -> list[TenantJob]:
        """Return the jobs of a tenant, by service principal and id.

        Args:
            tenant_id: The tenant.
            changed_since: Only what has changed since, and then also jobs that are gone.
        """
        chosen = select(TENANT_JOB).where(_JOB.tenant_id == tenant_id)
        chosen = chosen.where(_JOB.gone_at.is_(None) if changed_since is None else _JOB.changed_at >= changed_since)
        with self._database.read() as connection:
            rows = connection.execute(chosen.order_by(_JOB.service_principal_id, _JOB.job_id)).mappings()
            return [TenantJob(**row) for row in rows]

    def known_principals(self, tenant_id: str, ids: Collection[str]) -> list[TenantPrincipal]:
        """Return what was known of service principals, also of those that are gone."""
        with self._database.read() as connection:
            return list(_by_id(connection, tenant_id, list(ids)).values())

    def _in_log(self, tenant_id: str, since: datetime) -> set[str]:
        """The service principals that events since a moment name with a job that no look has seen."""
        known = select(_JOB.job_id).where(
            _JOB.tenant_id == tenant_id,
            _JOB.service_principal_id == _EVENT.service_principal_id,
            _JOB.job_id == _EVENT.job_id,
        )
        chosen = select(_EVENT.service_principal_id).where(
            _EVENT.tenant_id == tenant_id,
            _EVENT.activity_at >= since,
            _EVENT.job_id.is_not(None),
            ~known.exists(),
        )
        with self._database.read() as connection:
            return set(filter(None, connection.scalars(chosen.distinct())))

    def _upsert(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        insert = self._database.insert(table)
        latest = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
        keys = [column.name for column in table.primary_key]
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=latest), rows)


def _listed(now: TenantPrincipal, before: TenantPrincipal | None, *, changed: bool) -> TenantPrincipal:
    """The row of one that was listed: what was known of it and what the list says."""
    if before is None:
        return now
    # A list knows nothing of the jobs and credentials that were read earlier.
    row = replace(before, **{name: getattr(now, name) for name in _LISTED})
    # Its jobs and certificates may be others than before it was deleted or changed.
    return replace(row, looked_at=None, certificates_at=None) if changed or before.gone_at is not None else row


def _shows_otherwise(now: TenantPrincipal, before: TenantPrincipal | None) -> bool:
    return before is not None and any(getattr(now, name) != getattr(before, name) for name in _SHOWN)


def _principal(tenant_id: str, service_principal_id: str) -> ColumnElement[bool]:
    return and_(_PRINCIPAL.tenant_id == tenant_id, _PRINCIPAL.service_principal_id == service_principal_id)


def _of_principal(tenant_id: str, ids: Collection[str]) -> ColumnElement[bool]:
    return and_(_JOB.tenant_id == tenant_id, _JOB.service_principal_id.in_(ids))


def _by_id(connection: Connection, tenant_id: str, ids: Sequence[str]) -> dict[str, TenantPrincipal]:
    found: dict[str, TenantPrincipal] = {}
    for start in range(0, len(ids), _IDS_AT_ONCE):
        part = ids[start : start + _IDS_AT_ONCE]
        chosen = select(TENANT_PRINCIPAL).where(
            _PRINCIPAL.tenant_id == tenant_id, _PRINCIPAL.service_principal_id.in_(part)
        )
        found |= {row["service_principal_id"]: TenantPrincipal(**row) for row in connection.execute(chosen).mappings()}
    return found


def _jobs(connection: Connection, tenant_id: str, ids: Sequence[str]) -> list[TenantJob]:
    found: list[TenantJob] = []
    for start in range(0, len(ids), _IDS_AT_ONCE):
        chosen = select(TENANT_JOB).where(_of_principal(tenant_id, ids[start : start + _IDS_AT_ONCE]))
        found += [TenantJob(**row) for row in connection.execute(chosen).mappings()]
    return found


def _remove(connection: Connection, tenant_id: str, ids: Sequence[str], at: datetime) -> None:
    """Note that service principals are gone, and their jobs with them."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        part = ids[start : start + _IDS_AT_ONCE]
        principals = and_(
            _PRINCIPAL.tenant_id == tenant_id, _PRINCIPAL.service_principal_id.in_(part), _PRINCIPAL.gone_at.is_(None)
        )
        jobs = and_(_of_principal(tenant_id, part), _JOB.gone_at.is_(None))
        connection.execute(update(TENANT_JOB).where(jobs).values(gone_at=at, changed_at=at))
        connection.execute(
            update(TENANT_PRINCIPAL).where(principals).values(gone_at=at, error_code=None, error_message=None)
        )


__all__ = ["APPLICATION", "JobsRead", "Look", "TenantInventory", "TenantJob", "TenantPrincipal"]
