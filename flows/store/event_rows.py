"""How a provisioning event becomes a row: the columns to query, beside the whole event as it came."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graph_client.models import ProvisioningEvent


def build_event_row(event: "ProvisioningEvent", tenant_id: str, harvested_at: datetime) -> dict[str, Any]:
    """Return the row of an event, of v1.0's or of beta's shape.

    Source: https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary
    """
    raw, error = event.raw, event.error.raw
    source, target = event.source_identity.raw, event.target_identity.raw
    columns = {
        "id": event.id,
        "tenant_id": tenant_id,
        "service_principal_id": fold_text(event.service_principal_id or ""),
        "service_principal_name": event.service_principal.display_name,
        "job_id": raw.get("jobId"),
        "cycle_id": raw.get("cycleId"),
        "change_id": raw.get("changeId"),
        "action": event.action,
        "status": event.status,
        "error_code": error.get("errorCode"),
        "error_category": error.get("errorCategory"),
        "reason": error.get("reason"),
        "recommended_action": error.get("recommendedAction"),
        "source_id": source.get("id"),
        "source_name": source.get("displayName"),
        "source_type": source.get("identityType"),
        "target_id": target.get("id"),
        "target_name": target.get("displayName"),
        "target_type": target.get("identityType"),
    }
    return {
        **{name: storable(value) for name, value in columns.items()},
        "activity_at": event.activity_date_time,
        "duration_milliseconds": event.duration_in_milliseconds,
        "harvested_at": harvested_at,
        "raw": event.raw,
    }


def fold_text(service_principal_id: str) -> str:
    """Return a service principal's id as it is compared: Graph does not keep to one case."""
    return service_principal_id.lower()


def storable(value: Any) -> str | None:
    """Return a value as a text that both databases take; None for an empty one."""
    if not isinstance(value, str):
        return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    # A name from a target system may hold a NUL, which PostgreSQL refuses, or half a surrogate pair, which
    # UTF-8 has not; one such event must not stop the harvest. `raw` keeps both, escaped.
    if not value:
        return None
    if value.isascii() and value.isprintable():
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
