"""The history of each job: its states, since when, and the episodes that they begin or end."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, insert, select, tuple_, update

from flows.store.database import Database
from flows.store.tables import JOB_EPISODE, JOB_HISTORY

Kind = Literal["initial-cycle", "quarantine", "stall"]
Word = Literal["quarantined", "stalled", "recovered", "steady"]

BEGINNINGS: dict[Kind, Word] = {"quarantine": "quarantined", "stall": "stalled"}
ENDS: dict[Kind, Word] = {"quarantine": "recovered", "stall": "recovered", "initial-cycle": "steady"}

REMOVED = "removed"
"""State of an unmanaged job that a look at the whole tenant no longer found."""


@dataclass(frozen=True, kw_only=True)
class JobObservation:
    """The state of a job when it was observed; the fields are the columns of table `job_history`."""

    tenant_id: str
    fleet: str
    key: str
    observed_at: datetime
    state: str
    service_principal_id: str | None = None
    job_id: str | None = None
    reason: str | None = None
    since: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    last_execution_at: datetime | None = None
    last_success_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    stalled_since: datetime | None = None

    def same_as(self, earlier: "JobObservation") -> bool:
        """Return whether only the time of observation differs."""
        return replace(self, observed_at=earlier.observed_at) == earlier


@dataclass(frozen=True, kw_only=True)
class JobEpisode:
    """An episode of one job; the fields are the columns of table `job_episode`."""

    tenant_id: str
    fleet: str
    key: str
    job_id: str
    kind: Kind
    began_at: datetime
    noticed_at: datetime
    ended_at: datetime | None = None
    reason: str | None = None
    error_code: str | None = None
    service_principal_id: str | None = None
    begin_told_at: datetime | None = None
    end_told_at: datetime | None = None
    id: int | None = None

    def untold(self) -> Iterator[Word]:
        """Yield the events of the episode that have not been reported yet."""
        if self.kind in BEGINNINGS and self.begin_told_at is None:
            yield BEGINNINGS[self.kind]
        if self.ended_at is not None and self.end_told_at is None:
            yield ENDS[self.kind]


def derive_episodes(known: Iterable[JobEpisode], now: JobObservation) -> list[JobEpisode]:
    """Return the episodes that an observation begins or ends, in their new state.

    Args:
        known: The instance's episodes that last, and the initial cycles it has had.
        now: How its job is.
    """
    if now.state == REMOVED:
        # Deleted for certain: over, but nothing that recovered.
        lasting = (episode for episode in known if episode.ended_at is None)
        return [replace(each, ended_at=now.observed_at, end_told_at=now.observed_at) for each in lasting]
    if now.job_id is None:
        return []  # perhaps missing only for a moment: open episodes stay open
    found: list[JobEpisode | None] = []
    ours: dict[Kind, JobEpisode] = {}
    for episode in known:
        if episode.job_id == now.job_id:
            ours[episode.kind] = episode
        elif episode.ended_at is None:
            # Its job was replaced: the episode is over, but the job has not recovered.
            found.append(replace(episode, ended_at=now.observed_at, end_told_at=now.observed_at))
    found += [_initial_cycle(ours.get("initial-cycle"), now)] if now.state in _CYCLING else []
    found += [_quarantine(ours.get("quarantine"), now), _stall(ours.get("stall"), now)]
    return [episode for episode in found if episode is not None]


_THROUGH = frozenset({"steady", "degraded"})
_CYCLING = _THROUGH | {"created", "initial-cycle"}
_RUNNING = _THROUGH | {"initial-cycle"}


def _initial_cycle(known: JobEpisode | None, now: JobObservation) -> JobEpisode | None:
    lasting = known or _begun("initial-cycle", now.observed_at, now)
    if now.state in _THROUGH and lasting.ended_at is None:
        return replace(lasting, ended_at=now.observed_at)
    return None if known else lasting


def _quarantine(known: JobEpisode | None, now: JobObservation) -> JobEpisode | None:
    if now.state == "quarantined":
        return None if known else _begun("quarantine", now.since or now.observed_at, now)
    if known is None or now.state not in _RUNNING:
        return None
    # The status may flap, and a restart alone lifts a quarantine: only a successful cycle ends an episode.
    well = now.state == "steady" if now.last_success_at is None else now.last_success_at > known.began_at
    return replace(known, ended_at=now.observed_at) if well else None


def _stall(known: JobEpisode | None, now: JobObservation) -> JobEpisode | None:
    if known is None:
        return _begun("stall", now.stalled_since, now) if now.stalled_since else None
    ran = now.last_execution_at is not None and now.last_execution_at > known.began_at
    return replace(known, ended_at=now.observed_at) if ran else None


def _begun(kind: Kind, began_at: datetime, now: JobObservation) -> JobEpisode:
    quarantine = kind == "quarantine"
    return JobEpisode(
        tenant_id=now.tenant_id,
        fleet=now.fleet,
        key=now.key,
        job_id=now.job_id or "",
        kind=kind,
        began_at=began_at,
        noticed_at=now.observed_at,
        reason=now.reason if quarantine else None,
        error_code=now.error_code if quarantine else None,
        service_principal_id=now.service_principal_id,
    )


_EPISODE = JOB_EPISODE.c


class JobEpisodes:
    """Quarantines, stalls and initial cycles, and which of them were reported to Prefect."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_fleet(self, tenant_id: str, fleet: str, since: datetime | None = None) -> list[JobEpisode]:
        """Return the episodes of a fleet that were open at a moment or later, the oldest first."""
        lasted = [] if since is None else [_EPISODE.ended_at.is_(None) | (_EPISODE.ended_at >= since)]
        with self._database.read() as connection:
            return _episodes(connection, tenant_id, fleet, *lasted)

    def untold(self, tenant_id: str, fleet: str) -> list[JobEpisode]:
        """Return the episodes with unreported events, the oldest first."""
        begun = _EPISODE.kind.in_(BEGINNINGS) & _EPISODE.begin_told_at.is_(None)
        ended = _EPISODE.ended_at.is_not(None) & _EPISODE.end_told_at.is_(None)
        with self._database.read() as connection:
            return _episodes(connection, tenant_id, fleet, begun | ended)

    def mark_reported(self, news: Iterable[tuple[JobEpisode, Word]], at: datetime) -> None:
        """Record that an event was reported, so that it is reported once."""
        with self._database.write() as connection:
            for episode, word in news:
                column = "begin_told_at" if BEGINNINGS.get(episode.kind) == word else "end_told_at"
                connection.execute(update(JOB_EPISODE).where(_EPISODE.id == episode.id).values({column: at}))


def record_episodes(connection: Connection, tenant_id: str, fleet: str, observations: Iterable[JobObservation]) -> None:
    """Store the episodes that a sweep of a fleet begins and ends."""
    known: dict[str, list[JobEpisode]] = {}
    for episode in _episodes(
        connection, tenant_id, fleet, _EPISODE.ended_at.is_(None) | (_EPISODE.kind == "initial-cycle")
    ):
        known.setdefault(episode.key, []).append(episode)
    for now in observations:
        for episode in derive_episodes(known.get(now.key, ()), now):
            if episode.id is None:
                columns = {name: value for name, value in asdict(episode).items() if name != "id"}
                connection.execute(insert(JOB_EPISODE).values(columns))
            else:
                changed = {"ended_at": episode.ended_at, "end_told_at": episode.end_told_at}
                connection.execute(update(JOB_EPISODE).where(_EPISODE.id == episode.id).values(changed))


def _episodes(connection: Connection, tenant_id: str, fleet: str, *conditions: ColumnElement[bool]) -> list[JobEpisode]:
    statement = select(JOB_EPISODE).where(_EPISODE.tenant_id == tenant_id, _EPISODE.fleet == fleet, *conditions)
    return [JobEpisode(**row) for row in connection.execute(statement.order_by(_EPISODE.id)).mappings()]


_JOB = JOB_HISTORY.c
_ROWS_AT_ONCE = 50  # the transition sought is usually among the first


class JobHistory:
    """The observations of sweeps: a row for each change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_all(self, observations: Iterable[JobObservation]) -> list[JobObservation]:
        """Store a sweep, and the episodes that it begins or ends, in one transaction.

        Returns:
            The observations that differ from the last time.
        """
        changed: list[JobObservation] = []
        fleets: dict[tuple[str, str], list[JobObservation]] = {}
        for observation in observations:
            fleets.setdefault((observation.tenant_id, observation.fleet), []).append(observation)
        # Two concurrent sweeps would both store the same change.
        with self._database.write(lock="job history") as connection:
            for (tenant_id, fleet), seen in fleets.items():
                before = {earlier.key: earlier for earlier in _latest(connection, tenant_id, fleet)}
                changed += [now for now in seen if not (now.key in before and now.same_as(before[now.key]))]
                record_episodes(connection, tenant_id, fleet, seen)
            if changed:
                connection.execute(insert(JOB_HISTORY), [asdict(observation) for observation in changed])
        return changed

    def latest(self, tenant_id: str, fleet: str) -> list[JobObservation]:
        """Return the last observation of each instance of a fleet, by key; its time is when it was first observed."""
        with self._database.read() as connection:
            return _latest(connection, tenant_id, fleet)

    def last_transition(
        self,
        tenant_id: str,
        fleet: str,
        key: str,
        until: datetime | None = None,
        *,
        alike: Collection[str] = (),
    ) -> tuple[JobObservation, JobObservation] | None:
        """Return between which looks a job came into the state it had last, at `until` at the latest.

        Args:
            tenant_id: The tenant.
            fleet: Name of the fleet.
            key: Key of the instance.
            until: The last moment to look at; None for now.
            alike: States that count as one.

        Returns:
            The last observation of another state, and the first of this one; None if there was no other.
        """
        statement = select(JOB_HISTORY).where(_JOB.tenant_id == tenant_id, _JOB.fleet == fleet, _JOB.key == key)
        if until is not None:
            statement = statement.where(_JOB.observed_at <= until)
        first: JobObservation | None = None
        newest_first = statement.order_by(_JOB.id.desc()).execution_options(yield_per=_ROWS_AT_ONCE)
        # PostgreSQL's cursor is not read to its end.
        with self._database.read() as connection, connection.execute(newest_first) as rows:
            for row in rows.mappings():
                observation = _observation_of(row)
                states = {observation.state, first.state} if first else set()
                if first is not None and len(states) > 1 and not states <= set(alike):
                    return observation, first
                first = observation
        return None

    def fleets(self) -> list[tuple[str, str]]:
        """Return the tenant and name of every fleet that was ever monitored."""
        found: list[tuple[str, str]] = []
        # From fleet to fleet in the index: DISTINCT would read a history of years.
        following = select(_JOB.tenant_id, _JOB.fleet).order_by(_JOB.tenant_id, _JOB.fleet).limit(1)
        with self._database.read() as connection:
            while row := connection.execute(following).first():
                found.append((row.tenant_id, row.fleet))
                following = following.where(tuple_(_JOB.tenant_id, _JOB.fleet) > found[-1])
        return found


def _latest(connection: Connection, tenant_id: str, fleet: str) -> list[JobObservation]:
    # From key to key in the index: the last row of each is found without reading a history of years.
    of_fleet = and_(_JOB.tenant_id == tenant_id, _JOB.fleet == fleet)
    keys = select(func.min(_JOB.key).label("key")).where(of_fleet).cte("keys", recursive=True)
    following = select(func.min(_JOB.key)).where(of_fleet, _JOB.key > keys.c.key).scalar_subquery()
    keys = keys.union_all(select(following).where(keys.c.key.is_not(None)))
    newest = select(func.max(_JOB.id)).where(of_fleet, _JOB.key == keys.c.key).scalar_subquery()
    statement = select(JOB_HISTORY).where(_JOB.id.in_(select(newest).select_from(keys))).order_by(_JOB.key)
    return [_observation_of(row) for row in connection.execute(statement).mappings()]


def _observation_of(row: RowMapping) -> JobObservation:
    columns = {name: value for name, value in row.items() if name != "id"}
    return JobObservation(**columns)
