"""Roll-outs in waves, with their progress, so that the next run can continue them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import Connection, insert, select, update

from flows.store.database import Database
from flows.store.tables import ROLLOUT, ROLLOUT_WAVE

RolloutState = Literal["running", "held", "finished", "superseded"]
WaveState = Literal["pending", "applying", "applied", "passed", "held"]

_ROLLOUT, _WAVE = ROLLOUT.c, ROLLOUT_WAVE.c


@dataclass(frozen=True, kw_only=True)
class RolloutWave:
    """The instances that are changed together; the fields are the columns of table `rollout_wave`."""

    number: int
    members: tuple[str, ...]
    """The keys of its instances."""
    state: WaveState = "pending"
    began_at: datetime | None = None
    applied_at: datetime | None = None
    before: Mapping[str, int] = field(default_factory=dict)
    verdicts: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """An apply in waves; the fields are the columns of table `rollout`."""

    tenant_id: str
    fleet: str
    plan_digest: str
    fingerprints: Mapping[str, Mapping[str, str]]
    waves: tuple[RolloutWave, ...]
    started_at: datetime
    state: RolloutState = "running"
    id: str = field(default_factory=lambda: str(uuid4()))


class Rollouts:
    """The roll-outs of every fleet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, rollout: Rollout) -> None:
        """Record a new roll-out; unfinished ones of the fleet are superseded."""
        row = asdict(rollout)
        waves = [_row_of(rollout.id, wave) for wave in rollout.waves]
        del row["waves"]
        with self._database.write() as connection:
            # In the same transaction: a fleet never has two roll-outs under way.
            _supersede(connection, rollout.tenant_id, rollout.fleet, rollout.started_at)
            connection.execute(insert(ROLLOUT), row | {"changed_at": rollout.started_at})
            connection.execute(insert(ROLLOUT_WAVE), waves)

    def save_wave(self, rollout_id: str, wave: RolloutWave) -> None:
        """Record the progress of a wave."""
        mine = (_WAVE.rollout_id == rollout_id, _WAVE.number == wave.number)
        with self._database.write() as connection:
            connection.execute(update(ROLLOUT_WAVE).where(*mine).values(**_row_of(rollout_id, wave)))

    def save_state(self, rollout_id: str, state: RolloutState) -> None:
        """Record the state of a roll-out."""
        changed = {"state": state, "changed_at": datetime.now(UTC)}
        with self._database.write() as connection:
            connection.execute(update(ROLLOUT).where(_ROLLOUT.id == rollout_id).values(**changed))

    def under_way(self, tenant_id: str, fleet: str) -> Rollout | None:
        """Return the roll-out of a fleet that has neither finished nor been superseded."""
        return next((each for each in self.of_fleet(tenant_id, fleet) if each.state in {"running", "held"}), None)

    def of_fleet(self, tenant_id: str, fleet: str, limit: int = 20) -> list[Rollout]:
        """Return the roll-outs of a fleet, the newest first."""
        mine = select(ROLLOUT).where(_ROLLOUT.tenant_id == tenant_id, _ROLLOUT.fleet == fleet)
        # The id makes the order definite where two began at the same moment.
        newest = mine.order_by(_ROLLOUT.started_at.desc(), _ROLLOUT.id).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(newest).mappings().all()
            return [_rollout_of(row, _waves(connection, row["id"])) for row in rows]


def _supersede(connection: Connection, tenant_id: str, fleet: str, at: datetime) -> None:
    under_way = _ROLLOUT.state.in_(("running", "held"))
    mine = (_ROLLOUT.tenant_id == tenant_id, _ROLLOUT.fleet == fleet)
    connection.execute(update(ROLLOUT).where(*mine, under_way).values(state="superseded", changed_at=at))


def _waves(connection: Connection, rollout_id: str) -> tuple[RolloutWave, ...]:
    statement = select(ROLLOUT_WAVE).where(_WAVE.rollout_id == rollout_id).order_by(_WAVE.number)
    return tuple(_wave_of(row) for row in connection.execute(statement).mappings())


def _row_of(rollout_id: str, wave: RolloutWave) -> dict[str, Any]:
    row = asdict(wave) | {"rollout_id": rollout_id, "keys": list(wave.members), "verdicts": list(wave.verdicts)}
    del row["members"]
    return row


def _wave_of(row: Mapping[Any, Any]) -> RolloutWave:
    columns = {name: value for name, value in row.items() if name not in {"rollout_id", "keys"}}
    return RolloutWave(members=tuple(row["keys"]), **(columns | {"verdicts": tuple(row["verdicts"])}))


def _rollout_of(row: Mapping[Any, Any], waves: tuple[RolloutWave, ...]) -> Rollout:
    return Rollout(waves=waves, **{name: value for name, value in row.items() if name != "changed_at"})
