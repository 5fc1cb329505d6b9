"""The points of Graph that nobody could confirm: for each the setting, and the values that it may take.

The first value is the default. A client is to work with every one of them; tests run through `both_ways`.
"""

from typing import Any

SWITCHES: dict[str, tuple[Any, ...]] = {
    "directory_reads_by_id_need_permission": (False, True),
    "duplicate_assignment_code": ("Request_BadRequest", "Request_MultipleObjectsWithSameKeyValue"),
    "duplicate_jobs": ("second", "conflict"),
    "batch_synchronization": (True, False),
    "fresh_job_code": ("NotConfigured", "Paused"),
    "gallery_ids": ("same", "per cloud"),
    "job_patch": ("apply", "ignore", "refuse"),
    "jobs_after_restore": ("disabled", "running", "gone"),
    "log_latency_seconds": (0.4, 600.0),
    "log_next_link_without_top": (False, True),
    "log_page_size": (500, 100, 1000),
    "not_replicated": ((404,), (404, 403, 409)),
    "object_quota": (None, 250),
    "on_demand_key": ("result", "type name"),
    "on_demand_value": ("summary", "summaries", "steps"),
    "propagation": ("delayed", "at once", "never"),
    "quota_status": (403, 400),
    "schema_form": ("as put", "without nulls", "reordered"),
    "secrets_api": ("present", "removed from beta"),
    "secrets_put": ("replace", "merge"),
    "start_without_credentials": ("error", "quarantine"),
    "template_count_segment": (True, False),
    "template_next_link_without_top": (True, False),
    "template_page_size": (100, 50, 999),
    "templates_before_ready": ("empty", "404"),
    "templates_lag_seconds": (0.0, 30.0),
    "unintegrated_templates": ("instantiate", "refuse"),
    "unlisted_budgets": ("charged", "free"),
    "unlisted_permission": ("all or owned", "all only"),
    "user_role_id": (None, "18d14569-c3bd-439b-9a66-3a2aee01d14f"),
    "validate_failure_code": (
        "SystemForCrossDomainIdentityManagementCredentialValidationFailure",
        "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable",
    ),
    "validate_failure_status": (400, 401, 500),
}


def both_ways() -> list[dict[str, Any]]:
    """The settings of one tenant for each value that is no default, and of one with the defaults."""
    return [{}, *({name: value} for name, values in SWITCHES.items() for value in values[1:])]
