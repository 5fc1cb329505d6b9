"""The previous schemas of jobs, and the mappings that were last applied."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.sql.schema import Table

from flows.store.database import Database
from flows.store.provisioning_events import fold_text
from flows.store.tables import APPLIED_MAPPINGS, CHANGE, JOB_SCHEMA, RUN

_ROWS_AT_ONCE = 200


@dataclass(frozen=True)
class JobPlace:
    """A job in a tenant; ids of service principals are compared ignoring case."""

    tenant_id: str
    service_principal_id: str
    job_id: str

    @property
    def ids(self) -> tuple[str, str]:
        """The service principal's id in lower case, and the job id."""
        return fold_text(self.service_principal_id) or "", self.job_id  # job ids are opaque, and keep their case

    @property
    def columns(self) -> dict[str, str | None]:
        """Its columns in a row."""
        return {
            "tenant_id": self.tenant_id,
            "service_principal_id": fold_text(self.service_principal_id),
            "job_id": self.job_id,
        }

    def rows(self, table: Table) -> list[ColumnElement[bool]]:
        """The conditions on its rows in a table."""
        return [table.c[name] == value for name, value in self.columns.items()]


@dataclass(frozen=True, kw_only=True)
class SchemaVersion:
    """A schema of a job that a run replaced."""

    id: int
    key: str
    job_id: str
    sha256: str
    reason: str
    run_id: str
    kept_at: datetime
    ticket: str | None = None
    actor_object_id: str | None = None
    actor_app_id: str | None = None
    done_at: datetime | None = None
    """When the run had replaced it; None if it was killed before it said so."""


_SHOWN = [JOB_SCHEMA.c[name] for name in ("id", "key", "job_id", "sha256", "reason", "run_id", "kept_at")]
_BY_WHOM = [RUN.c.ticket, RUN.c.actor_object_id, RUN.c.actor_app_id, CHANGE.c.recorded_at.label("done_at")]


class JobSchemas:
    """The versions of jobs' schemas, and the mappings last applied to each job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(
        self, place: JobPlace, schema: Mapping[str, Any], *, fleet: str, key: str, reason: str, run_id: str
    ) -> None:
        """Store the schema of a job before it is replaced, unless it is already the newest version.

        Args:
            place: The job.
            schema: Its schema as Graph has it.
            fleet: Name of the fleet.
            key: Key of the instance.
            reason: What is about to replace it.
            run_id: The run that does.
        """
        content = json.dumps(schema, separators=(",", ":"))
        sha256 = hashlib.sha256(content.encode()).hexdigest()
        newest = select(JOB_SCHEMA.c.sha256).where(*place.rows(JOB_SCHEMA)).order_by(JOB_SCHEMA.c.id.desc()).limit(1)
        with self._database.write() as connection:
            # A retried task stores the same schema again.
            if connection.scalar(newest) == sha256:
                return
            row = {"fleet": fleet, "key": key, "reason": reason, "run_id": run_id, "kept_at": datetime.now(UTC)}
            connection.execute(JOB_SCHEMA.insert().values(**place.columns, **row, sha256=sha256, content=content))

    def history(self, place: JobPlace) -> list[SchemaVersion]:
        """Return the versions of a job, the newest first, with who replaced them."""
        statement = (
            select(*_SHOWN, *_BY_WHOM)
            .outerjoin(RUN, RUN.c.id == JOB_SCHEMA.c.run_id)
            .outerjoin(CHANGE, and_(CHANGE.c.run_id == JOB_SCHEMA.c.run_id, CHANGE.c.key == JOB_SCHEMA.c.key))
            .where(*place.rows(JOB_SCHEMA))
            .order_by(JOB_SCHEMA.c.id.desc())
        )
        with self._database.read() as connection:
            return [SchemaVersion(**row) for row in connection.execute(statement).mappings()]

    def content(self, place: JobPlace, version: int) -> dict[str, Any] | None:
        """Return the schema of a version; None if the job has no such version."""
        statement = select(JOB_SCHEMA.c.content).where(*place.rows(JOB_SCHEMA), JOB_SCHEMA.c.id == version)
        with self._database.read() as connection:
            found = connection.scalar(statement)
        return None if found is None else dict(json.loads(found))

    def applied(self, tenant_id: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the mappings last applied, by service principal id (lower case) and job id."""
        table = APPLIED_MAPPINGS.c
        statement = select(table.service_principal_id, table.job_id, table.content)
        with self._database.read() as connection:
            rows = connection.execute(statement.where(table.tenant_id == tenant_id))
            return {(row.service_principal_id, row.job_id): json.loads(row.content) for row in rows}

    def applied_to(self, place: JobPlace) -> dict[str, Any] | None:
        """Return the mappings last applied to a job; None if unknown."""
        statement = select(APPLIED_MAPPINGS.c.content).where(*place.rows(APPLIED_MAPPINGS))
        with self._database.read() as connection:
            found = connection.scalar(statement)
        return None if found is None else dict(json.loads(found))

    def note_applied(self, jobs: Iterable[tuple[JobPlace, Mapping[str, Any]]]) -> None:
        """Record that jobs match their mappings."""
        moment = datetime.now(UTC)
        rows = [
            {**place.columns, "content": json.dumps(mappings, separators=(",", ":")), "applied_at": moment}
            for place, mappings in jobs
        ]
        # Databases limit the parameters of a statement.
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            insert = self._database.insert(APPLIED_MAPPINGS).values(rows[start : start + _ROWS_AT_ONCE])
            statement = insert.on_conflict_do_update(
                index_elements=list(APPLIED_MAPPINGS.primary_key),
                set_={name: insert.excluded[name] for name in ("content", "applied_at")},
            )
            with self._database.write() as connection:
                connection.execute(statement)

    def forget_applied(self, tenant_id: str, service_principal_id: str) -> None:
        """Delete the last applied mappings of a deleted application's jobs; the versions of their schemas are kept."""
        table = APPLIED_MAPPINGS.c
        statement = delete(APPLIED_MAPPINGS).where(
            table.tenant_id == tenant_id, table.service_principal_id == fold_text(service_principal_id)
        )
        with self._database.write() as connection:
            connection.execute(statement)
