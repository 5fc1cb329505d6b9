"""Everything that can be set about the tenant; each unconfirmed point of Graph is a switch here."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self

ALL_ROLES = (
    "Application.ReadWrite.All",
    "Synchronization.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "ProvisioningLog.Read.All",
    "Directory.Read.All",
)


class EmulatorError(Exception):
    """The emulator was asked for something that it cannot do; the text says what to write instead."""


@dataclass(frozen=True, slots=True)
class FederatedCredential:
    """An outside identity that the application trusts."""

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
    """The tenant to emulate. Durations are tenant seconds; nothing but `latency_seconds` is ever waited for."""

    seed: int = 1
    profile: str = "calm"
    """A name of `PROFILES`, or several joined by `+`."""
    given: frozenset[str] = field(init=False, repr=False, compare=False)
    """The names of what was set by hand, which no profile changes."""

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
    """What a token says of itself."""
    token_valid_seconds: float | None = None
    """When a token is refused, if earlier than it says (revoked)."""

    users: int = 48
    groups: int = 12
    estate: int = 0
    """How many service principals the tenant has before anybody comes, of all types, some with jobs."""
    object_quota: int | None = None
    quota_status: int = 403
    directory_reads_by_id_need_permission: bool = False

    latency: Literal["even", "realistic"] = "even"
    """Whether every request takes `latency_seconds`, or each operation its own time with a seeded spread."""
    latency_seconds: float = 0.0
    latency_scale: float = 1.0
    """Realistic latencies are this much of the modelled ones."""
    replication_lag_seconds: float = 0.0
    change_lag_seconds: float = 0.0
    """How long replicas go on to show an object as it was before a PATCH, and no new assignment."""
    templates_lag_seconds: float = 0.0
    templates_before_ready: Literal["empty", "404"] = "empty"
    not_replicated: tuple[int, ...] = (404,)
    """Answers of synchronization endpoints about a service principal that has not replicated: 404, 403 or 409."""
    propagation: Literal["delayed", "at once", "never"] = "delayed"
    """When an application's tags and display name show on its service principal."""
    propagation_seconds: float = 0.0
    index_lag_seconds: float = 0.0
    """Further lag of the index that advanced queries read."""
    secrets_lag_seconds: float = 0.0

    bodyless_writes: Literal["need_type", "need_body", "lenient"] = "need_type"
    """What a write without a body must have: a Content-Type, JSON all the same, or nothing."""
    unknown_segments: Literal["not found", "malformed"] = "not found"
    """What an unknown segment below an object is: a 404 of the directory, or a 400 of the gateway."""
    no_jobs: Literal["404", "empty"] = "404"
    """How the list of jobs is answered of a service principal that has none."""
    delta_lifetime_seconds: float = 7 * 86_400.0
    """How long a deltaLink can be followed."""
    delta_expired: Literal["410", "400"] = "410"
    """How a deltaLink is refused that has expired: both are on Microsoft's pages."""

    fresh_job_code: Literal["Paused", "NotConfigured"] = "Paused"
    """How a job looks that was never started; NotConfigured is the older form, with its other interval."""
    job_alias: Literal["renamed", "as asked"] = "renamed"
    """Whether a job of a template that stands for another says so."""
    last_success: Literal["end only", "whole"] = "end only"
    """Whether the last successful execution of a job tells only when it ended."""
    duplicate_jobs: Literal["conflict", "same", "second"] = "conflict"
    secrets_put: Literal["replace", "merge"] = "replace"
    start_without_credentials: Literal["quarantine", "error"] = "quarantine"
    """Whether the start is accepted, and the first cycle fails, or refused."""
    on_demand_without_credentials: Literal["error", "failure"] = "error"
    """Whether provisioning on demand is refused then, or answers that it failed."""
    validate_failure_status: int = 400
    validate_failure_form: Literal["nested", "flat"] = "nested"
    """Whether the code below stands inside of another one."""
    validate_failure_code: str = "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable"
    accepted_secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Pairs of BaseAddress and the one SecretToken that the target system there accepts."""
    rejected_words: tuple[str, ...] = ("wrong", "rejected")
    batch_synchronization: bool = True
    """Whether `$batch` takes synchronization paths."""
    unlisted_permission: Literal["all or owned", "all only"] = "all or owned"
    """What reading secrets and validating on the collection need: Application.ReadWrite.OwnedBy may do or not."""
    schema_form: Literal["as put", "without nulls", "reordered"] = "as put"
    """How a job's schema is shown: as it was put, without what is null or empty, or its lists in another order."""
    job_patch: Literal["unknown", "apply", "ignore", "refuse"] = "unknown"
    """What a PATCH of a job is: unknown, or it takes effect, or answers 204 and changes nothing, or is a 400."""
    jobs_after_restore: Literal["disabled", "running", "gone"] = "disabled"
    """What became of the jobs of a service principal that comes back from the recycle bin."""
    on_demand_key: Literal["type name", "result"] = "type name"
    """The `key` of a provisionOnDemand answer: JSON in a string, or the name of an internal type."""
    on_demand_value: Literal["summaries", "summary", "steps"] = "summaries"
    """The `value` for a user: one event in a string, a list of such, or a list of its steps alone."""
    secrets_api: Literal["present", "removed from beta"] = "present"
    """Whether beta still has secrets, validateCredentials and acquireAccessToken after their removal date."""
    duplicate_assignment_code: str = "Request_BadRequest"
    user_role_id: str | None = None
    """One id for the role `User` of every template; by default each template has its own."""

    target_fault: str | None = None
    """What is wrong with the target systems that run here: a name of `graph_emulator.scim.faults.FAULTS`."""
    target_token_seconds: float = 60.0
    """How long a target system with the fault `ending-token` takes a token, from its first use on."""

    start_delay_seconds: float = 0.3
    initial_cycle_seconds: float = 1.2
    cycle_seconds: float = 5.0
    eventful_cycles: int = 12
    """Incremental cycles in which people change by themselves; later ones find nothing new."""
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
    """Whether a list of templates without `$top` comes in pages, or whole."""
    template_properties: Literal["nine", "all"] = "nine"
    """Whether templates have the properties that were recorded, or those too that the metadata declares since."""
    template_count_segment: bool = True
    """Whether `/applicationTemplates/$count` exists."""
    unintegrated_templates: Literal["instantiate", "refuse"] = "instantiate"
    """What instantiating a template with `isEntraIntegrated: false` does."""
    gallery_ids: Literal["same", "per cloud"] = "same"
    """Whether gallery templates have the same ids in every cloud; the non-gallery ones differ in any case."""

    throttling: bool = False
    throttle_time_scale: float = 1.0
    """Windows are this much of the documented length; their budgets stay."""
    writes_per_window: int = 3000
    write_window_seconds: float = 150.0
    units_per_window: int = 8000
    unit_window_seconds: float = 10.0
    reports_per_window: int = 5
    report_window_seconds: float = 10.0
    on_demand_per_window: int = 5
    on_demand_window_seconds: float = 10.0
    unlisted_budgets: Literal["charged", "free"] = "charged"
    """Whether application templates and synchronization, which the list of limits does not name, cost anything."""

    requests_kept: int = 200_000
    body_limit_bytes: int = 4 * 1024 * 1024

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Remember what was set by hand, also where it equals the default."""
        settings = object.__new__(cls)
        names = {f.name: f.default for f in fields(cls) if f.init}
        # `dataclasses.replace` names every field: then only what differs was meant.
        whole = given.keys() >= names.keys()
        meant = frozenset(n for n, value in given.items() if not whole or value != names.get(n))
        object.__setattr__(settings, "given", meant)
        return settings

    def with_changes(self, **changes: Any) -> "EmulatorSettings":
        """A copy with other values, all of them set by hand."""
        copied = replace(self, **changes)
        object.__setattr__(copied, "given", self.given | changes.keys())
        return copied

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
    "delta_expired": ("410", "400"),
    "duplicate_assignment_code": ("Request_BadRequest", "Request_MultipleObjectsWithSameKeyValue"),
    "duplicate_jobs": ("conflict", "same", "second"),
    "batch_synchronization": (True, False),
    "bodyless_writes": ("need_type", "need_body", "lenient"),
    "fresh_job_code": ("Paused", "NotConfigured"),
    "gallery_ids": ("same", "per cloud"),
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
    "propagation": ("delayed", "at once", "never"),
    "quota_status": (403, 400),
    "schema_form": ("as put", "without nulls", "reordered"),
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
