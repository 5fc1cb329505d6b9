"""The content of a report, built from the store, and how its numbers and moments are written."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from flows.monitoring.attribution import Attribution
from flows.monitoring.audit_trail import RoleImport, explain_episodes, read_role_imports
from flows.monitoring.credential_warnings import ExpiringCredential, find_expiring_credentials
from flows.monitoring.instances import Instance, group_by_principal, read_instances
from flows.monitoring.quarantine import triage_quarantine
from flows.monitoring.signing_certificates import ExpiringCertificate, find_expiring_certificates
from flows.monitoring.triage import ErrorTriage, Triage, explain_error
from flows.store import Coverage, Cycle, EventStatistics, JobEpisode, JobObservation, Period, Store
from flows.store.measurements import CERTIFICATE_MEASUREMENTS


def format_duration(seconds: float) -> str:
    """Return a time span in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [
        f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")) if number
    ]
    return " ".join(parts[:2]) or "0 s"  # two units are as exact as a person needs


def format_moment(at: datetime | None) -> str:
    """Return a moment to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "-"  # UTC: readers are in several zones


def format_number(count: int) -> str:
    """Return a number with separated thousands."""
    return f"{count:,}"


def shorten_text(text: str, length: int = 80) -> str:
    """Return a text, cut to the length that fits on a page."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


SLOWEST_MAX = 10
STATES = ("quarantined", "missing", "degraded", "initial-cycle", "created", "paused", "steady")
"""The order of states: those that need attention first."""
UNWELL = ("quarantined", "missing", "degraded")
_WITHOUT_STATE = ("not-watched", "no-fleet")
STATUSES = ("failure", "warning", "skipped", "success")


@dataclass(frozen=True)
class Application:
    """One application: its instance and job, and its events in the period."""

    service_principal_id: str | None
    service_principal_name: str | None
    instance: Instance | None
    """None for an application of no fleet."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str | None, int] = field(default_factory=dict)
    """Failures by error code, the most common first."""
    slowest: Cycle | None = None
    cycles: int = 0
    triage: Triage | None = None

    @property
    def job(self) -> JobObservation | None:
        """The job as last observed."""
        return self.instance.job if self.instance else None

    @property
    def name(self) -> str:
        """The key of the instance, or the name of an application without a fleet."""
        return self.instance.label if self.instance else self.service_principal_name or self.service_principal_id or "?"

    @property
    def anchor(self) -> str:
        """Its anchor on the page."""
        # Keys are unique within a fleet only.
        return f"app-{self.job.fleet}-{self.job.key}" if self.job else f"app-{self.service_principal_id}"

    @property
    def group(self) -> str:
        """The state of the job, or why none is known, as an anchor."""
        not_watched, no_fleet = _WITHOUT_STATE
        return self.job.state if self.job else not_watched if self.instance else no_fleet

    @property
    def failures(self) -> int:
        """The number of failed events."""
        return self.statuses.get("failure", 0)

    @property
    def events(self) -> int:
        """The number of events."""
        return sum(self.statuses.values())

    @property
    def unwell(self) -> bool:
        """Whether it needs attention."""
        return self.job is not None and (self.job.state in UNWELL or self.job.stalled_since is not None)

    @property
    def urgency(self) -> tuple[bool, int, int, str]:
        """The sort key: those that need attention first."""
        state = self.job.state if self.job else ""
        # False sorts before True; a state that is newer than this program comes last.
        return not self.unwell, STATES.index(state) if state in STATES else len(STATES), -self.failures, self.name


@dataclass(frozen=True)
class CommonError:
    """An error code: its number of events, its applications, and its meaning."""

    triage: ErrorTriage
    applications: int


_OPEN_MAX = 25
"""A longer list of applications that need no attention is collapsed at first."""


@dataclass(frozen=True)
class StateGroup:
    """The applications whose jobs are in one state."""

    state: str
    applications: Sequence[Application]

    @property
    def is_open(self) -> bool:
        """Whether the page shows them at first."""
        return len(self.applications) <= _OPEN_MAX or any(each.unwell for each in self.applications)


@dataclass(frozen=True)
class Report:
    """The whole content of the page."""

    made_at: datetime
    store: str
    """The address of the store, without its password."""
    fleets: Sequence[str]
    days: Mapping[date, Mapping[str, int]]
    """Events by day and status; every day of the period."""
    applications: Sequence[Application]
    errors: Sequence[CommonError]
    episodes: Sequence[JobEpisode]
    """Quarantines and stalls, the newest first."""
    coverage: Sequence[Coverage]
    expiring: Sequence[ExpiringCredential | ExpiringCertificate] = ()
    """Saved tokens that say that they end within 30 days, the earliest first."""
    attributions: Mapping[int, Attribution] = field(default_factory=dict)
    """By what an episode began, by its number, where the audit log says so."""
    role_imports: Sequence[RoleImport] = ()
    """Roles that connectors imported, the newest first."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What unmanaged jobs are called, by their keys in the store."""

    @property
    def states(self) -> dict[str, int]:
        """The number of jobs by state, those that need attention first."""
        counted = Counter(each.job.state for each in self.applications if each.job)
        return {state: counted[state] for state in (*STATES, *sorted(counted.keys() - set(STATES))) if counted[state]}

    @property
    def groups(self) -> list[StateGroup]:
        """The applications by the state of their job, the most urgent first."""
        found: dict[str, list[Application]] = {}
        for each in self.applications:
            found.setdefault(each.group, []).append(each)
        known = [*STATES, *sorted(found.keys() - {*STATES, *_WITHOUT_STATE}), *_WITHOUT_STATE]
        return [StateGroup(state, found[state]) for state in known if state in found]

    @property
    def events(self) -> int:
        """The number of events."""
        return sum(self.statuses.values())

    @property
    def statuses(self) -> dict[str, int]:
        """The number of events by status."""
        total: Counter[str] = Counter()
        for counts in self.days.values():
            total.update(counts)
        return {status: total[status] for status in count_statuses([total])}

    @property
    def slowest(self) -> list[tuple[Application, Cycle]]:
        """The applications with the longest cycles."""
        found = [(each, each.slowest) for each in self.applications if each.slowest and each.slowest.seconds > 0]
        return sorted(found, key=lambda pair: -pair[1].seconds)[:SLOWEST_MAX]


def count_statuses(counts: Iterable[Mapping[str, int]]) -> list[str]:
    """Return the statuses in use, failures first, unknown ones last."""
    found = {status for each in counts for status, count in each.items() if count}
    return [status for status in STATUSES if status in found] + sorted(found - set(STATUSES))


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
        """Count a cycle, and keep the longest."""
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
        # Days without events too: the chart has a place for each.
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
        id_ = service_principal_id or ""  # events without an application are counted together
        if self._only is None or id_ in self._only:
            yield self.applications.setdefault(id_, ApplicationActivity(period))


_ERRORS_MAX = 15
_TRIAGES_MAX = 12
"""If more jobs are in quarantine together, they have a common cause, which a dozen of them show."""


def build_report(store: Store, *, days: int, fleet: str | None = None, now: datetime | None = None) -> Report:
    """Build a report.

    Args:
        store: The store.
        days: The number of days in UTC, including today.
        fleet: Only this fleet; None for everything in the store.
        now: The time of the report; None for now.

    Raises:
        StoreError: The store cannot be read.
    """
    now = now or datetime.now(UTC)
    first = now.date() - timedelta(days=days - 1)
    since = datetime.combine(first, time(), UTC)
    instances = read_instances(store, fleet)
    fleets = {(each.job.tenant_id, each.fleet) for each in instances if each.job}
    # A report of one fleet says nothing about the harvests of other tenants.
    coverage = [each for each in store.coverage() if fleet is None or each.tenant_id in {one for one, _ in fleets}]
    activity = Activity(first, now.date(), {each.service_principal_id for each in instances} if fleet else None)
    for tenant_id in sorted({one for one, _ in fleets} | {each.tenant_id for each in store.coverage()}):
        # A second more: the end of a period is exclusive, and an event of this very moment belongs to the report.
        activity.add(store.statistics, Period(tenant_id, since, now + timedelta(seconds=1)))
    episodes = _episodes(store, fleets, since)
    principals = {each.service_principal_id for each in instances if each.service_principal_id}
    return Report(
        made_at=now,
        store=store.address,
        fleets=sorted({each.fleet for each in instances if each.fleet}),
        days=activity.days,
        applications=list(_triaged(store, _applications(store, instances, activity))),
        errors=_errors(store, activity),
        episodes=episodes,
        coverage=coverage,
        expiring=_expiring(store, instances, now),
        attributions=explain_episodes(store, episodes),
        role_imports=read_role_imports(store, principals if fleet else None, since),
        names={each.key: each.label for each in instances if not each.fleet},
    )


def _expiring(
    store: Store, instances: Sequence[Instance], now: datetime
) -> list[ExpiringCredential | ExpiringCertificate]:
    """What the tokens say that were saved, and the certificates; dates of the fleet file are not in the store."""
    keys = {(each.job.tenant_id, each.fleet, each.key) for each in instances if each.job}
    ends = [
        (each.key, datetime.fromtimestamp(each.value, UTC), CERTIFICATE_MEASUREMENTS[each.name])
        for each in store.measurements.all()
        if each.name in CERTIFICATE_MEASUREMENTS and (each.tenant_id, each.fleet, each.key) in keys
    ]
    found: list[ExpiringCredential | ExpiringCertificate] = [*find_expiring_certificates(ends, now)]
    watched = [each for each in instances if each.job]
    for tenant_id in {each.job.tenant_id for each in watched if each.job}:
        expiries = store.fingerprints.expiries(tenant_id)
        for each in watched:
            end = expiries.get(each.service_principal_id or "")
            if end and each.job and each.job.tenant_id == tenant_id:
                found += find_expiring_credentials((), now.date(), {each.key: end})
    return sorted(found, key=lambda each: each.on)


def _applications(store: Store, instances: Sequence[Instance], activity: Activity) -> list[Application]:
    # Events are counted by application: where it has several jobs, they stand beside the first of them.
    first = {id_: group[0] for id_, group in group_by_principal(instances).items()}
    seen = [(id_, first.get(id_ or "")) for id_ in activity.applications]
    watched = [(each.service_principal_id or "", each) for each in instances if each.job]
    silent = [(id_, each) for id_, each in watched if id_ not in activity.applications or first.get(id_) is not each]
    names = store.statistics.names([id_ for id_ in activity.applications if id_])
    found = [_application(id_, names.get(id_), each, activity.applications.get(id_)) for id_, each in (*seen, *silent)]
    return sorted(found, key=lambda each: each.urgency)


def _application(
    id_: str, name: str | None, instance: Instance | None, counted: ApplicationActivity | None
) -> Application:
    if counted is None:
        return Application(id_ or None, name, instance)
    errors = dict(counted.errors.most_common())
    return Application(id_ or None, name, instance, counted.statuses, errors, counted.slowest, counted.cycles)


def _triaged(store: Store, applications: Sequence[Application]) -> Iterator[Application]:
    left = _TRIAGES_MAX
    for each in applications:
        if left and each.job and each.job.state == "quarantined":
            left -= 1
            key = each.instance.command_key if each.instance else None
            found = triage_quarantine(store, key, each.job.service_principal_id, each.job)
            yield replace(each, triage=replace(found, key=each.name))
        else:
            yield each


def _episodes(store: Store, fleets: Iterable[tuple[str, str]], since: datetime) -> list[JobEpisode]:
    found = [episode for fleet in fleets for episode in store.job_episodes.of_fleet(*fleet, since)]
    ailing = [episode for episode in found if episode.kind != "initial-cycle"]
    return sorted(ailing, key=lambda episode: episode.began_at, reverse=True)


def _errors(store: Store, activity: Activity) -> list[CommonError]:
    found = []
    for code, count in activity.errors().most_common(_ERRORS_MAX):
        affected = {id_: each for id_, each in activity.applications.items() if each.errors[code]}
        worst = max(affected, key=lambda id_: affected[id_].errors[code])
        failure = store.statistics.example(affected[worst].period, worst, code, count)
        # The remedy depends on the instance, and there are many here: a command for one would mislead.
        explanation = explain_error(code, failure.recommended_action, None, reason=failure.reason)
        found.append(CommonError(ErrorTriage(failure, explanation), len(affected)))
    return found
