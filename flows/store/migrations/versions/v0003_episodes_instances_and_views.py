"""Episodes of jobs, names of instances, and why a span of the log could not be read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables, and the columns."""
    op.add_column("harvest_gap", sa.Column("detail", sa.Text))
    op.add_column("job_history", sa.Column("stalled_since", sa.DateTime))
    op.create_table(
        "job_episode",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("tenant_id", "fleet", "key", "job_id", "kind")),
        *(sa.Column(name, sa.DateTime, nullable=False) for name in ("began_at", "noticed_at")),
        sa.Column("ended_at", sa.DateTime),
        *(sa.Column(name, sa.Text) for name in ("reason", "error_code", "service_principal_id")),
        *(sa.Column(name, sa.DateTime) for name in ("begin_told_at", "end_told_at")),
        sa.PrimaryKeyConstraint("id", name="pk_job_episode"),
    )
    op.create_index("ix_job_episode_tenant_id_fleet_job_id", "job_episode", ["tenant_id", "fleet", "job_id"])
    op.create_table(
        "instance",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("tenant_id", "service_principal_id", "fleet", "key")),
        sa.Column("display_name", sa.Text),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "service_principal_id", name="pk_instance"),
    )
