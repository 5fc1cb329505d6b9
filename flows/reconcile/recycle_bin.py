"""What of a fleet was deleted and can be restored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.monitoring.iso import iso
from flows.reconcile.fleet import Fleet
from flows.reconcile.mark import Mark
from graph_client import GraphClient
from graph_client.errors import GraphStatusError


@dataclass(frozen=True)
class DeletedApplication:
    """An application of the fleet that was deleted and can be restored for 30 days."""

    key: str
    display_name: str
    application_id: str
    deleted_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return what `plan --output json` prints of it."""
        return {**vars(self), "deleted_at": iso(self.deleted_at)}


async def find_deleted(graph: GraphClient, fleet: Fleet) -> tuple[DeletedApplication, ...]:
    """Return what bears the fleet's mark in the recycle bin; nothing where it may not be read.

    Source: https://learn.microsoft.com/graph/api/directory-deleteditems-list
    """
    deleted = []
    try:
        async for each in graph.deleted_items.applications():
            mark = Mark.in_tags(each.tags) or Mark.in_name(each.display_name or "")
            if mark and mark.fleet in fleet.names:
                deleted.append(DeletedApplication(mark.key, each.display_name or "", each.id, each.deleted_date_time))
    except GraphStatusError:
        return ()
    return tuple(deleted)
