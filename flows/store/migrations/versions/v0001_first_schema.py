"""The first tables: journal, job history, provisioning events, harvest."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _journal()
    _job_history()
    _provisioning_events()
    _harvest()


def _journal() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("fleet", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("outcome", sa.Text),
        sa.Column("counts", sa.JSON),
        *(sa.Column(name, sa.Text) for name in ("plan_digest", "file_sha256", "ticket", "commit")),
        *(sa.Column(name, sa.Text) for name in ("flow_run_id", "actor_object_id", "actor_app_id")),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_index("ix_run_fleet_started_at", "run", ["fleet", "started_at"])
    op.create_table(
        "change",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("application_id", "service_principal_id", "job_id")),
        *(sa.Column(name, sa.Text) for name in ("error_step", "error_code", "error_message")),
        *(sa.Column(name, sa.Text) for name in ("error_hint", "error_request_id")),
        sa.PrimaryKeyConstraint("run_id", "key", name="pk_change"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_change_run_id"),
    )
    op.create_index("ix_change_service_principal_id", "change", ["service_principal_id"])


def _job_history() -> None:
    op.create_table(
        "job_history",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("fleet", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("observed_at", sa.DateTime, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("service_principal_id", "job_id", "reason")),
        sa.Column("since", sa.DateTime),
        *(sa.Column(name, sa.Text) for name in ("error_code", "error_message")),
        *(sa.Column(name, sa.DateTime) for name in ("last_execution_at", "last_success_at")),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job_history"),
    )
    op.create_index("ix_job_history_tenant_id_fleet_key_id", "job_history", ["tenant_id", "fleet", "key", "id"])
    op.create_index("ix_job_history_service_principal_id", "job_history", ["service_principal_id"])


def _provisioning_events() -> None:
    table = "provisioning_event"
    op.create_table(
        table,
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("activity_at", sa.DateTime),
        *(sa.Column(name, sa.Text) for name in ("service_principal_id", "service_principal_name")),
        *(sa.Column(name, sa.Text) for name in ("job_id", "cycle_id", "change_id")),
        sa.Column("duration_milliseconds", sa.BigInteger),
        *(sa.Column(name, sa.Text) for name in ("action", "status", "error_code", "error_category")),
        *(sa.Column(name, sa.Text) for name in ("reason", "recommended_action")),
        *(sa.Column(name, sa.Text) for name in ("source_id", "source_name", "source_type")),
        *(sa.Column(name, sa.Text) for name in ("target_id", "target_name", "target_type")),
        sa.Column("harvested_at", sa.DateTime, nullable=False),
        sa.Column("raw", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_provisioning_event"),
    )
    op.create_index(f"ix_{table}_tenant_id_activity_at", table, ["tenant_id", "activity_at"])
    op.create_index(f"ix_{table}_service_principal_id_activity_at", table, ["service_principal_id", "activity_at"])
    op.create_index(f"ix_{table}_source_id", table, ["source_id"])


def _harvest() -> None:
    op.create_table(
        "harvest_watermark",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("watermark", sa.DateTime, nullable=False),
        sa.Column("moved_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "scope", name="pk_harvest_watermark"),
    )
    op.create_table(
        "harvest_gap",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("start", sa.DateTime, nullable=False),
        sa.Column("end", sa.DateTime, nullable=False),
        sa.Column("found_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "scope", "reason", "start", name="pk_harvest_gap"),
    )
