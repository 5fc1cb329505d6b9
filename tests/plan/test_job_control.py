"""Which jobs are touched by start, pause and restart, and which never."""

import re

import pytest

from flows.errors import StepFailed
from flows.plan.job_control import ResetScope, decide_control, reset_scope
from graph_client.models import SynchronizationJob

SAFE = "QuarantineState"
RAN = {"lastExecution": {"state": "Succeeded", "timeBegan": "2026-01-01T00:00:00Z"}}


def job(code, schedule="Active", reason=None, **status):
    quarantine = {"reason": reason, "currentBegan": "2026-01-01T00:00:00Z"} if reason else None
    return SynchronizationJob.model_validate(
        {"id": "j", "schedule": {"state": schedule}, "status": {"code": code, "quarantine": quarantine, **status}}
    )


RUNNING = job("Active", **RAN)
PAUSED = job("Paused", "Paused", **RAN)
CREATED = job("NotConfigured", "Disabled")
HELD = job("Quarantine", reason="EncounteredQuarantineException", **RAN)
PAUSED_AND_HELD = job("Paused", "Paused", reason="EncounteredQuarantineException", **RAN)
DELETES = job("Quarantine", reason="TooManyDeletes", **RAN)
PAUSED_DELETES = job("Paused", "Paused", reason="TooManyDeletes", **RAN)


def decided(verb, one, scope=SAFE, *, force=False):
    try:
        return decide_control("k", verb, one, scope, force=force)
    except StepFailed as refusal:
        return refusal.code


@pytest.mark.parametrize(
    ("one", "start", "pause", "restart"),
    [
        (RUNNING, False, True, False),
        (PAUSED, True, False, "Paused"),
        (CREATED, True, False, "NeverStarted"),
        (HELD, "Quarantined", True, True),
        (PAUSED_AND_HELD, "Quarantined", False, True),
        (DELETES, "TooManyDeletes", True, "TooManyDeletes"),
        (PAUSED_DELETES, "TooManyDeletes", False, "TooManyDeletes"),
        (None, "JobMissing", "JobMissing", "JobMissing"),
    ],
)
def test_what_is_done_to_a_job(one, start, pause, restart):
    assert [decided(verb, one) for verb in ("start", "pause", "restart")] == [start, pause, restart]


@pytest.mark.parametrize("one", [DELETES, PAUSED_DELETES])
def test_deletions_that_are_held_back_stay_so_whatever_is_forced(one):
    for scope in (SAFE, "Full", "Watermark, Escrows"):
        assert decided("restart", one, scope, force=True) == "TooManyDeletes"


def test_a_person_is_told_what_to_do_about_held_deletions():
    with pytest.raises(StepFailed) as refused:
        decide_control("k", "restart", DELETES, SAFE, force=True)
    assert (refused.value.code, refused.value.step) == ("TooManyDeletes", "restart-job")
    assert {"Allow deletes", "Restart provisioning"} <= set(re.findall(r"[A-Z][a-z]+ [a-z]+", refused.value.hint))


def test_a_restart_that_forgets_something_is_done_to_a_healthy_job_too():
    assert decided("restart", RUNNING, "Watermark") is True


def test_a_pause_of_somebody_is_overridden_only_by_force():
    assert decided("restart", PAUSED, force=True) is True


def test_a_restart_forgets_nothing_unless_told():
    assert reset_scope((), force=False) == "QuarantineState"


def test_scopes_are_written_as_graph_takes_them():
    wanted = [ResetScope.ESCROWS, ResetScope.WATERMARK, ResetScope.QUARANTINE_STATE]
    assert reset_scope(wanted, force=True) == "QuarantineState, Watermark, Escrows"


@pytest.mark.parametrize("scope", sorted(set(ResetScope) - {ResetScope.QUARANTINE_STATE, ResetScope.FORCE_DELETES}))
def test_a_dangerous_scope_is_refused_and_says_what_it_would_do(scope):
    with pytest.raises(StepFailed) as refused:
        reset_scope([scope], force=False)
    assert refused.value.code == "ResetRefused"
    assert scope in refused.value.message
    assert refused.value.hint.startswith(f"{scope} ")
    assert reset_scope([scope], force=True) == scope


def test_several_dangers_are_all_named():
    with pytest.raises(StepFailed) as refused:
        reset_scope([ResetScope.ESCROWS, ResetScope.WATERMARK], force=False)
    for scope in ("Watermark", "Escrows"):
        assert scope in refused.value.message
        assert scope in refused.value.hint


def test_held_deletions_are_never_forced():
    with pytest.raises(StepFailed) as refused:
        reset_scope([ResetScope.FORCE_DELETES], force=True)
    assert refused.value.code == "ResetRefused"
