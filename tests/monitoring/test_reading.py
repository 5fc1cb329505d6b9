"""What a sweep says of one job: since when it is not well, and why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flows.monitoring.health import JobHealth
from flows.monitoring.sweep import Reading, Target

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATE = NOON - timedelta(hours=5)
BOX = Target("box", "sp-1")
STEADY = Reading(BOX, JobHealth("steady", "scim.1", last_execution=LATE))
QUARANTINED = Reading(
    BOX,
    JobHealth(
        "quarantined",
        "scim.1",
        reason="EncounteredQuarantineException",
        since=LATE,
        error_code="Unauthorized",
        error_message="401",
    ),
)


@pytest.mark.parametrize(
    ("reading", "well", "since", "why"),
    [
        (STEADY, True, None, None),
        (QUARANTINED, False, LATE, "EncounteredQuarantineException; Unauthorized: 401"),
        (replace(STEADY, stalled_since=NOON), False, NOON, "no execution since 2026-05-01T07:00:00Z"),
        (Reading(BOX, JobHealth("degraded", "scim.1", reason="EntryLevelErrors")), True, None, "EntryLevelErrors"),
        (Reading(BOX, JobHealth("missing")), False, None, "there is no job"),
        (Reading(Target("new", None), JobHealth("missing")), False, None, "there is no application"),
        (Reading(BOX, JobHealth("initial-cycle", "scim.1", error_code="None")), True, None, None),
    ],
)
def test_a_reading_says_since_when_and_why(reading, well, since, why):
    assert (reading.is_healthy, reading.since, reading.why) == (well, since, why)
    found = reading.as_json()
    assert (found["since"], found["why"]) == (since and since.isoformat().replace("+00:00", "Z"), why)
