"""The settings of a tenant; each unconfirmed behaviour of Graph is a switch here."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self

ALL_ROLES = (
    "Application.ReadWrite.All",
    "Synchronization.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "ProvisioningLog.Read.All",
    "Directory.Read.All",
    "Policy.ReadWrite.ApplicationConfiguration",
    "Policy.Read.All",
    "Policy.ReadWrite.CrossTenantAccess",
)


class EmulatorError(Exception):
    """The emulator cannot do what was asked; the text says what is possible."""


@dataclass(frozen=True, slots=True)
class FederatedCredential:
    """An external identity that the application trusts."""

    issuer: str
    subject: str
    audience: str = "api://AzureADTokenExchange"


@dataclass(frozen=True, slots=True)
class Client:
    """An application that may sign in to the tenant."""

    client_id: str
    client_secret: str = field(repr=False)
    roles: tuple[str, ...] = ALL_ROLES
    expired_secrets: tuple[str, ...] = field(default=(), repr=False)
    certificates: tuple[str, ...] = field(default=(), repr=False)
    """PEM texts of accepted certificates."""
    federated: tuple[FederatedCredential, ...] = ()


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """The tenant to emulate. Durations are in the tenant's time; only latencies are actually waited for."""

    seed: int = 1
    profile: str = "calm"
    """A name of `PROFILES`, or several joined by `+`."""
    given: frozenset[str] = field(init=False, repr=False, compare=False)
    """The names of the explicitly set fields, which profiles leave unchanged."""

    tenant_id: str = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
    tenant_name: str = "Contoso"
    cloud: Literal["global", "usgov", "china"] = "global"
    client_id: str = "3c5b0a5e-5a6f-4a0e-9a51-2a1d6f7c8e90"
    client_secret: str = field(default="emulator~client.secret", repr=False)
    roles: tuple[str, ...] = ALL_ROLES
    expired_secrets: tuple[str, ...] = field(default=(), repr=False)
    certificates: tuple[str, ...] = field(default=(), repr=False)
    federated: tuple[FederatedCredential, ...] = ()
    other_clients: tuple[Client, ...] = ()
    token_lifetime_seconds: float = 3600.0
    """The lifetime in a token's own claims."""
    token_valid_seconds: float | None = None
    """When a token is rejected, if earlier than its claims say (revoked)."""

    users: int = 48
    groups: int = 12
    estate: int = 0
    """How many service principals the tenant has initially, of all types, some with jobs."""
    object_quota: int | None = None
    quota_status: int = 403
    directory_reads_by_id_need_permission: bool = False

    latency: Literal["even", "realistic"] = "even"
    """Whether every request takes `latency_seconds`, or each operation has its own latency with seeded variation."""
    latency_seconds: float = 0.0
    latency_scale: float = 1.0
    """The factor on realistic latencies."""
    replication_lag_seconds: float = 0.0
    change_lag_seconds: float = 0.0
    """How long replicas may return an object as before a PATCH, and omit a new assignment."""
    key_credentials_lag_seconds: float = 0.0
    """The same for keyCredentials, if longer: a PATCH that repeats a stale read removes what it does not show."""
    templates_lag_seconds: float = 0.0
    templates_before_ready: Literal["empty", "404"] = "empty"
    not_replicated: tuple[int, ...] = (404,)
    """How synchronization endpoints answer about a service principal that is not replicated: 404, 403 or 409."""
    propagation: Literal["delayed", "at once", "never"] = "delayed"
    """When an application's tags and display name appear on its service principal."""
    propagation_seconds: float = 0.0
    index_lag_seconds: float = 0.0
    """Additional lag of the index behind advanced queries."""
    secrets_lag_seconds: float = 0.0
    policy_lag_seconds: float = 0.0
    """How long until the provisioning service knows a change of the cross-tenant access policy."""

    bodyless_writes: Literal["need_type", "need_body", "lenient"] = "need_type"
    """What a write without a body needs: a Content-Type, a JSON body after all, or nothing."""
    unknown_segments: Literal["not found", "malformed"] = "not found"
    """The answer to an unknown segment below an object: the directory's 404 or the gateway's 400."""
    no_jobs: Literal["404", "empty"] = "404"
    """How the list of jobs is answered if a service principal has none."""
    delta_lifetime_seconds: float = 7 * 86_400.0
    """How long a deltaLink can be followed."""
    delta_expired: Literal["410", "400"] = "410"
    """How an expired deltaLink is refused: both are on Microsoft's pages."""

    fresh_job_code: Literal["Paused", "NotConfigured"] = "Paused"
    """The status of a job that was never started; NotConfigured is the older form, with another interval."""
    job_alias: Literal["renamed", "as asked"] = "renamed"
    """Whether a job created from a template that is an alias names the actual template."""
    entry_counts: Literal["current", "highest"] = "current"
    """Whether `synchronizedEntryCountByType` falls with deletions."""
    last_success: Literal["end only", "whole"] = "end only"
    """Whether the last successful execution of a job has only its end."""
    duplicate_jobs: Literal["conflict", "same", "second"] = "conflict"
    secrets_put: Literal["replace", "merge"] = "replace"
    start_without_credentials: Literal["quarantine", "error"] = "quarantine"
    """Whether the start is accepted and the first cycle fails, or is refused."""
    on_demand_without_credentials: Literal["error", "failure"] = "error"
    """Whether provisioning on demand is refused then, or reports a failure."""
    validate_failure_status: int = 400
    validate_failure_form: Literal["nested", "flat"] = "nested"
    """Whether the code below is nested inside another one."""
    validate_failure_code: str = "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable"
    accepted_secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Pairs of a BaseAddress and the only SecretToken that its target system accepts."""
    rejected_words: tuple[str, ...] = ("wrong", "rejected")
    batch_synchronization: bool = True
    """Whether `$batch` accepts synchronization paths."""
    unlisted_permission: Literal["all or owned", "all only"] = "all or owned"
    """Whether Application.ReadWrite.OwnedBy suffices for reading secrets and validating on the collection."""
    schema_form: Literal["as put", "without nulls", "reordered"] = "as put"
    """How a job's schema is returned: as written, without null and empty values, or with its lists in another order."""
    job_patch: Literal["unknown", "apply", "ignore", "refuse"] = "unknown"
    """What a PATCH of a job does: unknown to the service, applied, answered with 204 but ignored, or a 400."""
    jobs_after_restore: Literal["disabled", "running", "gone"] = "disabled"
    """The state of the jobs of a service principal that is restored from the recycle bin."""
    on_demand_key: Literal["type name", "result"] = "type name"
    """The `key` of a provisionOnDemand answer: JSON in a string, or the name of an internal type."""
    on_demand_value: Literal["summaries", "summary", "steps"] = "summaries"
    """The `value` for a user: one event in a string, a list of events, or a list of steps."""
    secrets_api: Literal["present", "removed from beta"] = "present"
    """Whether beta still has secrets, validateCredentials and acquireAccessToken after their removal date."""
    duplicate_assignment_code: str = "Request_BadRequest"
    user_role_id: str | None = None
    """One id for the role `User` of every template; by default each template has its own."""

    certificate_switch: Literal["shown", "hidden"] = "shown"
    """Whether the preferred thumbprint shows that Entra has switched to another certificate."""
    custom_key_identifier: Literal["thumbprint", "own"] = "thumbprint"
    """What the customKeyIdentifier of a new signing certificate is: its thumbprint, or twenty bytes of its own."""
    federation_metadata: Literal["all", "active"] = "all"
    """Whether the metadata of an application also has the valid certificates that are not active."""
    foreign_identifiers: Literal["always", "saml only"] = "always"
    """When an identifier may have a domain that is not the tenant's."""
    identifier_conflict_status: int = 400
    """How an identifier that another application has is refused."""

    guest_removal: Literal["delete", "disable"] = "delete"
    """How the log names the removal of a user who left the scope from a target tenant."""
    consent_patch: Literal["merge", "replace"] = "merge"
    """What a PATCH of one direction of automatic redemption does to the other one."""
    partner_form: Literal["recorded", "declared"] = "recorded"
    """Whether a partner has the properties of the recordings, or those that the metadata declares."""
    partner_delete: Literal["refused", "with synchronization"] = "refused"
    """What happens when a partner that has an identitySynchronization is deleted."""
    policy_check: Literal["both tenants", "target"] = "both tenants"
    """Whether credentials are refused, too, while the source does not redeem invitations automatically."""
    policy_failure_code: str = "AzureActiveDirectoryCrossTenantSyncPolicyCheckFailure"
    second_configuration: Literal["accepted", "refused"] = "accepted"
    """What validation and cycles make of a second application for the same target tenant."""

    target_fault: str | None = None
    """What is wrong with the target systems that run here: a name of `graph_emulator.scim.server.FAULTS`."""
    target_token_seconds: float = 60.0
    """How long a target system with the fault `ending-token` takes a token, from its first use on."""

    start_delay_seconds: float = 0.3
    initial_cycle_seconds: float = 1.2
    cycle_seconds: float = 5.0
    eventful_cycles: int = 12
    """The number of incremental cycles in which people change; later ones find no changes."""
    quarantine_retry_seconds: float = 86_400.0
    entry_failure_share: float = 0.04
    log_moments: Literal["whole seconds", "fractions"] = "whole seconds"
    log_latency_seconds: float = 0.4
    late_event_share: float = 0.0
    late_event_seconds: float = 1800.0
    log_retention_seconds: float = 30 * 86_400.0
    log_page_size: int = 500
    log_page_size_maximum: int = 1000
    log_next_link_without_top: bool = False
    audit_latency_seconds: float = 0.4
    """How late a directory audit record can be read; stragglers and retention are as of the provisioning log."""
    lost_audit_share: float = 0.0
    """Records that never reach the audit log."""
    audit_page_size: int = 1000
    audit_page_size_maximum: int = 1000
    audit_service_filter: Literal["works", "finds nothing"] = "works"
    """What a filter of the audit log by `loggedByService` does."""
    template_page_size: int = 100
    template_next_link_without_top: bool = False
    """Whether a list of templates without `$top` is paged."""
    template_properties: Literal["nine", "all"] = "nine"
    """Whether templates have only the recorded properties, or all that the metadata declares since then."""
    template_count_segment: bool = True
    """Whether `/applicationTemplates/$count` exists."""
    unintegrated_templates: Literal["instantiate", "refuse"] = "instantiate"
    """How instantiating a template with `isEntraIntegrated: false` is answered."""
    gallery_ids: Literal["same", "per cloud"] = "same"
    """Whether gallery templates have the same ids in every cloud; the ids of the non-gallery ones differ anyway."""

    throttling: bool = False
    throttle_time_scale: float = 1.0
    """The factor on the documented windows; their budgets are unchanged."""
    writes_per_window: int = 3000
    write_window_seconds: float = 150.0
    units_per_window: int = 8000
    unit_window_seconds: float = 10.0
    reports_per_window: int = 5
    report_window_seconds: float = 10.0
    on_demand_per_window: int = 5
    on_demand_window_seconds: float = 10.0
    key_reads_per_window: int = 150
    key_read_window_seconds: float = 60.0
    """The budget for lists with `$select=keyCredentials`."""
    unlisted_budgets: Literal["charged", "free"] = "charged"
    """Whether application templates and synchronization, which the documented limits do not list, cost anything."""

    requests_kept: int = 200_000
    body_limit_bytes: int = 4 * 1024 * 1024

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Record which fields are set explicitly, even to their defaults."""
        # In __new__, because only here it is seen which fields were given; the dataclass makes its own __init__.
        settings = object.__new__(cls)
        names = {f.name: f.default for f in fields(cls) if f.init}
        # `dataclasses.replace` passes every field: then only those that differ count as set.
        whole = given.keys() >= names.keys()
        meant = frozenset(n for n, value in given.items() if not whole or value != names.get(n))
        # The class is frozen.
        object.__setattr__(settings, "given", meant)
        return settings

    def with_changes(self, **changes: Any) -> "EmulatorSettings":
        """A copy with changed values, which count as explicitly set."""
        copied = replace(self, **changes)
        object.__setattr__(copied, "given", self.given | changes.keys())
        return copied

    @property
    def domain(self) -> str:
        """The verified domain of the tenant."""
        return f"{''.join(c for c in self.tenant_name.lower() if c.isascii() and c.isalnum()) or 'tenant'}.example"

    @property
    def variable_prefix(self) -> str:
        """What precedes the names of environment variables about the tenant, such as `FABRIKAM`."""
        return self.domain.partition(".")[0].upper()

    @property
    def clients(self) -> tuple[Client, ...]:
        """Every application that may sign in, the main one first."""
        main = Client(
            self.client_id,
            self.client_secret,
            self.roles,
            self.expired_secrets,
            self.certificates,
            self.federated,
        )
        return (main, *self.other_clients)


SWITCHES: dict[str, tuple[Any, ...]] = {
    "audit_service_filter": ("works", "finds nothing"),
    "directory_reads_by_id_need_permission": (False, True),
    "certificate_switch": ("shown", "hidden"),
    "consent_patch": ("merge", "replace"),
    "custom_key_identifier": ("thumbprint", "own"),
    "delta_expired": ("410", "400"),
    "duplicate_assignment_code": ("Request_BadRequest", "Request_MultipleObjectsWithSameKeyValue"),
    "duplicate_jobs": ("conflict", "same", "second"),
    "batch_synchronization": (True, False),
    "bodyless_writes": ("need_type", "need_body", "lenient"),
    "entry_counts": ("current", "highest"),
    "federation_metadata": ("all", "active"),
    "foreign_identifiers": ("always", "saml only"),
    "fresh_job_code": ("Paused", "NotConfigured"),
    "gallery_ids": ("same", "per cloud"),
    "guest_removal": ("delete", "disable"),
    "identifier_conflict_status": (400, 409),
    "job_alias": ("renamed", "as asked"),
    "job_patch": ("unknown", "apply", "ignore", "refuse"),
    "jobs_after_restore": ("disabled", "running", "gone"),
    "last_success": ("end only", "whole"),
    "log_latency_seconds": (0.4, 600.0),
    "log_moments": ("whole seconds", "fractions"),
    "log_next_link_without_top": (False, True),
    "log_page_size": (500, 100, 1000),
    "no_jobs": ("404", "empty"),
    "not_replicated": ((404,), (404, 403, 409)),
    "object_quota": (None, 250),
    "on_demand_key": ("type name", "result"),
    "on_demand_value": ("summaries", "summary", "steps"),
    "on_demand_without_credentials": ("error", "failure"),
    "partner_delete": ("refused", "with synchronization"),
    "partner_form": ("recorded", "declared"),
    "policy_check": ("both tenants", "target"),
    "policy_failure_code": ("AzureActiveDirectoryCrossTenantSyncPolicyCheckFailure", "AzureActiveDirectoryForbidden"),
    "policy_lag_seconds": (0.0, 30.0),
    "propagation": ("delayed", "at once", "never"),
    "quota_status": (403, 400),
    "schema_form": ("as put", "without nulls", "reordered"),
    "second_configuration": ("accepted", "refused"),
    "secrets_api": ("present", "removed from beta"),
    "secrets_put": ("replace", "merge"),
    "start_without_credentials": ("quarantine", "error"),
    "template_count_segment": (True, False),
    "template_next_link_without_top": (False, True),
    "template_page_size": (100, 50, 999),
    "template_properties": ("nine", "all"),
    "templates_before_ready": ("empty", "404"),
    "templates_lag_seconds": (0.0, 30.0),
    "unintegrated_templates": ("instantiate", "refuse"),
    "unknown_segments": ("not found", "malformed"),
    "unlisted_budgets": ("charged", "free"),
    "unlisted_permission": ("all or owned", "all only"),
    "user_role_id": (None, "18d14569-c3bd-439b-9a66-3a2aee01d14f"),
    "validate_failure_code": (
        "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable",
        "SystemForCrossDomainIdentityManagementCredentialValidationFailure",
    ),
    "validate_failure_form": ("nested", "flat"),
    "validate_failure_status": (400, 401, 500),
}


def both_ways() -> list[dict[str, Any]]:
    """The settings of one tenant for each value that is no default, and of one with the defaults."""
    return [{}, *({name: value} for name, values in SWITCHES.items() for value in values[1:])]
