"""Jobs that should run and do not."""

from datetime import datetime, timedelta

from flows.monitoring.health import JobHealth
from graph_client.models import SynchronizationJob

INTERVALS_MISSED = 6
"""How many intervals may pass without an execution: an incremental cycle with much to do takes several."""

SOONEST = timedelta(hours=2)
LATEST = timedelta(days=2)
_USUAL_INTERVAL = timedelta(minutes=40)
_DUE = frozenset({"initial-cycle", "steady", "degraded"})


def find_stall(job: SynchronizationJob | None, health: JobHealth, now: datetime) -> datetime | None:
    """Return since when an execution has been due that did not come; None for a job that does what it should.

    A job that never ran is not stalled: an initial cycle may take days. Nor is one in quarantine, which runs once a
    day, or one that is paused. A missing interval counts as 40 minutes, and any as at most eight hours.

    Source: https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationstatus
    """
    if job is None or health.state not in _DUE or health.last_execution is None:
        return None
    status = job.status
    signs = [
        health.last_execution,
        status.steady_state_last_achieved_time if status else None,
        *(each.progress_observation_date_time for each in (status.progress if status else ())),
    ]
    interval = (job.schedule.interval_length if job.schedule else None) or _USUAL_INTERVAL
    patience = min(max(INTERVALS_MISSED * min(interval, LATEST), SOONEST), LATEST)
    due = max(filter(None, signs)) + patience
    return due if due < now else None
