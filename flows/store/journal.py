"""The journal: who applied what, when, under which plan, and with which outcome."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Text, select, update

from flows.store.database import Database
from flows.store.errors import StoreError
from flows.store.tables import CHANGE, RUN

_ROWS_AT_ONCE = 500

_JOB_STATE = "job_state"
_JOB_STEPS = {"start-job", "pause-job"}  # a failure in one of these leaves the job's state unknown


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a command that writes; the fields are the columns of table `run`."""

    tenant_id: str
    fleet: str
    command: str
    started_at: datetime
    id: str = field(default_factory=lambda: str(uuid4()))
    finished_at: datetime | None = None
    outcome: str | None = None
    counts: Mapping[str, int] | None = None
    plan_digest: str | None = None
    file_sha256: str | None = None
    ticket: str | None = None
    commit: str | None = None
    flow_run_id: str | None = None
    actor_object_id: str | None = None
    actor_app_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class FieldChange:
    """A field before and after; for a credential only its name is stored."""

    field: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, kw_only=True)
class ChangeError:
    """Why an instance failed, as in the command's JSON."""

    step: str
    message: str
    code: str | None = None
    hint: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """The changes of a run to one instance."""

    key: str
    action: str
    outcome: str
    recorded_at: datetime
    fields: tuple[FieldChange, ...] = ()
    application_id: str | None = None
    service_principal_id: str | None = None
    job_id: str | None = None
    error: ChangeError | None = None


@dataclass(frozen=True)
class Recorded:
    """When an instance was last recorded, and the code of its failure, if any."""

    at: datetime
    error_code: str | None


@dataclass(frozen=True)
class OwnWrite:
    """A time in which a run of ours may have written to an application."""

    service_principal_id: str
    started_at: datetime
    ended_at: datetime
    actor_object_id: str | None = None

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Return whether it may have written between two moments."""
        return self.started_at <= end and start <= self.ended_at


class Journal:
    """The journal of runs and changes; append-only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, run: Run) -> str:
        """Record that a run began, and return its id; a repetition for the same id changes nothing."""
        # A flow run that Prefect retries begins its entry again.
        statement = self._database.insert(RUN).on_conflict_do_nothing(index_elements=[RUN.c.id])
        with self._database.write() as connection:
            connection.execute(statement, asdict(run))
        return run.id

    def record(self, run_id: str, change: Change) -> None:
        """Record the outcome of one instance; a retry within the run replaces it."""
        insert = self._database.insert(CHANGE).values(run_id=run_id, **_columns_of(change))
        later = {column.name: insert.excluded[column.name] for column in CHANGE.c if not column.primary_key}
        statement = insert.on_conflict_do_update(index_elements=[CHANGE.c.run_id, CHANGE.c.key], set_=later)
        with self._database.write() as connection:
            connection.execute(statement)

    def finish(self, run_id: str, outcome: str, counts: Mapping[str, int], finished_at: datetime) -> None:
        """Record the end of a run.

        Raises:
            StoreError: No run of this id was begun.
        """
        statement = update(RUN).where(RUN.c.id == run_id)
        ended = {"outcome": outcome, "counts": dict(counts), "finished_at": finished_at}
        with self._database.write() as connection:
            if connection.execute(statement.values(**ended)).rowcount == 0:
                # Cause: A defect, or the journal was pruned during the run.
                raise StoreError(f"{self._database.address}: no run {run_id} was begun.")

    def runs(self, fleet: str | None = None, since: datetime | None = None, limit: int = 100) -> list[Run]:
        """Return the runs that began at `since` or later, the newest first."""
        statement = select(RUN).order_by(RUN.c.started_at.desc(), RUN.c.id).limit(limit)
        if fleet is not None:
            statement = statement.where(RUN.c.fleet == fleet)
        if since is not None:
            statement = statement.where(RUN.c.started_at >= since)
        with self._database.read() as connection:
            return [Run(**row) for row in connection.execute(statement).mappings()]

    def has(self, run_id: str) -> bool:
        """Return whether a run with this id was recorded."""
        with self._database.read() as connection:
            return connection.execute(select(RUN.c.id).where(RUN.c.id == run_id)).first() is not None

    def recorded(self, run_id: str) -> dict[str, Recorded]:
        """Return a summary of the recorded instances of a run, by key."""
        statement = select(CHANGE.c.key, CHANGE.c.recorded_at, CHANGE.c.error_code).where(CHANGE.c.run_id == run_id)
        with self._database.read() as connection:
            return {key: Recorded(at, code) for key, at, code in connection.execute(statement)}

    def changes(self, run_id: str) -> list[Change]:
        """Return the changes of a run, by key."""
        statement = select(CHANGE).where(CHANGE.c.run_id == run_id).order_by(CHANGE.c.key)
        with self._database.read() as connection:
            return [_change_of(row) for row in connection.execute(statement).mappings()]

    def records(self, fleet: str | None = None, since: datetime | None = None) -> Iterator[tuple[Run, Change]]:
        """Yield every change recorded at `since` or later with its run, the oldest first, however many there are."""
        statement = select(RUN, CHANGE).join(RUN).order_by(CHANGE.c.recorded_at, CHANGE.c.run_id, CHANGE.c.key)
        if fleet is not None:
            statement = statement.where(RUN.c.fleet == fleet)
        if since is not None:
            statement = statement.where(CHANGE.c.recorded_at >= since)
        statement = statement.execution_options(yield_per=_ROWS_AT_ONCE)  # an audit of years does not fit into memory
        with self._database.read() as connection, connection.execute(statement) as rows:
            for row in rows.mappings():
                # Both tables have an outcome: a row is asked by column, not by name.
                run = Run(**{column.name: row[column] for column in RUN.c})
                yield run, _change_of({column.name: row[column] for column in CHANGE.c})

    def writes(self, tenant_id: str | None = None) -> list[OwnWrite]:
        """Return when runs may have written to which application: from a run's start until its record of it."""
        columns = (CHANGE.c.service_principal_id, RUN.c.started_at, CHANGE.c.recorded_at, RUN.c.actor_object_id)
        changed = (CHANGE.c.service_principal_id.is_not(None), CHANGE.c.outcome != "unchanged")
        statement = select(*columns).select_from(CHANGE.join(RUN)).where(*changed).order_by(CHANGE.c.recorded_at)
        if tenant_id is not None:
            statement = statement.where(RUN.c.tenant_id == tenant_id)
        with self._database.read() as connection:
            return [OwnWrite(*row) for row in connection.execute(statement)]

    def activated_certificates(self, tenant_id: str, fleet: str) -> frozenset[str]:
        """Return the thumbprints of the signing certificates that runs of ours have activated, or handed over."""
        statement = (
            select(CHANGE.c.fields)
            .join(RUN)
            .where(RUN.c.tenant_id == tenant_id, RUN.c.fleet == fleet, CHANGE.c.outcome == "activated")
        )
        with self._database.read() as connection:
            return frozenset(field["after"] for fields in connection.scalars(statement) for field in fields)

    def paused_jobs(self, tenant_id: str) -> frozenset[str]:
        """Return the ids of the jobs whose last change by us was a successful pause."""
        statement = (
            select(CHANGE.c.job_id, CHANGE.c.fields, CHANGE.c.outcome, CHANGE.c.error_step)
            .join(RUN)
            .where(RUN.c.tenant_id == tenant_id, CHANGE.c.job_id.is_not(None))
            # As text: the two databases have different functions for JSON.
            .where(CHANGE.c.fields.cast(Text).contains(f'"{_JOB_STATE}"', autoescape=True))
            .order_by(CHANGE.c.recorded_at)
        )
        paused: set[str] = set()
        with self._database.read() as connection:
            for row in connection.execute(statement):
                failed = row.outcome == "failed"
                if failed and row.error_step not in _JOB_STEPS:
                    continue  # it did not come as far as the job
                wanted = next(each["after"] for each in row.fields if each["field"] == _JOB_STATE)
                if wanted == "paused" and not failed:
                    paused.add(row.job_id)
                else:
                    paused.discard(row.job_id)  # a failed step: the job may run again
        return frozenset(paused)


def _columns_of(change: Change) -> dict[str, Any]:
    error = asdict(change.error) if change.error else dict.fromkeys(ChangeError.__dataclass_fields__)
    return {
        "key": change.key,
        "action": change.action,
        "outcome": change.outcome,
        "recorded_at": change.recorded_at,
        "fields": [_shown(field) for field in change.fields],
        "application_id": change.application_id,
        "service_principal_id": change.service_principal_id,
        "job_id": change.job_id,
        **{f"error_{name}": value for name, value in error.items()},
    }


def _shown(change: FieldChange) -> dict[str, Any]:
    # References and fingerprints are not useful here, and a value must never be stored by mistake.
    if change.field.split(".")[0] == "credentials":
        return {"field": change.field, "before": None, "after": None}
    return asdict(change)


def _change_of(row: Mapping[Any, Any]) -> Change:
    columns = {name: value for name, value in row.items() if name != "run_id"}
    error = {name: columns.pop(f"error_{name}") for name in ChangeError.__dataclass_fields__}
    columns["fields"] = tuple(FieldChange(**field) for field in columns["fields"])
    return Change(**columns, error=ChangeError(**error) if error["step"] else None)
