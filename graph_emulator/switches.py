"""The points of Graph that nobody could confirm: for each the setting, and the values that it may take.

The first value is the default. A client is to work with every one of them; tests run through `both_ways`.
"""

from typing import Any

SWITCHES: dict[str, tuple[Any, ...]] = {
    "directory_reads_by_id_need_permission": (False, True),
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
    "log_next_link_without_top": (False, True),
    "log_page_size": (500, 100, 1000),
    "no_jobs": ("404 in a batch", "404", "empty"),
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
