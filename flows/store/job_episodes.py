"""The episodes of the jobs, written in the transaction of the observation that began or ended them."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, insert, select, update

from flows.store.database import Database
from flows.store.job_episode import BEGINNINGS, JobEpisode, Word, episodes_after
from flows.store.tables import JOB_EPISODE

if TYPE_CHECKING:
    from flows.store.job_history import JobObservation

_EPISODE = JOB_EPISODE.c


class JobEpisodes:
    """Quarantines, stalls and initial cycles, and which of them Prefect was told."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_fleet(self, tenant_id: str, fleet: str, since: datetime | None = None) -> list[JobEpisode]:
        """Return the episodes of a fleet that lasted at a moment or later, the oldest first."""
        lasted = [] if since is None else [_EPISODE.ended_at.is_(None) | (_EPISODE.ended_at >= since)]
        with self._database.read() as connection:
            return _episodes(connection, tenant_id, fleet, *lasted)

    def untold(self, tenant_id: str, fleet: str) -> list[JobEpisode]:
        """Return the episodes with something that was not told yet, the oldest first."""
        begun = _EPISODE.kind.in_(BEGINNINGS) & _EPISODE.begin_told_at.is_(None)
        ended = _EPISODE.ended_at.is_not(None) & _EPISODE.end_told_at.is_(None)
        with self._database.read() as connection:
            return _episodes(connection, tenant_id, fleet, begun | ended)

    def told(self, news: Iterable[tuple[JobEpisode, Word]], at: datetime) -> None:
        """Write down that something was told, so that it is not told again."""
        with self._database.write() as connection:
            for episode, word in news:
                column = "begin_told_at" if BEGINNINGS.get(episode.kind) == word else "end_told_at"
                connection.execute(update(JOB_EPISODE).where(_EPISODE.id == episode.id).values({column: at}))


def record_episodes(
    connection: Connection, tenant_id: str, fleet: str, observations: Iterable["JobObservation"]
) -> None:
    """Write the episodes that a sweep of a fleet begins and ends."""
    known: dict[str, list[JobEpisode]] = {}
    for episode in _episodes(
        connection, tenant_id, fleet, _EPISODE.ended_at.is_(None) | (_EPISODE.kind == "initial-cycle")
    ):
        known.setdefault(episode.key, []).append(episode)
    for now in observations:
        for episode in episodes_after(known.get(now.key, ()), now):
            if episode.id is None:
                columns = {name: value for name, value in asdict(episode).items() if name != "id"}
                connection.execute(insert(JOB_EPISODE).values(columns))
            else:
                changed = {"ended_at": episode.ended_at, "end_told_at": episode.end_told_at}
                connection.execute(update(JOB_EPISODE).where(_EPISODE.id == episode.id).values(changed))


def _episodes(connection: Connection, tenant_id: str, fleet: str, *conditions: ColumnElement[bool]) -> list[JobEpisode]:
    statement = select(JOB_EPISODE).where(_EPISODE.tenant_id == tenant_id, _EPISODE.fleet == fleet, *conditions)
    return [JobEpisode(**row) for row in connection.execute(statement.order_by(_EPISODE.id)).mappings()]
