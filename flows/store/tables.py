"""The tables of the store. Every table and column is documented; none contains a secret.

A change here needs a migration in `migrations/versions` and the next `SCHEMA_VERSION`.
"""

from typing import Any, TypeAlias

from sqlalchemy import JSON, BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.types import TypeEngine

from flows.store.database import Moment

SCHEMA_VERSION = "0100"
"""Version of these tables: the newest migration."""

VERSION_TABLE = "entra_fleet_version"
"""The table of the version; not `alembic_version`, which Prefect's database has."""

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


_Kind: TypeAlias = type[TypeEngine[Any]] | TypeEngine[Any]


def _column(name: str, kind: _Kind, doc: str, *, primary_key: bool = False) -> Column[Any]:
    return Column(name, kind, doc=doc, nullable=False, primary_key=primary_key)


def _optional(name: str, kind: _Kind, doc: str) -> Column[Any]:
    return Column(name, kind, doc=doc, nullable=True)


RUN = Table(
    "run",
    METADATA,
    _column("id", Text, "Id of the run, made by this program.", primary_key=True),
    _column("tenant_id", Text, "The tenant written to."),
    _column("fleet", Text, "Name of the fleet."),
    _column("command", Text, "What was run: apply, rotate, retire …"),
    _column("started_at", Moment, "When it began."),
    _optional("finished_at", Moment, "When it ended; empty while it runs, or when it was killed."),
    _optional("outcome", Text, "How it ended: completed, partial, failed, interrupted."),
    _optional("counts", JSON(none_as_null=True), "Instances by outcome."),
    _optional("plan_digest", Text, "Digest of the plan that was carried out."),
    _optional("file_sha256", Text, "SHA-256 of the fleet file."),
    _optional("ticket", Text, "The change ticket it was run under."),
    _optional("commit", Text, "Commit of the repository the fleet file lies in."),
    _optional("flow_run_id", Text, "Id of the Prefect flow run."),
    _optional("actor_object_id", Text, "Object id of the signed-in principal (the token's oid)."),
    _optional("actor_app_id", Text, "Application id of the signed-in principal (the token's appid)."),
    Index(None, "fleet", "started_at"),
    info={"doc": "Who applied what, when and under which plan: one row a run."},
)

CHANGE = Table(
    "change",
    METADATA,
    Column("run_id", Text, ForeignKey(RUN.c.id), primary_key=True, doc="The run that made the change."),
    _column("key", Text, "Key of the instance.", primary_key=True),
    _column("recorded_at", Moment, "When the outcome was known."),
    _column("action", Text, "What was planned: create, adopt, update, none, retire."),
    _column("outcome", Text, "The outcome: created, adopted, updated, unchanged, failed."),
    _column("fields", JSON, "Fields that changed: name, before, after. Of credentials the name only."),
    _optional("application_id", Text, "Object id of the application."),
    _optional("service_principal_id", Text, "Object id of the service principal."),
    _optional("job_id", Text, "Id of the synchronization job."),
    _optional("error_step", Text, "The step that failed."),
    _optional("error_code", Text, "Graph's code of the failure."),
    _optional("error_message", Text, "Graph's text of the failure."),
    _optional("error_hint", Text, "What to do about it."),
    _optional("error_request_id", Text, "Graph's request id, for Microsoft's support."),
    Index(None, "service_principal_id"),
    info={"doc": "What a run did to one instance."},
)

JOB_HISTORY = Table(
    "job_history",
    METADATA,
    # SQLite generates ids only for a column declared INTEGER.
    _column("id", BigInteger().with_variant(Integer, "sqlite"), "Number, in order.", primary_key=True),
    _column("tenant_id", Text, "The tenant."),
    _column("fleet", Text, "Name of the fleet."),
    _column("key", Text, "Key of the instance."),
    _column("observed_at", Moment, "When the job was first seen like this."),
    _column("state", Text, "created, initial-cycle, steady, degraded, quarantined, paused, missing."),
    _optional("service_principal_id", Text, "Object id of the service principal."),
    _optional("job_id", Text, "Id of the synchronization job; empty when there is none."),
    _optional("reason", Text, "The quarantine reason, or why the job is degraded."),
    _optional("since", Moment, "When this quarantine began."),
    _optional("error_code", Text, "Graph's code of the quarantine's or the execution's error."),
    _optional("error_message", Text, "Graph's text of that error."),
    _optional("last_execution_at", Moment, "When the last execution ended; empty before the first."),
    _optional("last_success_at", Moment, "When the last successful execution ended."),
    _column("counts", JSON, "Objects counted: of the last execution, and synchronized by type."),
    _optional("stalled_since", Moment, "Since when an execution was due that did not come."),
    Index(None, "tenant_id", "fleet", "key", "id"),
    Index(None, "service_principal_id"),
    info={"doc": "How each job was, over time: a row only when something had changed."},
)

CREDENTIAL_FINGERPRINT = Table(
    "credential_fingerprint",
    METADATA,
    _column("tenant_id", Text, "The tenant.", primary_key=True),
    _column("service_principal_id", Text, "The application's service principal, lower case.", primary_key=True),
    _column("key", Text, "Graph's key of the credential, as SecretToken.", primary_key=True),
    _column("fingerprint", Text, "Keyed HMAC of what was saved; its key is never in the store."),
    _column("saved_at", Moment, "When the credential was saved in the tenant."),
    _optional("expires_at", Moment, "When it ends, if it is a token that says so (a JWT)."),
    info={"doc": "How to tell a changed credential from the saved one without keeping either."},
)

JOB_SCHEMA = Table(
    "job_schema",
    METADATA,
    _column("id", BigInteger().with_variant(Integer, "sqlite"), "Number of the version, in order.", primary_key=True),
    _column("tenant_id", Text, "The tenant."),
    _column("fleet", Text, "Name of the fleet."),
    _column("key", Text, "Key of the instance."),
    _column("service_principal_id", Text, "Object id of the service principal, lower case."),
    _column("job_id", Text, "Id of the synchronization job."),
    _column("sha256", Text, "Digest of the content."),
    _column("content", Text, "The schema as JSON, all of it."),
    _column("reason", Text, "What was about to replace it: apply or restore."),
    _column("run_id", Text, "The run that replaced it."),
    _column("kept_at", Moment, "When it was about to be replaced."),
    Index(None, "tenant_id", "service_principal_id", "job_id"),
    info={"doc": "The schema of a job before each write of ours, to go back to."},
)

APPLIED_MAPPINGS = Table(
    "applied_mappings",
    METADATA,
    _column("tenant_id", Text, "The tenant.", primary_key=True),
    _column("service_principal_id", Text, "Object id of the service principal, lower case.", primary_key=True),
    _column("job_id", Text, "Id of the synchronization job.", primary_key=True),
    _column("content", Text, "What the mappings file said, as JSON."),
    _column("applied_at", Moment, "When the job was as the file said."),
    info={"doc": "What each job's mappings were made last, to tell an edit of the file from one in the portal."},
)

JOB_EPISODE = Table(
    "job_episode",
    METADATA,
    _column("id", BigInteger().with_variant(Integer, "sqlite"), "Number, in order.", primary_key=True),
    _column("tenant_id", Text, "The tenant."),
    _column("fleet", Text, "Name of the fleet."),
    _column("key", Text, "Key of the instance."),
    _column("job_id", Text, "Id of the synchronization job."),
    _column("kind", Text, "initial-cycle, quarantine or stall."),
    _column("began_at", Moment, "When it began, as Graph says; else when it was first seen."),
    _column("noticed_at", Moment, "When a sweep first saw it."),
    _optional("ended_at", Moment, "When a sweep saw that it was over; empty while it lasts."),
    _optional("reason", Text, "The quarantine reason."),
    _optional("error_code", Text, "Graph's code of the quarantine's error."),
    _optional("service_principal_id", Text, "Object id of the service principal."),
    _optional("begin_told_at", Moment, "When Prefect had the event of its beginning; empty if that is still to come."),
    _optional("end_told_at", Moment, "When Prefect had the event of its end; empty if that is still to come."),
    Index(None, "tenant_id", "fleet", "job_id"),
    info={"doc": "The initial cycle, quarantines and stalls of each job: one row an episode, however often seen."},
)

INSTANCE = Table(
    "instance",
    METADATA,
    _column("service_principal_id", Text, "The application's service principal, lower case.", primary_key=True),
    _column("tenant_id", Text, "The tenant."),
    _column("fleet", Text, "Name of the fleet that its mark names."),
    _column("key", Text, "Key of the instance that its mark names."),
    _optional("display_name", Text, "Display name of the application."),
    _column("seen_at", Moment, "When a harvest last saw the mark."),
    info={"doc": "Which service principal is which instance, as the marks in the tenant said."},
)

PROVISIONING_EVENT = Table(
    "provisioning_event",
    METADATA,
    _column("id", Text, "Graph's id of the event.", primary_key=True),
    _column("tenant_id", Text, "The tenant it was read from."),
    _optional("activity_at", Moment, "When it happened (activityDateTime, to the microsecond)."),
    _optional("service_principal_id", Text, "The application's service principal, lower case."),
    _optional("service_principal_name", Text, "Display name of the service principal."),
    _optional("job_id", Text, "The synchronization job."),
    _optional("cycle_id", Text, "The cycle of the job."),
    _optional("change_id", Text, "The change within the cycle."),
    _optional("duration_milliseconds", BigInteger, "How long it took."),
    _optional("action", Text, "create, update, delete, disable, stagedDelete, other."),
    _optional("status", Text, "success, failure, skipped, warning."),
    _optional("error_code", Text, "Microsoft's error code."),
    _optional("error_category", Text, "failure, nonServiceFailure …, as it came."),
    _optional("reason", Text, "Microsoft's words for the failure or the skip."),
    _optional("recommended_action", Text, "What Microsoft recommends."),
    _optional("source_id", Text, "Id of the object in the source system (a user or group of Entra)."),
    _optional("source_name", Text, "Display name of the object in the source system."),
    _optional("source_type", Text, "Kind of the object in the source system."),
    _optional("target_id", Text, "Id of the object in the target system."),
    _optional("target_name", Text, "Display name of the object in the target system."),
    _optional("target_type", Text, "Kind of the object in the target system."),
    _column("harvested_at", Moment, "When the event was first stored."),
    _column("raw", JSON, "The event as Graph sent it; steps and modified properties are in here."),
    # Counts by day, status, application, error code and cycle then do not read the wide rows.
    Index(
        "ix_provisioning_event_counted",
        *("tenant_id", "activity_at", "status", "service_principal_id", "error_code", "cycle_id"),
    ),
    Index(None, "service_principal_id", "activity_at"),
    Index("ix_provisioning_event_source", "source_id", "service_principal_id", "activity_at"),
    Index(
        "ix_provisioning_event_failure",
        *("source_id", "service_principal_id", "activity_at"),
        sqlite_where=text("status = 'failure'"),
        postgresql_where=text("status = 'failure'"),
    ),
    info={"doc": "Each provisioning event of the tenant once, kept beyond Microsoft's retention."},
)

IDENTITY = Table(
    "identity",
    METADATA,
    _column("tenant_id", Text, "The tenant its events were read from.", primary_key=True),
    _column("id", Text, "Id in the source system: the events' `source_id`.", primary_key=True),
    _optional("type", Text, "User, Group …"),
    _optional("name", Text, "Display name, as it was last seen."),
    _optional("user_principal_name", Text, "User principal name, as it was last seen; groups have none."),
    _optional("plain_name", Text, "The name without case and accents, to search in."),
    _optional("plain_user_principal_name", Text, "The user principal name, likewise."),
    info={"doc": "The users and groups that the provisioning events are about."},
    sqlite_with_rowid=False,  # with a rowid the key would be stored twice
)

ON_DEMAND_RESULT = Table(
    "on_demand_result",
    METADATA,
    _column("id", BigInteger().with_variant(Integer, "sqlite"), "Number, in order.", primary_key=True),
    _column("tenant_id", Text, "The tenant."),
    _column("fleet", Text, "Name of the fleet."),
    _column("key", Text, "Key of the instance."),
    _column("service_principal_id", Text, "The application's service principal, lower case."),
    _column("job_id", Text, "Id of the synchronization job."),
    _column("tried_at", Moment, "When it was provisioned on demand."),
    _column("source_id", Text, "Id of the user or group in Entra."),
    _optional("source_type", Text, "User or Group."),
    _optional("source_name", Text, "Its display name."),
    _column("outcome", Text, "created, updated, deleted, disabled, unchanged, succeeded, skipped, failed, unknown."),
    _optional("error_code", Text, "Microsoft's code of the failure or the skip."),
    _optional("reason", Text, "Microsoft's words for it."),
    _optional("recommended_action", Text, "What Microsoft recommends."),
    _column("steps", JSON, "The steps as Graph told them: name, type, status, description, details."),
    _column("modified", JSON, "Attributes of the target: name, before, after; empty where Graph told none."),
    _optional("change_id", Text, "The change, as `provisioning_event.change_id` names it too."),
    _optional("target_id", Text, "Id of the object in the target system."),
    _optional("run_id", Text, "The run it was part of."),
    Index(None, "source_id", "tried_at"),
    Index(None, "tried_at"),
    info={"doc": "The results of provisioning on demand; each is also an event in the log."},
)

DIRECTORY_AUDIT = Table(
    "directory_audit",
    METADATA,
    _column("id", Text, "Graph's id of the record.", primary_key=True),
    _column("tenant_id", Text, "The tenant it was read from."),
    _optional("activity_at", Moment, "When it happened (activityDateTime, to the microsecond)."),
    _optional("activity", Text, "What was done, as Microsoft calls it: Update attribute mappings or scope …"),
    _optional("result", Text, "success, failure, timeout."),
    _optional("reason", Text, "Microsoft's words for the result; of a quarantine its cause."),
    _optional("actor_type", Text, "user or application; empty for a service of Microsoft's."),
    _optional("actor_id", Text, "Object id of the user, or of the application's service principal, lower case."),
    _optional("actor_name", Text, "User principal name of the user, or display name."),
    _optional("service_principal_id", Text, "The application's service principal, lower case."),
    _optional("service_principal_name", Text, "Display name of the service principal."),
    _optional("job_id", Text, "The synchronization job, where the record names it."),
    _optional("correlation_id", Text, "What belongs together in the logs."),
    _column("harvested_at", Moment, "When the record was first stored."),
    _column("raw", JSON, "The record as Graph sent it, without values of credentials."),
    Index(None, "tenant_id", "activity_at"),
    Index(None, "service_principal_id", "activity_at"),
    info={"doc": "Who changed what about provisioning: each record of the directory audit log once."},
)

HARVEST_WATERMARK = Table(
    "harvest_watermark",
    METADATA,
    _column("tenant_id", Text, "The tenant.", primary_key=True),
    _column("scope", Text, "fleet (events of our applications), tenant (of all) or audits.", primary_key=True),
    _column("watermark", Moment, "Every event before this moment that the log had is stored."),
    _column("moved_at", Moment, "When the watermark last moved."),
    info={"doc": "How far the provisioning log and the directory audit log have been read."},
)

HARVEST_GAP = Table(
    "harvest_gap",
    METADATA,
    _column("tenant_id", Text, "The tenant.", primary_key=True),
    _column("scope", Text, "Scope of the harvest that found it.", primary_key=True),
    _column("reason", Text, "retention (the log had forgotten it) or unreadable.", primary_key=True),
    _column("start", Moment, "First moment that may be missing.", primary_key=True),
    _column("end", Moment, "First moment that is there again."),
    _column("found_at", Moment, "When the gap was first found."),
    _optional("detail", Text, "What Graph answered where it could not be read."),
    info={"doc": "Spans of a log that could not be read: reported, never hidden."},
)


MEASUREMENT = Table(
    "measurement",
    METADATA,
    _column("tenant_id", Text, "The tenant.", primary_key=True),
    _column("fleet", Text, "Name of the fleet; an empty text where it is about the tenant.", primary_key=True),
    _column("key", Text, "Key of the instance; an empty text where it is about the fleet.", primary_key=True),
    _column(
        "name",
        Text,
        "drift, sweep, credentials-expire, certificate-expires, graph-requests, graph-throttled …",
        primary_key=True,
    ),
    _column("value", Float, "A number; of moments the seconds since 1970."),
    _column("measured_at", Moment, "When it was last written."),
    info={"doc": "Numbers of the present that metrics show and no other table holds."},
)

DRIFT_LOOK = Table(
    "drift_look",
    METADATA,
    _column("tenant_id", Text, "The tenant.", primary_key=True),
    _column("service_principal_id", Text, "The application's service principal, lower case.", primary_key=True),
    _column("area", Text, "settings or mappings: what was compared.", primary_key=True),
    _column("job_id", Text, "Id of the synchronization job."),
    _column("desired", Text, "Digest of what the fleet file said of this area."),
    _column("looked_at", Moment, "When a plan last compared it with the tenant."),
    _column("fields", JSON, "Fields that differ: a digest of both values, and between which looks that came about."),
    info={"doc": "What the last plan of a flow run saw of each instance, to tell later who made it drift."},
)

TENANT_LOOK = Table(
    "tenant_look",
    METADATA,
    _column("tenant_id", Text, "The tenant.", primary_key=True),
    _optional("looked_at", Moment, "When the last look that came to its end began."),
    _optional("full_at", Moment, "When the last look at every service principal began that came to its end."),
    _optional("delta_link", Text, "Where Graph tells what has changed since."),
    _optional("began_at", Moment, "When the look under way began; empty when none is."),
    _optional("kind", Text, "full or changes: the look under way."),
    _optional("next_link", Text, "The page of service principals that it reads next."),
    _optional("new_delta_link", Text, "The delta_link to be, once it has come to its end."),
    info={"doc": "How far a tenant has been looked through, so that a look that was killed goes on where it was."},
)

TENANT_PRINCIPAL = Table(
    "tenant_principal",
    METADATA,
    _column("tenant_id", Text, "The tenant.", primary_key=True),
    _column("service_principal_id", Text, "Object id of the service principal, lower case.", primary_key=True),
    _optional("app_id", Text, "Its application id."),
    _optional("display_name", Text, "Its display name."),
    _optional("application_template_id", Text, "The application template it was created from."),
    _optional("type", Text, "servicePrincipalType: Application, ManagedIdentity, Legacy …"),
    _optional("fleet", Text, "The fleet that its ownership tag names."),
    _optional("key", Text, "The key that its ownership tag names."),
    _column("first_seen_at", Moment, "When a look first listed it."),
    _column("seen_at", Moment, "When a look last listed it."),
    _optional("looked_at", Moment, "When its jobs were last read, or could not be."),
    _optional("connection", JSON(none_as_null=True), "Keys of its secrets, recipients and target; no secret value."),
    _optional("connection_at", Moment, "When that was read."),
    _optional("error_code", Text, "Why its jobs could not be read: Graph's code."),
    _optional("error_message", Text, "Graph's text of that error."),
    _optional("gone_at", Moment, "When it was found deleted."),
    info={"doc": "Every service principal that a look at the whole tenant has listed."},
)

TENANT_JOB = Table(
    "tenant_job",
    METADATA,
    _column("tenant_id", Text, "The tenant.", primary_key=True),
    _column("service_principal_id", Text, "Object id of the service principal, lower case.", primary_key=True),
    _column("job_id", Text, "Id of the synchronization job.", primary_key=True),
    _optional("synchronization_template_id", Text, "The synchronization template of the job."),
    _column("state", Text, "As in job_history."),
    _optional("schedule", Text, "The state of its schedule: Active, Paused, Disabled."),
    _optional("reason", Text, "The quarantine reason, or why the job is degraded."),
    _optional("held_by", Text, "The reason of its quarantine, whatever else its state is."),
    _optional("since", Moment, "When this quarantine began."),
    _optional("error_code", Text, "Graph's code of the quarantine's or the execution's error."),
    _optional("error_message", Text, "Graph's text of that error."),
    _optional("last_execution_at", Moment, "When the last execution ended."),
    _optional("last_success_at", Moment, "When the last successful execution ended."),
    _optional("steady_at", Moment, "When it was last seen in its steady state by the service."),
    _optional("stalled_since", Moment, "Since when an execution was due that did not come."),
    _column("counts", JSON, "Objects counted: of the last execution, and synchronized by type."),
    _column("first_seen_at", Moment, "When a look first found it."),
    _column("seen_at", Moment, "When a look last found it."),
    _column("state_at", Moment, "When a look first found it in its present state."),
    _column("changed_at", Moment, "When a look last found something changed that a person would act on."),
    _optional("gone_at", Moment, "When it was found deleted, itself or with its service principal."),
    info={"doc": "Every synchronization job of the tenant, managed or not, as of the last check."},
)


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
