"""The first schema. Versions below 0100 are from before the first release, and are not read."""

import sqlalchemy as sa
from alembic import op

revision = "0100"
down_revision = None


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
    """Make tables, indexes and views."""
    _journal()
    _leases()
    _rollouts()
    _given_access()
    _jobs()
    _job_schemas()
    _drift()
    _credentials()
    _instances()
    _provisioning_events()
    _on_demand_results()
    _harvest()
    _directory_audits()
    _measurements()
    _inventory()
    for view in (_EVENTS_BY_APP_AND_DAY, _LAST_RESULT_BY_USER_AND_APP, _OPEN_FAILURES):
        op.execute(view)


def _measurements() -> None:
    keys = ("tenant_id", "fleet", "key", "name")
    op.create_table(
        "measurement",
        *(sa.Column(name, sa.Text, nullable=False) for name in keys),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("measured_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint(*keys, name="pk_measurement"),
    )


def _directory_audits() -> None:
    texts = ("activity", "result", "reason", "actor_type", "actor_id", "actor_name")
    ids = ("service_principal_id", "service_principal_name", "job_id", "correlation_id")
    op.create_table(
        "directory_audit",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("activity_at", sa.DateTime),
        *(sa.Column(name, sa.Text) for name in (*texts, *ids)),
        sa.Column("harvested_at", sa.DateTime, nullable=False),
        sa.Column("raw", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_directory_audit"),
    )
    for first in ("tenant_id", "service_principal_id"):
        op.create_index(f"ix_directory_audit_{first}_activity_at", "directory_audit", [first, "activity_at"])


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


def _leases() -> None:
    needed = ("holder", "fleet", "tenant_id", "lease_id", "command", "host", "machine")
    op.create_table(
        "fleet_lease",
        *(sa.Column(name, sa.Text, nullable=False) for name in needed),
        sa.Column("pid", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("process_started", "flow_run_id")),
        *(sa.Column(name, sa.DateTime, nullable=False) for name in ("held_since", "renewed_at")),
        sa.PrimaryKeyConstraint("holder", "fleet", name="pk_fleet_lease"),
    )
    op.create_index("ix_fleet_lease_tenant_id_fleet", "fleet_lease", ["tenant_id", "fleet"])


def _rollouts() -> None:
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


def _jobs() -> None:
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
        sa.Column("stalled_since", sa.DateTime),
        sa.PrimaryKeyConstraint("id", name="pk_job_history"),
    )
    op.create_index("ix_job_history_tenant_id_fleet_key_id", "job_history", ["tenant_id", "fleet", "key", "id"])
    op.create_index("ix_job_history_service_principal_id", "job_history", ["service_principal_id"])

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


def _job_schemas() -> None:
    job = ("tenant_id", "service_principal_id", "job_id")
    texts = (*job, "fleet", "key", "sha256", "content", "reason", "run_id")
    op.create_table(
        "job_schema",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("kept_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job_schema"),
    )
    op.create_index("ix_job_schema_tenant_id_service_principal_id_job_id", "job_schema", list(job))
    op.create_table(
        "applied_mappings",
        *(sa.Column(name, sa.Text, nullable=False) for name in (*job, "content")),
        sa.Column("applied_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint(*job, name="pk_applied_mappings"),
    )


def _drift() -> None:
    place = ("tenant_id", "service_principal_id", "area")
    op.create_table(
        "drift_look",
        *(sa.Column(name, sa.Text, nullable=False) for name in (*place, "job_id", "desired")),
        sa.Column("looked_at", sa.DateTime, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint(*place, name="pk_drift_look"),
    )


def _credentials() -> None:
    op.create_table(
        "credential_fingerprint",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("tenant_id", "service_principal_id", "key")),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("saved_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime),
        sa.PrimaryKeyConstraint("tenant_id", "service_principal_id", "key", name="pk_credential_fingerprint"),
    )


def _instances() -> None:
    op.create_table(
        "instance",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("service_principal_id", "tenant_id", "fleet", "key")),
        sa.Column("display_name", sa.Text),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("service_principal_id", name="pk_instance"),
    )
    texts = ("type", "name", "user_principal_name", "plain_name", "plain_user_principal_name")
    op.create_table(
        "identity",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("tenant_id", "id")),
        *(sa.Column(name, sa.Text) for name in texts),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_identity"),
        sqlite_with_rowid=False,
    )


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
    counted = ["tenant_id", "activity_at", "status", "service_principal_id", "error_code", "cycle_id"]
    by_source = ["source_id", "service_principal_id", "activity_at"]
    failed = sa.text("status = 'failure'")
    op.create_index(f"ix_{table}_counted", table, counted)
    op.create_index(f"ix_{table}_service_principal_id_activity_at", table, ["service_principal_id", "activity_at"])
    op.create_index(f"ix_{table}_source", table, by_source)
    op.create_index(f"ix_{table}_failure", table, by_source, sqlite_where=failed, postgresql_where=failed)


def _on_demand_results() -> None:
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


def _given_access() -> None:
    key = ("tenant_id", "fleet", "key", "target_tenant_id", "side", "field")
    op.create_table(
        "given_access",
        *(sa.Column(name, sa.Text, nullable=False) for name in key),
        sa.Column("before", sa.Text),
        sa.Column("intended_at", sa.DateTime, nullable=False),
        *(sa.Column(name, sa.DateTime) for name in ("confirmed_at", "withdrawn_at")),
        sa.PrimaryKeyConstraint(*key, name="pk_given_access"),
    )


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
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("tenant_id", "scope", "reason", "start", name="pk_harvest_gap"),
    )


def _inventory() -> None:
    op.create_table(
        "tenant_look",
        sa.Column("tenant_id", sa.Text, nullable=False),
        *(sa.Column(name, sa.DateTime) for name in ("looked_at", "full_at")),
        sa.Column("delta_link", sa.Text),
        sa.Column("began_at", sa.DateTime),
        *(sa.Column(name, sa.Text) for name in ("kind", "next_link", "new_delta_link")),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenant_look"),
    )
    op.create_table(
        "tenant_principal",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("tenant_id", "service_principal_id")),
        *(sa.Column(name, sa.Text) for name in ("app_id", "display_name", "application_template_id", "type")),
        *(sa.Column(name, sa.Text) for name in ("fleet", "key")),
        *(sa.Column(name, sa.DateTime, nullable=False) for name in ("first_seen_at", "seen_at")),
        sa.Column("looked_at", sa.DateTime),
        sa.Column("connection", sa.JSON),
        sa.Column("connection_at", sa.DateTime),
        sa.Column("sign_on_mode", sa.Text),
        sa.Column("certificates", sa.JSON),
        sa.Column("certificates_at", sa.DateTime),
        *(sa.Column(name, sa.Text) for name in ("error_code", "error_message")),
        sa.Column("gone_at", sa.DateTime),
        sa.PrimaryKeyConstraint("tenant_id", "service_principal_id", name="pk_tenant_principal"),
    )
    op.create_table(
        "tenant_job",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("tenant_id", "service_principal_id", "job_id")),
        sa.Column("synchronization_template_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("schedule", "reason", "held_by")),
        sa.Column("since", sa.DateTime),
        *(sa.Column(name, sa.Text) for name in ("error_code", "error_message")),
        *(sa.Column(name, sa.DateTime) for name in ("last_execution_at", "last_success_at")),
        *(sa.Column(name, sa.DateTime) for name in ("steady_at", "stalled_since")),
        sa.Column("counts", sa.JSON, nullable=False),
        *(sa.Column(name, sa.DateTime, nullable=False) for name in ("first_seen_at", "seen_at")),
        *(sa.Column(name, sa.DateTime, nullable=False) for name in ("state_at", "changed_at")),
        sa.Column("gone_at", sa.DateTime),
        sa.PrimaryKeyConstraint("tenant_id", "service_principal_id", "job_id", name="pk_tenant_job"),
    )
