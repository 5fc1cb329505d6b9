from datetime import timedelta

import pytest

from flows.store import Identity
from tests.store.events import AWS, BOX, MOMENT, TENANT, failed, succeeded

ADELE = Identity(TENANT, "u1")
STEPS = [
    {"name": "EntryImportAdd", "provisioningStepType": "import", "status": "success"},
    {"name": "EntryMatch", "provisioningStepType": "matching", "status": "Failure", "description": "two match"},
    {"name": "EntryExportAdd", "provisioningStepType": "export", "status": "skipped"},
]


def at(hours):
    return {"activityDateTime": (MOMENT + timedelta(hours=hours)).isoformat()}


@pytest.fixture
def told(store):
    """The story of one person with two applications, beside somebody else's."""
    other = {"id": "u2", "displayName": "Bob", "identityType": "User"}
    aws = {"servicePrincipal": {"id": AWS, "displayName": "AWS Dev"}}
    events = [
        failed("1", "InsufficientRights", **at(0)),
        succeeded("2", **at(1)),
        failed("3", "EntryConflict", **at(2)),
        failed("4", "DuplicateTargetEntries", "Two match.", provisioningSteps=STEPS, **at(3)),
        succeeded("5", sourceIdentity=other, **at(4)),
        succeeded("6", **at(5), **aws),
    ]
    store.harvests.save(TENANT, events)
    return store.stories.of(ADELE)


def test_each_application_has_its_last_result_failures_first(told):
    assert [(each.service_principal_id, each.status, each.events) for each in told] == [
        (BOX, "failure", 4),
        (AWS, "success", 1),
    ]
    assert [each.service_principal_name for each in told] == ["Box Prod", "AWS Dev"]


def test_a_failure_says_since_when_how_often_and_at_which_step(told):
    box = told[0]
    assert (box.error_code, box.reason, box.recommended_action) == (
        *("DuplicateTargetEntries", "Two match."),
        "Remove one of them.",
    )
    assert (box.failures, box.failing_since, box.last_success_at) == (
        *(2, MOMENT + timedelta(hours=2)),
        MOMENT + timedelta(hours=1),
    )
    assert (box.step.name, box.step.type, box.step.description) == ("EntryMatch", "matching", "two match")


def test_a_success_shows_its_last_step_and_no_failures(told):
    aws = told[1]
    assert (aws.failed, aws.failures, aws.failing_since, aws.step.name) == (False, 0, None, "EntryImport")


@pytest.mark.parametrize("steps", [None, [], ["odd"], [{}], "odd"])
def test_an_event_with_odd_steps_is_told_all_the_same(store, steps):
    store.harvests.save(TENANT, [failed("1", "X", provisioningSteps=steps)])
    (told,) = store.stories.of(ADELE)
    assert told.error_code == "X"


def test_of_another_tenant_and_of_somebody_unknown_there_is_no_story(told, store):
    assert store.stories.of(Identity("another", "u1")) == []
    assert store.stories.of(Identity(TENANT, "u9")) == []
