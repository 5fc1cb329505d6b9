"""Roll-outs in waves."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rollout",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("id", "tenant_id", "fleet", "plan_digest", "state")),
        sa.Column("fingerprints", sa.JSON, nullable=False),
        *(sa.Column(name, sa.DateTime, nullable=False) for name in ("started_at", "changed_at")),
        sa.PrimaryKeyConstraint("id", name="pk_rollout"),
    )
    op.create_index("ix_rollout_tenant_id_fleet_started_at", "rollout", ["tenant_id", "fleet", "started_at"])
    op.create_table(
        "rollout_wave",
        sa.Column("rollout_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("state", sa.Text, nullable=False),
        *(sa.Column(name, sa.DateTime) for name in ("began_at", "applied_at")),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("keys", "before", "verdicts")),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name="fk_rollout_wave_rollout_id"),
        sa.PrimaryKeyConstraint("rollout_id", "number", name="pk_rollout_wave"),
    )
