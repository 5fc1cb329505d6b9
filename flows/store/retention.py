"""Deletes rows older than a retention period, in bounded parts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Delete, Table, Text, and_, cast, delete, exists, func, or_, select, tuple_

from flows.store.database import Database
from flows.store.job_history import REMOVED
from flows.store.provisioning_events import tenant_ids
from flows.store.tables import (
    CHANGE,
    DIRECTORY_AUDIT,
    DRIFT_LOOK,
    IDENTITY,
    JOB_EPISODE,
    JOB_HISTORY,
    JOB_SCHEMA,
    ON_DEMAND_RESULT,
    PROVISIONING_EVENT,
    ROLLOUT,
    ROLLOUT_WAVE,
    RUN,
    TENANT_JOB,
    TENANT_PRINCIPAL,
)

_ROWS_AT_ONCE = 2000
"""Rows deleted in one transaction: other writers wait no longer than that takes."""


class Kind(StrEnum):
    """What can be pruned; not watermarks, gaps and fingerprints, which describe the present."""

    EVENTS = "events"
    JOBS = "jobs"
    JOURNAL = "journal"
    AUDITS = "audits"


@dataclass(frozen=True)
class _Part:
    """The rows of a table to delete."""

    table: Table
    old: ColumnElement[bool]

    @property
    def batch(self) -> Delete:
        """The statement that deletes the next part."""
        keys = list(self.table.primary_key)
        chosen = select(*keys).where(self.old).limit(_ROWS_AT_ONCE).correlate(None)
        return delete(self.table).where(tuple_(*keys).in_(chosen))


class Retention:
    """The rows from before a moment, to count or delete.

    Args:
        database: The store's.
        before: The first moment to keep.
    """

    def __init__(self, database: Database, before: datetime) -> None:
        self._database = database
        self._before = before

    def count(self, kind: Kind) -> int:
        """Return the number of rows to delete: events and results, observations and episodes, or changes."""
        parts = self._parts(kind)
        with self._database.read() as connection:
            counts = (select(func.count()).select_from(part.table).where(part.old) for part in parts)
            return sum(connection.scalar(statement) or 0 for statement in counts)

    def prune(self, kind: Kind) -> Iterator[int]:
        """Delete the rows of a kind, and yield the number deleted so far after each transaction.

        It may be stopped at any time, and run beside anything else.
        """
        deleted = 0
        for part in self._parts(kind):
            while gone := self._delete(part):
                deleted += gone
                yield deleted  # between transactions, so that a prune can be interrupted
        if kind is Kind.EVENTS:
            while self._delete(_Part(IDENTITY, _without_events())):
                pass
        if kind is Kind.JOURNAL:
            while self._delete(_Part(RUN, and_(RUN.c.started_at < self._before, _without_changes()))):
                pass
            over = and_(ROLLOUT.c.changed_at < self._before, ROLLOUT.c.state.in_(("finished", "superseded")))
            old = ROLLOUT_WAVE.c.rollout_id.in_(select(ROLLOUT.c.id).where(over))
            # The waves first: they are found by their rollout.
            for part in (_Part(ROLLOUT_WAVE, old), _Part(ROLLOUT, over)):
                while self._delete(part):
                    pass

    def _delete(self, part: _Part) -> int:
        with self._database.write() as connection:
            return connection.execute(part.batch).rowcount

    def _parts(self, kind: Kind) -> list[_Part]:
        before = self._before
        if kind is Kind.JOBS:
            episode = JOB_EPISODE.c
            # It must stay known whether a job has had its initial cycle, however long ago.
            over = and_(episode.ended_at < before, episode.kind != "initial-cycle")
            # An unmanaged job that was deleted has no present that a sweep could compare with.
            past = or_(_superseded(), JOB_HISTORY.c.state == REMOVED)
            return [
                _Part(JOB_EPISODE, _of_a_removed_job(before)),
                _Part(JOB_HISTORY, and_(JOB_HISTORY.c.observed_at < before, past)),
                _Part(JOB_EPISODE, over),
                _Part(DRIFT_LOOK, DRIFT_LOOK.c.looked_at < before),
                _Part(TENANT_JOB, TENANT_JOB.c.gone_at < before),
                _Part(TENANT_PRINCIPAL, TENANT_PRINCIPAL.c.gone_at < before),
            ]
        if kind is Kind.JOURNAL:
            changes = _Part(CHANGE, and_(CHANGE.c.recorded_at < before, ~_last_word_on_a_job()))
            return [changes, _Part(JOB_SCHEMA, and_(JOB_SCHEMA.c.kept_at < before, _has_a_later_version()))]
        if kind is Kind.AUDITS:
            audit = DIRECTORY_AUDIT.c
            undated = and_(audit.activity_at.is_(None), audit.harvested_at < before)
            return [_Part(DIRECTORY_AUDIT, or_(audit.activity_at < before, undated))]
        event = PROVISIONING_EVENT.c
        old = (event.activity_at < before, and_(event.activity_at.is_(None), event.harvested_at < before))
        # By tenant, like the index of the moments.
        events = [
            _Part(PROVISIONING_EVENT, and_(event.tenant_id == tenant, each))
            for tenant in tenant_ids(self._database)
            for each in old
        ]
        return [*events, _Part(ON_DEMAND_RESULT, ON_DEMAND_RESULT.c.tried_at < before)]


def _of_a_removed_job(before: datetime) -> ColumnElement[bool]:
    # While its last row is there: nothing else shows that the job is gone for good.
    job, episode = JOB_HISTORY.c, JOB_EPISODE.c
    removed = and_(job.state == REMOVED, job.observed_at < before, ~_superseded())
    place = tuple_(episode.tenant_id, episode.service_principal_id, episode.job_id)
    return and_(
        episode.ended_at < before,
        place.in_(select(job.tenant_id, job.service_principal_id, job.job_id).where(removed)),
    )


def _superseded() -> ColumnElement[bool]:
    # The current state of a job may be old; without it, the next sweep would report it as a change.
    job, later = JOB_HISTORY.c, JOB_HISTORY.alias().c
    same = (later.tenant_id == job.tenant_id, later.fleet == job.fleet, later.key == job.key)
    return exists().where(*same, later.id > job.id)


def _has_a_later_version() -> ColumnElement[bool]:
    # The last version can be restored, however old it is.
    kept, later = JOB_SCHEMA.c, JOB_SCHEMA.alias().c
    same = (later.tenant_id == kept.tenant_id, later.service_principal_id == kept.service_principal_id)
    return exists().where(*same, later.job_id == kept.job_id, later.id > kept.id)


def _last_word_on_a_job() -> ColumnElement[bool]:
    # We may start a job again that we paused; without the row it would count as paused by someone else.
    change, later = CHANGE.c, CHANGE.alias().c
    newer = and_(
        later.service_principal_id == change.service_principal_id,
        later.job_id == change.job_id,
        later.recorded_at > change.recorded_at,
        # A failed instance may not have reached its job.
        later.outcome != "failed",
        _tells_of_state(later.fields),
    )
    return and_(change.job_id.is_not(None), _tells_of_state(change.fields), ~exists().where(newer))


def _tells_of_state(fields: ColumnElement[Any]) -> ColumnElement[bool]:
    return cast(fields, Text).contains('"job_state"', autoescape=True)


def _without_events() -> ColumnElement[bool]:
    logged = exists().where(PROVISIONING_EVENT.c.source_id == IDENTITY.c.id)
    return ~(logged | exists().where(ON_DEMAND_RESULT.c.source_id == IDENTITY.c.id))


def _without_changes() -> ColumnElement[bool]:
    return ~exists().where(CHANGE.c.run_id == RUN.c.id)
