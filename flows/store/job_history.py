"""The history of each job: its states, and since when."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, RowMapping, and_, func, insert, select, tuple_

from flows.store.database import Database
from flows.store.job_episodes import record_episodes
from flows.store.tables import JOB_HISTORY


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


_JOB = JOB_HISTORY.c
_ROWS_AT_ONCE = 50


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
        self, tenant_id: str, fleet: str, key: str, until: datetime | None = None
    ) -> tuple[JobObservation, JobObservation] | None:
        """Return between which looks a job came into the state it had last, at `until` at the latest.

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
                if first is not None and observation.state != first.state:
                    return observation, first
                first = observation
        return None

    def fleets(self) -> list[tuple[str, str]]:
        """Return the tenant and name of every fleet that was ever monitored."""
        found: list[tuple[str, str]] = []
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
