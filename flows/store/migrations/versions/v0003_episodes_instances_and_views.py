"""Episodes of jobs, names of instances, why a span of the log could not be read, and views with their indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


_NAMED = """
FROM provisioning_event AS e
LEFT JOIN instance AS i ON i.service_principal_id = e.service_principal_id"""

_NEWEST = """
e.source_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM provisioning_event AS later
    WHERE later.source_id = e.source_id AND later.service_principal_id = e.service_principal_id
      AND (later.activity_at, later.id) > (e.activity_at, e.id)
)"""

_EVENTS_BY_APP_AND_DAY = f"""
CREATE VIEW events_by_app_and_day AS
SELECT e.tenant_id, i.fleet, i.key, e.service_principal_id, date(e.activity_at) AS day, count(*) AS events,
       sum(CASE WHEN e.status = 'success' THEN 1 ELSE 0 END) AS success,
       sum(CASE WHEN e.status = 'failure' THEN 1 ELSE 0 END) AS failure,
       sum(CASE WHEN e.status = 'skipped' THEN 1 ELSE 0 END) AS skipped,
       sum(CASE WHEN e.status = 'warning' THEN 1 ELSE 0 END) AS warning
{_NAMED}
GROUP BY e.tenant_id, i.fleet, i.key, e.service_principal_id, date(e.activity_at)"""

_LAST_RESULT_BY_USER_AND_APP = f"""
CREATE VIEW last_result_by_user_and_app AS
SELECT e.tenant_id, i.fleet, i.key, e.service_principal_id, e.source_id, e.source_name, e.source_type,
       e.id AS event_id, e.activity_at, e.action, e.status, e.error_code, e.reason
{_NAMED}
WHERE {_NEWEST}"""

_OPEN_FAILURES = f"""
CREATE VIEW open_failures AS
SELECT e.tenant_id, i.fleet, i.key, e.service_principal_id, e.source_id, e.source_name, e.source_type,
       (
           SELECT min(f.activity_at) FROM provisioning_event AS f
           WHERE f.status = 'failure' AND f.source_id = e.source_id
             AND f.service_principal_id = e.service_principal_id
             AND f.activity_at > coalesce((
                 SELECT max(g.activity_at) FROM provisioning_event AS g
                 WHERE g.source_id = e.source_id AND g.service_principal_id = e.service_principal_id
                   AND coalesce(g.status, '') <> 'failure'
             ), '0001-01-01')
       ) AS failing_since,
       e.id AS event_id, e.activity_at, e.action, e.error_code, e.reason, e.recommended_action
{_NAMED}
WHERE e.status = 'failure' AND {_NEWEST}"""  # noqa: S608  constants of this file


def upgrade() -> None:
    """Make tables, columns, indexes and views."""
    _tables()
    _indexes()
    for view in (_EVENTS_BY_APP_AND_DAY, _LAST_RESULT_BY_USER_AND_APP, _OPEN_FAILURES):
        op.execute(view)


def _tables() -> None:
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
        *(sa.Column(name, sa.Text, nullable=False) for name in ("service_principal_id", "tenant_id", "fleet", "key")),
        sa.Column("display_name", sa.Text),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("service_principal_id", name="pk_instance"),
    )


def _indexes() -> None:
    table = "provisioning_event"
    op.drop_index("ix_provisioning_event_tenant_id_activity_at", table)
    op.drop_index("ix_provisioning_event_source_id", table)
    counted = ["tenant_id", "activity_at", "status", "service_principal_id", "error_code", "cycle_id"]
    by_source = ["source_id", "service_principal_id", "activity_at"]
    op.create_index("ix_provisioning_event_counted", table, counted)
    op.create_index("ix_provisioning_event_source", table, by_source)
    failed = sa.text("status = 'failure'")
    op.create_index("ix_provisioning_event_failure", table, by_source, sqlite_where=failed, postgresql_where=failed)
