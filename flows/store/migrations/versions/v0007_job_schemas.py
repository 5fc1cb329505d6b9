"""The schemas of jobs before each write, and the mappings that were applied last."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables."""
    texts = ("tenant_id", "fleet", "key", "service_principal_id", "job_id", "sha256", "content", "reason", "run_id")
    op.create_table(
        "job_schema",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("kept_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job_schema"),
    )
    op.create_index("ix_job_schema_tenant_id_service_principal_id_job_id", "job_schema", list(_JOB))
    op.create_table(
        "applied_mappings",
        *(sa.Column(name, sa.Text, nullable=False) for name in (*_JOB, "content")),
        sa.Column("applied_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint(*_JOB, name="pk_applied_mappings"),
    )


_JOB = ("tenant_id", "service_principal_id", "job_id")
