"""What a plan does to jobs, what it leaves alone, and what it says of their health."""

from datetime import UTC, datetime

import pytest

from flows.plan.known_state import KnownState
from flows.plan.plan import Action
from tests.plan.test_diff import fields_of, fleet, held, job, plan_one

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OURS = KnownState(paused_by_us=frozenset({"box.1"}))
STEADY = {"steadyStateFirstAchievedTime": "2026-01-01T00:00:00Z"}
PAUSED = job("Paused", "Paused", **STEADY)


def quarantined(reason, code="Quarantine", schedule="Active"):
    return job(code, schedule, quarantine={"reason": reason, "currentBegan": "2026-11-20T10:00:00Z"})


@pytest.mark.parametrize(
    ("found", "memory", "force", "changed"),
    [
        (PAUSED, KnownState(), False, None),
        (PAUSED, OURS, False, ("paused", "running", False)),
        (PAUSED, KnownState(), True, ("paused", "running", True)),
        (quarantined("EncounteredQuarantineException"), OURS, False, None),
        (quarantined("EncounteredQuarantineException"), KnownState(), True, ("quarantined", "running", True)),
        (quarantined("TooManyDeletes"), KnownState(), True, None),
        (quarantined("TooManyDeletes", "Paused", "Paused"), OURS, True, None),
        (quarantined("EncounteredQuarantineException", "Paused", "Paused"), OURS, False, None),
    ],
)
def test_what_rests_is_started_if_we_paused_it_or_on_request_but_never_over_held_deletions(
    found, memory, force, changed
):
    planned = plan_one(fleet(), held(jobs=(found,)), memory=memory, force=force)
    seen = [(change.before, change.after, change.dangerous) for change in planned.changes]
    assert seen == ([changed] if changed else [])
    untouched = plan_one(fleet(job="unmanaged"), held(jobs=(found,)), memory=memory, force=force)
    assert untouched.action is Action.NONE


def test_somebody_elses_pause_is_said_beside_the_health():
    planned = plan_one(fleet(), held(jobs=(PAUSED,)))
    assert (planned.unwell, planned.condition) == (True, "paused by someone; resume with --force")
    assert planned.as_json()["health"]["paused_by"] == "someone"
    wanted = plan_one(fleet(job="paused"), held(jobs=(PAUSED,)))
    assert (wanted.unwell, wanted.condition) == (False, "paused")
    held_back = plan_one(fleet(), held(jobs=(quarantined("TooManyDeletes", "Paused", "Paused"),)))
    assert (held_back.unwell, held_back.condition) == (True, "paused by someone: TooManyDeletes since 2026-11-20")
    assert plan_one(fleet(), held(jobs=(PAUSED,)), memory=OURS).as_json()["health"]["paused_by"] == "us"


@pytest.mark.parametrize(
    ("found", "condition"),
    [
        (job("Active"), "steady"),
        (quarantined("EncounteredBaseEscrowThreshold"), "quarantined: EncounteredBaseEscrowThreshold since 2026-11-20"),
        (
            job(lastExecution={"state": "EntryLevelErrors", "timeBegan": "2026-11-23T10:00:00Z", "countEscrowed": 12}),
            "degraded: EntryLevelErrors, 12 escrowed",
        ),
        (
            job(lastSuccessfulExecution={"timeEnded": "2026-11-22T11:59:00Z"}),
            "steady: no success since 2026-11-22",
        ),
        (job(lastSuccessfulExecution={"timeEnded": "2026-11-22T12:01:00Z"}), "steady"),
    ],
)
def test_an_instance_that_needs_nothing_may_be_unwell(found, condition):
    planned = plan_one(fleet(), held(jobs=(found,)), now=NOW)
    assert (planned.action, planned.condition, planned.unwell) == (Action.NONE, condition, condition != "steady")


def test_a_job_that_never_ran_is_said_to_be_so_and_is_not_unwell():
    planned = plan_one(fleet(), held(jobs=(job("NotRun"),)))
    assert (planned.condition, planned.unwell) == ("initial-cycle: never ran", False)


def test_a_saved_credential_is_known_if_the_store_has_its_fingerprint():
    known = KnownState(fingerprinted=frozenset({("sp-1", "SecretToken")}))
    wanted = fleet(credentials={"SecretToken": "${env:TOKEN}", "Password": "${env:PASSWORD}", "UserName": "plain"})
    found = held(secrets={"SecretToken": "*", "Password": "*", "UserName": "plain"})
    planned = plan_one(wanted, found, memory=known)
    assert planned.as_json()["credentials"] == {"SecretToken": "known", "Password": "unknown"}
    assert (planned.action, fields_of(planned)) == (Action.NONE, [])
    assert plan_one(fleet(), held(secrets={})).credentials == {}


def test_a_second_synchronization_template_and_another_scope_are_dangerous():
    (change,) = plan_one(fleet(synchronization_template="Other", job="unmanaged"), held()).changes
    assert change.as_json() == {
        "field": "job",
        "before": "BoxOutDelta",
        "after": "Other",
        "dangerous": True,
        "changed_by": None,
    }
    (change,) = plan_one(fleet(scope="all"), held(secrets={"SecretToken": "*", "SyncAll": "false"})).changes
    assert (change.before, change.after, change.dangerous) == ("false", "true", True)
    unstarted = held(secrets={"SecretToken": "*"}, jobs=(job("NotConfigured", "Disabled"),))
    assert not any(change.dangerous for change in plan_one(fleet(scope="all"), unstarted).changes)


def test_the_digest_tells_what_would_be_done_and_not_how_the_jobs_are():
    digest = plan_one(fleet(job="paused"), held()).digest
    assert plan_one(fleet(job="paused"), held(jobs=(job("NotRun"),)), now=NOW).digest == digest
    assert plan_one(fleet(job="paused"), held(application_id="app-2")).digest != digest
    assert plan_one(fleet(job="paused", credentials_expire="2027-01-01"), held()).digest != digest
    assert plan_one(fleet(job="running"), held()).digest != digest
