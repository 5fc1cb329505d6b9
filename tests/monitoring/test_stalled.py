from datetime import UTC, datetime, timedelta

import pytest

from flows.monitoring.health import assess_job, find_stall
from graph_client.models import SynchronizationJob

RAN = datetime(2026, 5, 1, 12, tzinfo=UTC)
NEVER = "0001-01-01T00:00:00Z"


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def job(
    code="Active",
    *,
    interval="PT40M",
    schedule="Active",
    ran=RAN,
    steady="2026-05-01T12:00:00Z",
    state="Succeeded",
    **status,
):
    execution = {"state": state, "timeBegan": iso(ran), "timeEnded": iso(ran)} if ran else None
    return SynchronizationJob.model_validate(
        {
            "id": "scim.1",
            "schedule": {"state": schedule, "interval": interval} if schedule else None,
            "status": {
                "code": code,
                "steadyStateFirstAchievedTime": steady,
                "steadyStateLastAchievedTime": steady,
                "lastExecution": execution,
                **status,
            },
        }
    )


def due(found):
    """How long after its last execution the job counts as stalled."""
    long_after = RAN + timedelta(days=365)
    since = find_stall(found, assess_job(found), long_after)
    return since and since - RAN


@pytest.mark.parametrize(
    ("interval", "patience"),
    [
        ("PT40M", timedelta(hours=4)),
        ("PT20M", timedelta(hours=2)),
        ("PT5M", timedelta(hours=2)),
        ("P1D", timedelta(days=2)),
        ("P10675199DT2H48M5.4775807S", timedelta(days=2)),
        ("nonsense", timedelta(hours=4)),
        (None, timedelta(hours=4)),
    ],
)
def test_a_job_is_stalled_after_six_intervals_within_bounds(interval, patience):
    assert due(job(interval=interval)) == patience


def test_a_job_without_a_schedule_is_taken_for_one_of_forty_minutes():
    assert due(job(schedule=None)) == timedelta(hours=4)


def test_it_is_stalled_from_the_moment_on_and_not_before():
    found = job()
    moment = RAN + timedelta(hours=4)
    assert find_stall(found, assess_job(found), moment) is None
    assert find_stall(found, assess_job(found), moment + timedelta(seconds=1)) == moment


@pytest.mark.parametrize(
    "found",
    [
        job(ran=None, steady=NEVER, code="NotRun"),
        job(ran=datetime(1, 1, 1, tzinfo=UTC), steady=NEVER, code="NotRun", state="Failed"),
        job("Quarantine"),
        job("Paused", schedule="Paused"),
        job(schedule="Disabled"),
        None,
    ],
    ids=["fresh", "year 1", "quarantined", "paused", "disabled", "missing"],
)
def test_what_is_not_expected_to_run_is_not_stalled(found):
    assert due(found) is None


def test_an_unknown_code_is_judged_like_any_other():
    assert due(job("BrandNew")) == timedelta(hours=4)


@pytest.mark.parametrize(
    "sign",
    [
        {"progress": [{"completedUnits": 1, "progressObservationDateTime": iso(RAN + timedelta(hours=3))}]},
        {"steadyStateLastAchievedTime": iso(RAN + timedelta(hours=3))},
    ],
)
def test_other_signs_of_life_count_too(sign):
    assert due(job(**sign)) == timedelta(hours=7)
