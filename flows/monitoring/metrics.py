"""What the store knows, as metrics for Prometheus: no user and no secret is in a label.

Moments are seconds since 1970, so that `time() - metric` is an age: what is stale shows as old, and not as well.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from flows.store import Coverage, JobObservation, Measurement, Store, StoreError
from flows.store.job_history import REMOVED
from flows.store.measurements import CERTIFICATE_MEASUREMENTS

_JOB = ("tenant_id", "fleet", "key")
_EVENTS_SINCE = timedelta(days=1)


class StoreCollector(Collector):
    """Reads the store whenever metrics are asked for.

    Args:
        store: An open store; it may be read from several threads.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """Yield every series; if the store cannot be read, only that."""
        try:
            found = [*_job_metrics(self._store), *_harvest_metrics(self._store), *_measured_metrics(self._store)]
            found += _event_metrics(self._store, datetime.now(UTC))
        except StoreError:
            found = []
        # A scrape that fails would look like a program that is down; this distinguishes the two.
        yield GaugeMetricFamily("entra_fleet_store_up", "Whether the store can be read.", value=float(bool(found)))
        yield from found


def build_registry(store: Store) -> CollectorRegistry:
    """Return a registry with the metrics of a store and nothing of this process."""
    # Describing would read the store once more at the start.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreCollector(store))
    return registry


def _gauge(name: str, text: str, labels: Sequence[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"entra_fleet_{name}", text, labels=labels)


def _job_metrics(store: Store) -> list[Metric]:
    state = _gauge("job_state", "The state that each job was last seen in: 1 for that state.", (*_JOB, "state"))
    escrows = _gauge("job_escrows", "Objects that failed and are tried again, by the last execution.", _JOB)
    moments = {
        "quarantined_since": "When the quarantine of a job that is in one began.",
        "stalled_since": "Since when an execution of a stalled job was due.",
        "last_success": "When the last successful execution of a job ended.",
        "last_execution": "When the last execution of a job ended.",
        "observed": "When something new was last seen of a job.",
    }
    since = {name: _gauge(f"job_{name}_timestamp_seconds", text, _JOB) for name, text in moments.items()}
    for tenant_id, fleet in store.jobs.fleets():
        for job in store.jobs.latest(tenant_id, fleet):
            if job.state == REMOVED:
                # An unmanaged job that was deleted: an age of it would only grow.
                continue
            labels = (tenant_id, fleet, job.key)
            state.add_metric((*labels, job.state), 1)
            escrows.add_metric(labels, job.counts.get("escrowed", 0))
            for name, moment in _job_moments(job).items():
                if moment is not None:
                    since[name].add_metric(labels, moment.timestamp())
    return [state, escrows, *since.values()]


def _job_moments(job: JobObservation) -> Mapping[str, datetime | None]:
    return {
        "quarantined_since": (job.since or job.observed_at) if job.state == "quarantined" else None,
        "stalled_since": job.stalled_since,
        "last_success": job.last_success_at,
        "last_execution": job.last_execution_at,
        "observed": job.observed_at,
    }


def _harvest_metrics(store: Store) -> list[Metric]:
    labels = ("tenant_id", "scope")
    watermark = _gauge(
        "harvest_watermark_timestamp_seconds", "Up to when a log is in the store: fleet, tenant or audits.", labels
    )
    gaps = _gauge("harvest_gap_seconds", "How much of a log is missing, by reason.", (*labels, "reason"))
    for each in (*store.coverage(), *store.audits.coverage()):
        watermark.add_metric((each.tenant_id, each.scope), each.watermark.timestamp())
        for reason, seconds in _lost_seconds(each).items():
            gaps.add_metric((each.tenant_id, each.scope, reason), seconds)
    return [watermark, gaps]


def _lost_seconds(coverage: Coverage) -> Mapping[str, float]:
    found = {"retention": 0.0, "unreadable": 0.0}
    for gap in coverage.gaps:
        found[gap.reason] = found.get(gap.reason, 0.0) + (gap.end - gap.start).total_seconds()
    return found


def _event_metrics(store: Store, now: datetime) -> Iterable[Metric]:
    labels = (*_JOB, "action", "status")
    events = _gauge("provisioning_events_24h", "Provisioning events of the last 24 hours in the store.", labels)
    known = {each.service_principal_id: each for each in reversed(store.instances.all())}
    counted: dict[tuple[str, str, str, str, str], int] = {}
    for each in store.events.counts_by_action(now - _EVENTS_SINCE):
        instance = known.get(each.service_principal_id or "")
        place = (instance.fleet, instance.key) if instance else ("", "")
        series = (each.tenant_id, *place, each.action or "", each.status or "")
        # Applications of no fleet are one series of each kind.
        counted[series] = counted.get(series, 0) + each.count
    for series, count in counted.items():
        events.add_metric(series, count)
    return [events]


def _measured_metrics(store: Store) -> list[Metric]:
    fleet = ("tenant_id", "fleet")
    drift = _gauge("drift_instances", "Instances that differed from the fleet file in the last plan.", fleet)
    planned = _gauge("drift_timestamp_seconds", "When the last plan was made.", fleet)
    swept = _gauge("sweep_timestamp_seconds", "When the jobs of a fleet were last checked.", fleet)
    expires = _gauge(
        "credentials_expire_timestamp_seconds",
        "When the credentials of an instance expire, by the fleet file or by the saved token.",
        (*_JOB, "source"),
    )
    for job, end in _token_ends(store):
        expires.add_metric((job.tenant_id, job.fleet, job.key, "token"), end.timestamp())
    certificates = _gauge(
        "signing_certificate_expires_timestamp_seconds",
        "When the active signing certificate of an instance expires; staged shows whether Entra ID would then switch.",
        (*_JOB, "staged"),
    )
    requests = CounterMetricFamily("entra_fleet_graph_requests", "Requests to Graph.", labels=("tenant_id",))
    throttled = CounterMetricFamily(
        "entra_fleet_graph_throttled", "Requests that Graph answered with 429.", labels=("tenant_id",)
    )
    for each in store.measurements.all():
        _add_measured(each, drift, planned, swept, expires, requests, throttled)
        if (staged := CERTIFICATE_MEASUREMENTS.get(each.name)) is not None:
            certificates.add_metric((each.tenant_id, each.fleet, each.key, str(staged).lower()), each.value)
    return [drift, planned, swept, expires, certificates, requests, throttled]


def _token_ends(store: Store) -> Iterator[tuple[JobObservation, datetime]]:
    for tenant_id, fleet in store.jobs.fleets():
        tokens = store.fingerprints.expiries(tenant_id)
        for job in store.jobs.latest(tenant_id, fleet) if tokens else ():
            if end := tokens.get((job.service_principal_id or "").lower()):
                yield job, end


def _add_measured(
    each: Measurement,
    drift: GaugeMetricFamily,
    planned: GaugeMetricFamily,
    swept: GaugeMetricFamily,
    expires: GaugeMetricFamily,
    requests: CounterMetricFamily,
    throttled: CounterMetricFamily,
) -> None:
    fleet = (each.tenant_id, each.fleet)
    match each.name:
        case "drift":
            drift.add_metric(fleet, each.value)
            planned.add_metric(fleet, each.measured_at.timestamp())
        case "sweep":
            swept.add_metric(fleet, each.value)
        case "credentials-expire":
            expires.add_metric((*fleet, each.key, "file"), each.value)
        case "graph-requests":
            requests.add_metric((each.tenant_id,), each.value)
        case "graph-throttled":
            throttled.add_metric((each.tenant_id,), each.value)
