"""The events of a period, counted by day and by application."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from flows.store import Cycle, EventStatistics, Period


@dataclass
class ApplicationActivity:
    """The events of one application."""

    period: Period
    statuses: Counter[str] = field(default_factory=Counter)
    errors: Counter[str | None] = field(default_factory=Counter)
    """Failures by error code."""
    cycles: int = 0
    slowest: Cycle | None = None

    def add(self, cycle: Cycle) -> None:
        """Count a cycle, and remember the longest."""
        self.cycles += 1
        if self.slowest is None or cycle.seconds > self.slowest.seconds:
            self.slowest = cycle


class Activity:
    """The events of a period, tenant after tenant.

    Args:
        first: The first day.
        last: The last day.
        only: The service principals to count; None for all.
    """

    def __init__(self, first: date, last: date, only: Collection[str | None] | None) -> None:
        self.days = {first + timedelta(days=number): Counter[str]() for number in range((last - first).days + 1)}
        self.applications: dict[str, ApplicationActivity] = {}
        self._only = only

    def add(self, statistics: EventStatistics, period: Period) -> None:
        """Count the events of a tenant.

        Raises:
            StoreError: The store cannot be read.
        """
        for tally in statistics.tallies(period):
            for application in self._counted(tally.service_principal_id, period):
                status = tally.status or "?"
                self.days[tally.day][status] += tally.count
                application.statuses[status] += tally.count
                if status == "failure":
                    application.errors[tally.error_code] += tally.count
        for cycle in statistics.cycles(period):
            for application in self._counted(cycle.service_principal_id, period):
                application.add(cycle)

    def errors(self) -> Counter[str | None]:
        """Return failures by error code."""
        total: Counter[str | None] = Counter()
        for application in self.applications.values():
            total.update(application.errors)
        return total

    def _counted(self, service_principal_id: str | None, period: Period) -> Iterator[ApplicationActivity]:
        id_ = service_principal_id or ""
        if self._only is None or id_ in self._only:
            yield self.applications.setdefault(id_, ApplicationActivity(period))
