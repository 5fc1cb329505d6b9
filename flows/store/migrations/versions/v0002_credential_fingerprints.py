"""Fingerprints of saved credentials."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "credential_fingerprint",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("tenant_id", "service_principal_id", "key")),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("saved_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "service_principal_id", "key", name="pk_credential_fingerprint"),
    )
