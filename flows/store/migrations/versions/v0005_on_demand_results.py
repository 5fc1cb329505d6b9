"""What provisioning somebody on demand came to."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    needed = ("tenant_id", "fleet", "key", "service_principal_id", "job_id", "source_id", "outcome")
    texts = ("source_type", "source_name", "error_code", "reason", "recommended_action", "change_id", "target_id")
    op.create_table(
        "on_demand_result",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in needed),
        *(sa.Column(name, sa.Text) for name in (*texts, "run_id")),
        sa.Column("tried_at", sa.DateTime, nullable=False),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("steps", "modified")),
        sa.PrimaryKeyConstraint("id", name="pk_on_demand_result"),
    )
    op.create_index("ix_on_demand_result_source_id_tried_at", "on_demand_result", ["source_id", "tried_at"])
    op.create_index("ix_on_demand_result_tried_at", "on_demand_result", ["tried_at"])
