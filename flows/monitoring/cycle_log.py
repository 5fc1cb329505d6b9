"""What the provisioning log says of some jobs since a moment, as far as it says it yet."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flows.monitoring.windows import whole_second
from graph_client import GraphClient
from graph_client.models import ProvisioningEvent

_DELETES = {"delete", "disable", "stageddelete"}
_ASKED_BY_ONE = 3
"""So many jobs are asked for by themselves; of more the tenant's whole log is read, once for all."""


@dataclass
class JobLog:
    """What happened to the objects of one job."""

    events: int = 0
    """Those that are surely later than the moment asked for: the log shows whole seconds."""
    failing: set[str] = field(default_factory=set)
    """Ids of the objects that failed."""
    deleted: set[str] = field(default_factory=set)
    """Ids of the objects that were deleted, disabled, or would have been but for a threshold."""

    def add(self, event: ProvisioningEvent, since: datetime) -> None:
        """Count one more event."""
        self.events += event.activity_date_time is None or event.activity_date_time > since
        subject = event.source_identity.id or event.id
        if event.status == "failure":
            self.failing.add(subject)
        elif (event.action or "").lower() in _DELETES:
            self.deleted.add(subject)


async def collect_job_logs(graph: GraphClient, job_ids: Collection[str], since: datetime) -> dict[str, JobLog]:
    """Return what the log has of each job since a moment.

    Args:
        graph: A signed-in client.
        job_ids: The jobs.
        since: Only events of this second or later: the log shows whole seconds.

    Raises:
        GraphError: The log cannot be read.

    Source: https://learn.microsoft.com/graph/api/provisioningobjectsummary-list
    """
    found = {job_id: JobLog() for job_id in job_ids}
    seen: set[str] = set()
    # Graph knows only "later than", and an event of this very second is to be included.
    after = whole_second(since) - timedelta(microseconds=1)
    filters = [f"jobid eq '{job_id}'" for job_id in job_ids] if len(job_ids) <= _ASKED_BY_ONE else [None]
    for condition in filters:
        async for page in graph.provisioning_logs.pages(after=after, filter=condition):
            for event in page:
                if event.job_id in found and event.id not in seen:
                    seen.add(event.id)
                    found[event.job_id].add(event, since)
    return found
