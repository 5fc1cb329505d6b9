from datetime import UTC, datetime, timedelta

import pytest

from flows.monitoring.health import assess_job
from graph_client.models import SynchronizationJob

NEVER = "0001-01-01T00:00:00Z"
ONCE = "2026-11-01T10:00:00.1234567Z"


def job(code, schedule="Active", *, steady=NEVER, execution=None, quarantine=None, **status):
    return SynchronizationJob.model_validate(
        {
            "id": "scim.1",
            "templateId": "scim",
            "schedule": {"state": schedule, "interval": "PT40M"} if schedule else None,
            "status": {
                "code": code,
                "steadyStateFirstAchievedTime": steady,
                "lastExecution": execution,
                "quarantine": quarantine,
                **status,
            },
        }
    )


def execution(state="Succeeded", began=ONCE, **counts):
    return {"state": state, "timeBegan": began, "timeEnded": began, **counts}


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (None, "missing"),
        (job("NotConfigured", "Disabled"), "created"),
        (job("Paused", "Disabled"), "created"),
        (job("NotConfigured", None), "created"),
        (job("Paused", "Paused"), "paused"),
        # Fresh, or paused by somebody: nobody can tell, so nobody starts it.
        (job("Paused", None), "paused"),
        (job("NotRun"), "initial-cycle"),
        (job("NotRun", execution=execution("Failed", NEVER)), "initial-cycle"),
        (job("NotRun", execution=execution("Failed", None)), "initial-cycle"),
        (job("Active", steady=ONCE, execution=execution()), "steady"),
        (job("Active", steady=ONCE, execution=execution("EntryLevelErrors")), "degraded"),
        (job("Active", steady=ONCE, execution=execution("Failed")), "degraded"),
        (job("Paused", "Disabled", steady=ONCE, execution=execution()), "paused"),
        (job("Active", "Paused", steady=ONCE, execution=execution()), "paused"),
        (job("Quarantine", steady=ONCE), "quarantined"),
        (job("Active", None, steady=ONCE), "steady"),
        (job("BrandNew", steady=ONCE), "steady"),
        (job("BrandNew"), "initial-cycle"),
        # A result nobody has seen yet: what was counted tells.
        (job("Active", steady=ONCE, execution=execution("BrandNew", countEscrowed=1)), "degraded"),
        (job("Active", steady=ONCE, execution=execution("BrandNew", error={"code": "x"})), "degraded"),
        (job("Active", steady=ONCE, execution=execution("BrandNew")), "steady"),
        (job("Active", execution=execution("BrandNew", countEscrowed=1)), "initial-cycle"),
        (job("Active", steady=ONCE, execution=execution(countEscrowed=1)), "steady"),
        (job("BrandNew", steady=ONCE, quarantine={"currentBegan": ONCE}), "quarantined"),
        (job("BrandNew", steady=ONCE, quarantine={"currentBegan": NEVER}), "steady"),
        (job("Active", steady=ONCE, quarantine={"currentBegan": ONCE}), "steady"),
        (SynchronizationJob.model_validate({"id": "scim.1"}), "initial-cycle"),
    ],
)
def test_a_job_is_in_one_of_the_named_states(found, state):
    assert assess_job(found).state == state


@pytest.mark.parametrize("began", [NEVER, None])
def test_a_success_counts_from_its_end_as_graph_may_not_say_when_it_began(began):
    """A healthy job on Microsoft's page has a lastSuccessfulExecution that began in the year 1 and ended lately.

    https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/concept-attributes
    """
    success = {"state": "Succeeded", "timeBegan": began, "timeEnded": ONCE, "activityIdentifier": None}
    found = job("Active", steady=ONCE, execution=execution(), lastSuccessfulExecution=success)
    ended = datetime.fromisoformat(ONCE)
    assert assess_job(found, ended + timedelta(hours=1)).last_success == ended
    assert not assess_job(found, ended + timedelta(hours=1)).stale
    assert assess_job(found, ended + timedelta(days=2)).stale


def test_a_quarantine_tells_its_reason_and_since_when():
    error = {"code": "SystemForCrossDomainIdentityManagementUnauthorized", "message": "401", "tenantActionable": True}
    quarantine = {"reason": "EncounteredQuarantineException", "currentBegan": ONCE, "seriesCount": 1, "error": error}
    health = assess_job(job("Quarantine", quarantine=quarantine))
    assert health.as_json()["quarantine"] == {
        "reason": "EncounteredQuarantineException",
        "since": "2026-11-01T10:00:00.123456Z",
        "error": {"code": "SystemForCrossDomainIdentityManagementUnauthorized", "message": "401"},
    }
    assert not health.is_healthy
    assert health.settled


def test_counts_are_those_of_the_last_execution_and_of_the_types():
    found = job(
        "Active",
        steady=ONCE,
        execution=execution(countExported=3, countEscrowed=1),
        synchronizedEntryCountByType=[{"key": "User", "value": 3}],
    )
    assert assess_job(found).counts == {"imported": 0, "entitled": 0, "exported": 3, "escrowed": 1, "User": 3}


def test_an_execution_that_never_began_counts_nothing():
    health = assess_job(job("NotRun", execution=execution("Failed", NEVER, countExported=0)))
    assert (health.last_execution, health.counts) == (None, {})


def test_the_last_execution_is_when_it_ended():
    health = assess_job(job("Active", steady=ONCE, execution=execution()))
    assert health.last_execution == datetime(2026, 11, 1, 10, 0, 0, 123456, UTC)
