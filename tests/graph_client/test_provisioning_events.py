"""Provisioning events of today, of beta and of 2019."""

import copy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_client import errors
from graph_client.models import ProvisioningEvent
from tests.graph_client import tutorial_2019 as tutorial

ERROR = {
    "errorCode": "EntryConflict",
    "reason": "It exists.",
    "additionalDetails": None,
    "errorCategory": "nonServiceFailure",
    "recommendedAction": "https://example.com/fix",
}
V1 = {
    "id": "1",
    "activityDateTime": "2026-05-01T12:00:00.1234567Z",
    "jobId": "scim.1",
    "cycleId": "c",
    "durationInMilliseconds": 17,
    "provisioningAction": "stagedDelete",
    "provisioningStatusInfo": {"status": "failure", "errorInformation": ERROR},
    "servicePrincipal": {"id": "sp-1", "displayName": "Box"},
    "initiatedBy": {"id": "", "displayName": "Provisioning", "initiatorType": "system"},
    "provisioningSteps": [],
    "modifiedProperties": [{"displayName": "active", "oldValue": "True", "newValue": "False"}],
}


def normalised(event):
    error = event.error
    return (event.action, event.status, error.error_code, error.reason, error.recommended_action, error.error_category)


def test_an_event_of_today():
    event = ProvisioningEvent.parse(V1)
    assert event.activity_date_time == datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert normalised(event) == (
        "stagedDelete",
        "failure",
        "EntryConflict",
        "It exists.",
        "https://example.com/fix",
        "nonServiceFailure",
    )
    assert event.service_principal_id == "sp-1"
    assert event.modified_properties[0].new_value == "False"
    assert event.raw == V1


def test_an_event_of_2019():
    event = ProvisioningEvent.parse(tutorial.EVENT)
    reason = "Message: Box returned an error response with the HTTP status code 409."
    assert normalised(event) == ("create", "failure", "BoxEntryConflict", reason, None, "NonServiceFailure")
    assert event.service_principal_id == "chc46a42-966b-47d7-9774-576b1c8bd0b8"
    assert event.raw == tutorial.EVENT


def test_today_beats_beta_where_both_are_given():
    both = {**V1, "action": "Other", "statusInfo": {"status": "success", "errorCode": "old"}}
    event = ProvisioningEvent.parse(both)
    assert normalised(event)[:3] == ("stagedDelete", "failure", "EntryConflict")


@pytest.mark.parametrize(
    ("status", "expected"),
    [("Success", "success"), ("skipped", "skipped"), ("Warning", "warning"), ("BrandNew", "brandnew"), (None, None)],
)
def test_a_status_is_in_lower_case(status, expected):
    value = {"id": "1", "provisioningStatusInfo": {"status": status, "errorInformation": None}}
    assert ProvisioningEvent.parse(value).status == expected


def test_a_bare_event_has_nothing_to_say():
    event = ProvisioningEvent.parse({"id": "1"})
    assert normalised(event) == (None,) * 6
    assert event.service_principal_id is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [([{"id": "sp-1"}], "sp-1"), ([], None), (None, None), ({"id": None}, None), ({"name": "x"}, None), ("x", None)],
)
def test_the_service_principal_may_come_in_a_list(given, expected):
    assert ProvisioningEvent.parse({"id": "1", "servicePrincipal": given}).service_principal_id == expected


def test_a_misspelt_initiator_is_understood():
    value = {"id": "1", "initiatedBy": {"initiatingType": "application"}}
    assert ProvisioningEvent.parse(value).initiated_by.initiator_type == "application"


def test_raw_keeps_what_had_to_be_dropped():
    value = {**V1, "durationInMilliseconds": "long", "provisioningSteps": "none", "future": {"a": 1}}
    before = copy.deepcopy(value)
    event = ProvisioningEvent.parse(value)
    assert (event.duration_in_milliseconds, event.provisioning_steps) == (None, ())
    assert event.status == "failure"
    assert event.raw == before == value


def test_what_is_missing_or_of_another_type_is_empty():
    event = ProvisioningEvent.parse({"id": 7, "sourceIdentity": "x", "targetSystem": {"details": []}, "cycleId": [1]})
    assert (event.id, event.cycle_id, event.activity_date_time) == ("7", None, None)
    assert not event.source_identity
    assert (event.source_identity.display_name, dict(event.target_system.details)) == (None, {})


def test_an_event_shows_its_id_and_nobodys_name():
    event = ProvisioningEvent.parse({**V1, "sourceIdentity": {"displayName": "Adele"}})
    assert repr(event) == "ProvisioningEvent(id='1')"
    assert event == ProvisioningEvent.parse(copy.deepcopy(event.raw)) != ProvisioningEvent.parse(V1)


@given(
    st.dictionaries(
        st.sampled_from([*V1, "action", "statusInfo", "targetSystem", "sourceIdentity"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from([*ERROR, "status", "details", "id", "errorInformation"]), inner)
            ),
            max_leaves=20,
        ),
    )
)
def test_any_event_is_read_or_has_no_id(value):
    try:
        event = ProvisioningEvent.parse(value)
    except errors.UnreadableAnswer:
        assert not value.get("id") or not isinstance(value["id"], (str, int)) or isinstance(value["id"], bool)
        return
    normalised(event)
    assert event.raw == value
