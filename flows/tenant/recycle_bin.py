"""The deleted applications of a fleet that can be restored."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flows.fleet_file.models import Fleet
from flows.formatting import format_iso
from flows.tenant.ownership_tag import OwnershipTag
from graph_client import GraphClient
from graph_client.errors import GraphStatusError

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class DeletedApplication:
    """A deleted application of the fleet, which can be restored for 30 days."""

    key: str
    display_name: str
    application_id: str
    deleted_at: datetime | None
    app_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what `plan --output json` prints of it."""
        shown = {name: value for name, value in vars(self).items() if name != "app_id"}
        return {**shown, "deleted_at": format_iso(self.deleted_at)}


async def find_deleted(graph: GraphClient, fleet: Fleet) -> tuple[DeletedApplication, ...]:
    """Return the fleet's applications in the recycle bin; nothing if it may not be read."""
    try:
        return await deleted_applications(graph, fleet)
    except GraphStatusError:
        return ()


async def deleted_applications(graph: GraphClient, fleet: Fleet) -> tuple[DeletedApplication, ...]:
    """Return the fleet's applications in the recycle bin, most recently deleted last.

    Raises:
        GraphError: It cannot be read.

    Source: https://learn.microsoft.com/graph/api/directory-deleteditems-list
    """
    deleted = []
    async for each in graph.deleted_items.applications():
        # An interrupted creation leaves the tag in the name only.
        mark = OwnershipTag.in_tags(each.tags) or OwnershipTag.in_name(each.display_name or "")
        if mark and mark.fleet in fleet.names:
            name, moment = each.display_name or "", each.deleted_date_time
            deleted.append(DeletedApplication(mark.key, name, each.id, moment, each.app_id))
    return tuple(sorted(deleted, key=lambda each: each.deleted_at or _LONG_AGO))


async def find_deleted_principals(graph: GraphClient, app_ids: Collection[str]) -> frozenset[str]:
    """Return the appIds whose service principal is in the recycle bin; none if it may not be read."""
    if not app_ids:
        return frozenset()
    try:
        found = [each.app_id or "" async for each in graph.deleted_items.service_principals()]
    except GraphStatusError:
        return frozenset()
    return frozenset(found) & frozenset(app_ids)


async def deleted_service_principal(graph: GraphClient, app_id: str | None) -> str | None:
    """Return the object id of the service principal that was deleted with an application.

    Raises:
        GraphError: The recycle bin cannot be read.
    """
    found = [each.id async for each in graph.deleted_items.service_principals() if each.app_id == app_id]
    return found[0] if found else None
