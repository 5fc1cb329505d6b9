"""A small store with everything that a report shows, evil names included."""

from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from flows.store import Gap, JobObservation, open_store
from tests.store.events import BOX, TENANT, event, failed, succeeded

NOW = datetime(2026, 5, 20, 15, 30, tzinfo=UTC)
EVIL = "<script>alert('x')</script>\"&'{{7*7}}"
OTHER = "0f1e2d3c-cccc-4000-8000-000000000003"


def application(id_, name):
    return {"servicePrincipal": {"id": id_, "displayName": name}}


def at(hours, cycle):
    return {"activityDateTime": (NOW - timedelta(hours=hours)).isoformat(), "cycleId": cycle}


def job(key, state, hours=0, **fields):
    seen = NOW - timedelta(hours=hours)
    job_id = None if state == "missing" else f"scim.{key}"
    known = {"tenant_id": TENANT, "fleet": "contoso", "key": key, "job_id": job_id}
    return JobObservation(**known, observed_at=seen, state=state, **fields)


def events():
    """Events of ten days, of one application of the fleet and of one of no fleet."""
    evil = {"id": "u-evil", "displayName": EVIL, "identityType": "User"}
    for day in range(10):
        box = {**application(BOX, "Box Prod"), "jobId": "scim.box"}
        yield from (succeeded(f"s{day}-{n}", **at(24 * day + n / 10, f"c{day}"), **box) for n in range(day + 1))
        yield failed(f"f{day}", "EntryConflict", EVIL, sourceIdentity=evil, **at(24 * day + 3, f"c{day}"), **box)
    odd = {"status": "failure", "errorInformation": {"errorCode": f"Odd{EVIL}", "recommendedAction": EVIL}}
    yield succeeded("o1", **at(5, "odd"), **application(OTHER, EVIL))
    yield succeeded("o2", **at(4, "odd"), **application(OTHER, EVIL))
    yield event("o3", provisioningStatusInfo=odd, **at(4.5, "odd"), **application(OTHER, EVIL))


@contextmanager
def furnished(url):
    """The store, open."""
    with open_store(url) as store:
        store.harvests.save(TENANT, list(events()), watermark=NOW)
        store.harvests.record_gap(TENANT, Gap("retention", NOW - timedelta(days=9), NOW - timedelta(days=8)))
        for each in (
            job("box", "steady", 50, service_principal_id=BOX.upper(), last_execution_at=NOW - timedelta(hours=50)),
            job("box", "quarantined", 30, service_principal_id=BOX, reason="TooManyDeletes"),
            job("box", "steady", 20, service_principal_id=BOX),
            job("box", "quarantined", 2, service_principal_id=BOX, reason="EncounteredEscrowProportionThreshold"),
            job("aws", "steady", 2, stalled_since=NOW - timedelta(hours=40)),
            job("gone", "missing", 2),
        ):
            store.jobs.record_all([each])
        yield store


def totals():
    """Events by status, counted by hand."""
    return dict(Counter(each.status for each in events()))
