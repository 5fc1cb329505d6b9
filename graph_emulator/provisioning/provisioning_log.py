"""The provisioning log: events in order of time, each readable once it is ingested."""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter

from graph_emulator.clock import guid, share, to_ticks
from graph_emulator.directory.directory import Entry
from graph_emulator.provisioning.executions import Execution, Outcome
from graph_emulator.provisioning.scope import Subject
from graph_emulator.settings import EmulatorSettings

PRELOADED = ((("success", None),) * 18) + (("failure", "EntryConflict"), ("skipped", "EntrySynchronizationSkipped"))


@lru_cache(maxsize=1 << 16)
def account_id(principal_id: str, subject_id: str) -> str:
    """The id of an object's account in a target system."""
    return guid(principal_id, subject_id)


@dataclass(slots=True)
class Event:
    """One provisioning event, kept small; `event_json` renders it."""

    ticks: int
    id: str
    ingested_at: float
    job_id: str
    cycle_id: str
    outcome: Outcome
    principal: Entry

    def __lt__(self, other: "Event") -> bool:
        return (self.ticks, self.id) < (other.ticks, other.id)

    @property
    def duration_milliseconds(self) -> int:
        """How long it took."""
        return 200 + int(self.id[:6], 16) % 4000

    @property
    def change_id(self) -> str:
        """The identifier of the change."""
        return f"{self.id[28:]}{self.id[8:23]}-{self.id[:8]}{self.id[24:28]}"

    @property
    def target_id(self) -> str:
        """The id of the object in the target system; a failed create has none."""
        return "" if self.outcome.status != "success" else account_id(self.principal.id, self.outcome.subject["id"])


class ProvisioningLog:
    """All events of the tenant, sorted by time."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self._events: list[Event] = []

    def record(self, execution: Execution, principal: Entry) -> list[Event]:
        """Record the outcomes of a cycle as events at the times they happen, and return the events."""
        events = []
        for position, outcome in enumerate(execution.outcomes):
            at = execution.outcome_at(position)
            # Seeded by what it is about: the same run has the same ids, whatever else happens.
            identifier = guid(execution.cycle_id, outcome.subject["id"], outcome.action)
            event = Event(
                to_ticks(at),
                identifier,
                at + self._latency(identifier),
                execution.job_id,
                execution.cycle_id,
                outcome,
                principal,
            )
            insort(self._events, event)
            events.append(event)
        return events

    def _latency(self, identifier: str) -> float:
        settings = self._settings
        if share(identifier, "late") < settings.late_event_share:
            # A straggler: it becomes readable after events that are newer.
            return settings.late_event_seconds
        return settings.log_latency_seconds * (0.5 + 0.5 * share(identifier, "latency"))

    def preload(self, principal: Entry, subjects: Sequence[Subject], count: int, began: float, ends: float) -> None:
        """Add evenly spread events of the past, for benchmarks."""
        job_id = f"preloaded.{self._settings.tenant_id.replace('-', '')}"
        for number in range(count):
            at = began + (number + 0.5) / count * (ends - began)
            kind, value = subjects[number % len(subjects)]
            status, error = PRELOADED[number % len(PRELOADED)]
            outcome = Outcome(kind, value, "create" if status != "skipped" else "other", status, error)
            identifier = guid(self._settings.seed, "preloaded", principal.id, began, number)
            cycle_id = guid(principal.id, "preloaded cycle", number // 1000)
            self._events.append(Event(to_ticks(at), identifier, at, job_id, cycle_id, outcome, principal))
        # Once at the end: inserting each of a million in order would take too long.
        self._events.sort(key=attrgetter("ticks", "id"))

    def forget_unhappened(self, job_id: str, now: float) -> None:
        """Drop the future events of a job whose cycle was interrupted."""
        start = bisect_right(self._events, to_ticks(now), key=_ticks)
        self._events[start:] = [event for event in self._events[start:] if event.job_id != job_id]

    def readable(self, now: float, after: int, before: int, *, descending: bool) -> Iterator[Event]:
        """The ingested events strictly between two moments, within retention."""
        oldest = to_ticks(now - self._settings.log_retention_seconds)
        first = bisect_right(self._events, max(after, oldest), key=_ticks)
        last = bisect_left(self._events, before, key=_ticks)
        positions = range(last - 1, first - 1, -1) if descending else range(first, last)
        for position in positions:
            event = self._events[position]
            if event.ingested_at <= now:
                yield event

    def happened(self, now: float) -> Sequence[Event]:
        """Events up to now, readable or not, oldest first."""
        return self._events[: bisect_right(self._events, to_ticks(now), key=_ticks)]

    def counts(self, now: float) -> dict[str, dict[str, int]]:
        """The number of events up to now, by service principal and status."""
        found: dict[str, Counter[str]] = {}
        for event in self.happened(now):
            found.setdefault(event.principal.id, Counter())[event.outcome.status] += 1
        return {principal: dict(counter) for principal, counter in found.items()}


def _ticks(event: Event) -> int:
    return event.ticks
