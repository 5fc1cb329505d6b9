"""Why a gap is one."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what the harvest and the monitor write down, and the views."""
    op.add_column("harvest_gap", sa.Column("detail", sa.Text))
