"""The tables of roll-outs in waves."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table, Text

from flows.store.moment import Moment
from flows.store.tables import METADATA

ROLLOUT = Table(
    "rollout",
    METADATA,
    Column("id", Text, primary_key=True, nullable=False, doc="Id of the roll-out, made by this program."),
    Column("tenant_id", Text, nullable=False, doc="The tenant."),
    Column("fleet", Text, nullable=False, doc="Name of the fleet."),
    Column("plan_digest", Text, nullable=False, doc="Digest of the plan that it began with."),
    Column("fingerprints", JSON, nullable=False, doc="What was to be done, by key, to know it again."),
    Column("state", Text, nullable=False, doc="running, held, finished, superseded (by another plan)."),
    Column("started_at", Moment, nullable=False, doc="When it began."),
    Column("changed_at", Moment, nullable=False, doc="When its state last changed."),
    Index(None, "tenant_id", "fleet", "started_at"),
    info={"doc": "Each apply in waves: canaries first, then a tenth, then the rest."},
)

ROLLOUT_WAVE = Table(
    "rollout_wave",
    METADATA,
    Column("rollout_id", Text, ForeignKey(ROLLOUT.c.id), primary_key=True, doc="The roll-out."),
    Column("number", Integer, primary_key=True, nullable=False, autoincrement=False, doc="1 is the canaries."),
    Column("keys", JSON, nullable=False, doc="Keys of its instances."),
    Column("state", Text, nullable=False, doc="pending, applying, applied, passed, held."),
    Column("began_at", Moment, nullable=True, doc="When the first was to be changed; the log is read from here."),
    Column("applied_at", Moment, nullable=True, doc="When all of them were changed; a cycle has to begin later."),
    Column("before", JSON, nullable=False, doc="Failing objects of each instance before its change, by key."),
    Column("verdicts", JSON, nullable=False, doc="How each instance fared."),
    info={"doc": "What went together in a roll-out, and how it fared."},
)
