from datetime import timedelta

import pytest

from flows.store import Identity
from tests.store.events import AWS, BOX, FAILURE, MOMENT, TENANT, event, failed, succeeded

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
    assert (box.last.step.name, box.last.step.type, box.last.step.description) == (
        "EntryMatch",
        "matching",
        "two match",
    )


def test_a_success_shows_its_last_step_and_no_failures(told):
    aws = told[1]
    assert (aws.failed, aws.failures, aws.failing_since, aws.last.step.name) == (False, 0, None, "EntryImport")


def test_a_skip_has_its_reason_and_the_details_of_its_steps(store):
    # As recorded: an event that is no failure has no error information, and the last step names the reason.
    checks = {"Active in the source system": "True", "Assigned to the application": "False"}
    steps = [
        {
            "name": "EntryImportUpdate",
            "provisioningStepType": "import",
            "status": "success",
            "details": {"active": "False"},
        },
        {"provisioningStepType": "scoping", "status": "success", "details": checks},
        {"provisioningStepType": "export", "status": "skipped", "details": {"SkipReason": "NotEffectivelyEntitled"}},
    ]
    skipped = {"status": "skipped", "errorInformation": None}
    store.harvests.save(TENANT, [event("1", provisioningStatusInfo=skipped, provisioningSteps=steps)])
    (told,) = store.stories.of(ADELE)
    assert (told.error_code, told.last.skip_reason) == (None, "NotEffectivelyEntitled")
    assert told.last.details == {**checks, "SkipReason": "NotEffectivelyEntitled"}


def test_what_microsoft_adds_to_its_reason_is_told(store):
    error = FAILURE | {"additionalDetails": "Line 7."}
    store.harvests.save(TENANT, [event("1", provisioningStatusInfo={"status": "failure", "errorInformation": error})])
    (told,) = store.stories.of(ADELE)
    (failure,) = store.failures.of_quarantine(BOX, None)
    assert (told.last.additional_details, failure.additional_details) == ("Line 7.", "Line 7.")


@pytest.mark.parametrize("steps", [None, [], ["odd"], [{}], "odd", [{"status": 2, "provisioningStepType": 0}]])
def test_an_event_with_odd_steps_is_told_all_the_same(store, steps):
    store.harvests.save(TENANT, [failed("1", "X", provisioningSteps=steps)])
    (told,) = store.stories.of(ADELE)
    assert told.error_code == "X"


def test_of_another_tenant_and_of_somebody_unknown_there_is_no_story(told, store):
    assert store.stories.of(Identity("another", "u1")) == []
    assert store.stories.of(Identity(TENANT, "u9")) == []
