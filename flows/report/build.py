"""Builds a report from the store."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from flows.monitoring.audit_trail import explain_episodes, read_role_imports
from flows.monitoring.credential_warnings import ExpiringCredential, find_expiring_credentials
from flows.monitoring.instances import Instance, group_by_principal, read_instances
from flows.monitoring.quarantine_triage import triage_quarantine
from flows.monitoring.signing_certificates import ExpiringCertificate, find_expiring_certificates
from flows.monitoring.triage import ErrorTriage, explain_error
from flows.report.models import Activity, Application, ApplicationActivity, CommonError, Report
from flows.store import JobEpisode, Period, Store
from flows.store.measurements import CERTIFICATE_MEASUREMENTS

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
    ailing = [episode for episode in found if episode.kind != "initial-cycle"]  # a job's beginning is no trouble
    return sorted(ailing, key=lambda episode: episode.began_at, reverse=True)


def _errors(store: Store, activity: Activity) -> list[CommonError]:
    found = []
    for code, count in activity.errors().most_common(_ERRORS_MAX):
        affected = {id_: each for id_, each in activity.applications.items() if each.errors[code]}
        worst = max(affected, key=lambda id_: affected[id_].errors[code])
        # The example comes from where the error is most common: there it says most.
        failure = store.statistics.example(affected[worst].period, worst, code, count)
        # The remedy depends on the instance, and there are many here: a command for one would mislead.
        explanation = explain_error(code, failure.recommended_action, None, reason=failure.reason)
        found.append(CommonError(ErrorTriage(failure, explanation), len(affected)))
    return found
