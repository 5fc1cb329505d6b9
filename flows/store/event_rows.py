"""How a provisioning event becomes a row: the columns to query, beside the whole event as it came."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graph_client.models import ProvisioningEvent


def row_of(event: "ProvisioningEvent", tenant_id: str, harvested_at: datetime) -> dict[str, Any]:
    """Return the row of an event, of v1.0's or of beta's shape.

    Source: https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary
    """
    principal, source, target = event.service_principal, event.source_identity, event.target_identity
    columns: dict[str, Any] = {
        "id": event.id,
        "tenant_id": tenant_id,
        "service_principal_id": folded(event.service_principal_id or ""),
        "service_principal_name": principal.display_name if principal else None,
        "job_id": event.job_id,
        "cycle_id": event.cycle_id,
        "change_id": event.change_id,
        "action": event.action,
        "status": event.status,
        "error_code": event.error_code,
        "error_category": event.error_category,
        "reason": event.reason,
        "recommended_action": event.recommended_action,
        "source_id": source.id if source else None,
        "source_name": source.display_name if source else None,
        "source_type": source.identity_type if source else None,
        "target_id": target.id if target else None,
        "target_name": target.display_name if target else None,
        "target_type": target.identity_type if target else None,
    }
    return {
        **{name: _storable(value) for name, value in columns.items()},
        "activity_at": event.activity_date_time,
        "duration_milliseconds": event.duration_in_milliseconds,
        "harvested_at": harvested_at,
        "raw": event.raw,
    }


def folded(service_principal_id: str) -> str:
    """Return a service principal's id as it is compared: Graph does not keep to one case."""
    return service_principal_id.lower()


def _storable(value: str | None) -> str | None:
    # A name from a target system may hold a NUL, which PostgreSQL refuses, or half a surrogate pair, which
    # UTF-8 has not; one such event must not stop the harvest. `raw` keeps both, escaped.
    if not value:
        return None
    if value.isascii() and value.isprintable():
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
