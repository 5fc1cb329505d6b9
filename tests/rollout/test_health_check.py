"""Whether an instance fared well after its change: a table of what was seen, and the reasons."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flows.errors import StepFailed
from flows.monitoring.cycle_log import JobLog
from flows.monitoring.health import JobHealth
from flows.plan.on_demand import Subject
from flows.plan.outcome import InstanceOutcome
from flows.run.waves import CanaryRules, HealthCheck, Observation, evaluate
from flows.steps.on_demand import OnDemandResult

RULES = CanaryRules(failures_percent=5, deletes=2)
OUTCOME = InstanceOutcome("k", "updated", job_id="j")
WELL = JobHealth("steady", counts={"entitled": 100, "exported": 0, "escrowed": 5})
GOOD = Observation(OUTCOME, WELL, ended=True, escrows_before=5, log=JobLog())


def health(**counts):
    return replace(WELL, counts={**WELL.counts, **counts})


def log(failing=0, deleted=0, events=0):
    ids = {"failing": set(map(str, range(failing))), "deleted": {f"d{number}" for number in range(deleted)}}
    return JobLog(events, **ids)


def trial(outcome, code=None):
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    return OnDemandResult("k", "sp", "j", Subject("u", "User", "Ada"), moment, outcome, code)


FAILED = replace(OUTCOME, outcome="failed", failure=StepFailed("X", "no", "", step="mark-application"))
SEEN = {
    "all well": (GOOD, []),
    "as many fail as before": (replace(GOOD, log=log(failing=5)), []),
    "five of a hundred more": (replace(GOOD, health=health(escrowed=10)), []),
    "six more": (replace(GOOD, health=health(escrowed=11)), ["6 of 100 objects newly failing, limit 5 %"]),
    "six more by the log": (replace(GOOD, log=log(failing=11)), ["6 of 100 objects newly failing, limit 5 %"]),
    "two deletes": (replace(GOOD, log=log(deleted=2)), []),
    "three deletes": (replace(GOOD, log=log(deleted=3)), ["3 objects deleted or disabled, limit 2"]),
    "no cycle": (replace(GOOD, ended=False), ["no cycle completed within 120 minutes"]),
    "a failed cycle": (
        replace(GOOD, health=replace(WELL, state="degraded", reason="Failed", error_code="Boom")),
        ["its cycle failed: Boom"],
    ),
    "a quarantine": (
        replace(GOOD, health=replace(WELL, state="quarantined", reason="TooManyDeletes")),
        ["in quarantine: TooManyDeletes"],
    ),
    "the quarantine it had": (
        replace(GOOD, health=replace(WELL, state="quarantined", reason="X"), was_quarantined=True),
        [],
    ),
    "a failed apply": (replace(GOOD, outcome=FAILED, ended=False), ["failed at mark-application: no"]),
    "a paused job": (replace(GOOD, health=replace(WELL, state="paused"), ended=False), []),
    "a user who was skipped": (replace(GOOD, trials=[trial("skipped")]), []),
    "a user who failed": (replace(GOOD, trials=[trial("failed", "EntryConflict")]), ["Ada failed: EntryConflict"]),
    "a user of whom nothing is known": (replace(GOOD, trials=[trial("unknown")]), ["Ada unknown: no code"]),
}


@pytest.mark.parametrize(("seen", "reasons"), SEEN.values(), ids=SEEN)
def test_reasons(seen, reasons):
    assert list(evaluate(seen, RULES).reasons) == reasons


def test_what_was_not_looked_at_is_said():
    paused = evaluate(replace(GOOD, health=replace(WELL, state="paused")), RULES)
    assert paused.remarks == ("its job is paused: checked by the apply outcome only",)
    assert evaluate(replace(GOOD, log=None), RULES).remarks == ("log unreadable: deletes were not counted",)
    late = evaluate(replace(GOOD, health=health(exported=9), log=log(events=4)), RULES)
    assert late.remarks == ("the log shows 4 of 9 exports so far",)


def test_a_verdict_comes_back_from_the_store_as_it_was():
    verdict = evaluate(replace(GOOD, log=log(deleted=3), trials=[trial("created")]), RULES)
    assert HealthCheck.from_json(verdict.as_json()) == verdict
