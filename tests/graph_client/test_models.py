"""Models tolerate what Graph may send, today and in ten years."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_client import errors
from graph_client.models import (
    Application,
    ApplicationServicePrincipal,
    ApplicationTemplate,
    AppRoleAssignment,
    ServicePrincipal,
    SynchronizationJob,
    SynchronizationTemplate,
)

NEVER = "0001-01-01T00:00:00Z"
RUNNING_JOB = {
    "id": "scim.7928d5b574424a97a02d66f9a9972ec0.0a1b2c3d",
    "templateId": "scim",
    "schedule": {"expiration": None, "interval": "PT40M", "state": "Active"},
    "status": {
        "code": "Quarantine",
        "countSuccessiveCompleteFailures": 3,
        "escrowsPruned": False,
        "steadyStateFirstAchievedTime": "2026-05-01T11:00:00.1234567Z",
        "steadyStateLastAchievedTime": NEVER,
        "troubleshootingUrl": "",
        "lastExecution": {
            "activityIdentifier": "a",
            "state": "EntryLevelErrors",
            "timeBegan": "2026-05-01T12:00:00Z",
            "timeEnded": "2026-05-01T12:05:00Z",
            "countEntitled": "12",
            "countExported": 9007199254740993,
            "error": None,
        },
        "lastSuccessfulExecution": {"state": "Failed", "timeBegan": NEVER, "error": {"code": "None"}},
        "progress": [{"completedUnits": 5, "totalUnits": 10, "progressObservationDateTime": NEVER, "units": "users"}],
        "quarantine": {
            "currentBegan": "2026-05-01T10:00:00Z",
            "nextAttempt": NEVER,
            "reason": "SomethingNewIn2030",
            "seriesBegan": "2026-05-01T10:00:00Z",
            "seriesCount": 1,
            "error": {"code": "x", "message": "y", "tenantActionable": True},
        },
        "synchronizedEntryCountByType": [{"key": "User", "value": 42}, {"key": "Group", "value": None}],
        "newProperty": {"deep": [1]},
    },
    "synchronizationJobSettings": [{"name": "Domain", "value": None}],
}


def test_a_running_job():
    job = SynchronizationJob.parse(RUNNING_JOB)
    status = job.status
    assert status.code == "Quarantine"
    assert status.steady_state_first_achieved_time == datetime(2026, 5, 1, 11, 0, 0, 123456, tzinfo=UTC)
    assert status.steady_state_last_achieved_time is None
    assert status.quarantine.reason == "SomethingNewIn2030"
    assert status.quarantine.error.tenant_actionable is True
    assert status.last_execution.time_began is not None
    assert (status.last_execution.count_entitled, status.last_execution.count_exported) == (12, 9007199254740993)
    assert status.last_successful_execution.time_began is None
    assert status.progress[0].completed_units == 5
    assert status.entry_counts == {"User": 42, "Group": 0}
    assert status.model_extra == {"newProperty": {"deep": [1]}}


@pytest.mark.parametrize("missing", [{}, {"schedule": None, "status": None, "synchronizationJobSettings": None}])
def test_a_job_without_schedule_and_status(missing):
    job = SynchronizationJob.parse({"id": "1", **missing})
    assert (job.schedule, job.status, job.synchronization_job_settings) == (None, None, ())


def test_an_object_id_is_an_id():
    assert Application.parse({"objectId": "1"}).id == "1"
    assert Application.parse({"id": "new", "objectId": "old"}).id == "new"


@pytest.mark.parametrize("value", [{}, {"id": None}, {"id": ""}, {"id": {}}, [], None, "x", 5])
def test_an_object_without_an_id_is_unreadable(value):
    with pytest.raises(errors.UnreadableAnswer) as caught:
        Application.parse(value)
    assert len(str(caught.value).splitlines()) == 2


def test_both_halves_of_a_new_application_are_needed():
    with pytest.raises(errors.UnreadableAnswer, match="servicePrincipal"):
        ApplicationServicePrincipal.parse({"application": {"id": "1"}, "servicePrincipal": None})
    with pytest.raises(errors.UnreadableAnswer, match=r"servicePrincipal\.id"):
        ApplicationServicePrincipal.parse({"application": {"id": "1"}, "servicePrincipal": {"appId": "2"}})


def test_values_of_an_unexpected_type_are_dropped_and_the_rest_is_kept():
    principal = ServicePrincipal.parse(
        {
            "id": "1",
            "displayName": ["not", "a", "text"],
            "accountEnabled": "perhaps",
            "tags": ["a", None, "b", {"c": 1}, "d"],
            "appRoles": [{"id": "r1", "isEnabled": True}, {"displayName": "no id"}, {"id": "r2", "isEnabled": "x"}],
            "notes": "kept",
        }
    )
    assert (principal.display_name, principal.account_enabled, principal.notes) == (None, None, "kept")
    assert principal.tags == ("a", "b", "d")
    assert principal.app_roles[0].is_enabled is True


def test_an_unexpected_type_deep_inside_costs_only_itself():
    value = {"id": "1", "status": {"code": "Active", "lastExecution": {"state": "Failed", "countEntitled": "many"}}}
    execution = SynchronizationJob.parse(value).status.last_execution
    assert (execution.state, execution.count_entitled) == ("Failed", None)
    assert value["status"]["lastExecution"]["countEntitled"] == "many"


def test_null_collections_are_empty():
    template = ApplicationTemplate.parse({"id": "1", "categories": None, "supportedProvisioningTypes": None})
    assert (template.categories, template.supported_provisioning_types) == ((), ())


def test_annotations_and_new_fields_are_kept():
    template = ApplicationTemplate.parse({"id": "1", "@microsoft.graph.tips": "Use $select", "newField": 5})
    assert template.model_extra == {"@microsoft.graph.tips": "Use $select", "newField": 5}


@pytest.mark.parametrize("name", ["createdDateTime", "creationTimestamp"])
def test_an_assignment_knows_its_time_by_either_name(name):
    assignment = AppRoleAssignment.parse({"id": "a_B-1", "principalType": "Group", name: "2026-05-01T12:00:00Z"})
    assert assignment.created_date_time == datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_the_schema_of_a_template_is_kept_as_it_is():
    schema = {"directories": [{"id": "x"}], "synchronizationRules": [], "version": "v1"}
    template = SynchronizationTemplate.parse({"id": "scim", "default": True, "schema": schema})
    assert (template.default, template.mapping_schema) == (True, schema)


def test_what_may_hold_a_secret_does_not_show():
    application = Application.parse({"id": "1", "passwordCredentials": [{"secretText": "s3cret"}]})
    assert "s3cret" not in repr(application) + str(application)


def test_models_do_not_change():
    application = Application.parse({"id": "1", "displayName": "x"})
    with pytest.raises(ValueError, match="frozen"):
        application.display_name = "y"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "status", "schedule", "lastExecution", "progress", "timeBegan", "state", "quarantine", "tags"]
            ),
            inner,
        )
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(["status", "schedule", "synchronizationJobSettings", "templateId"]), ANYTHING))
def test_a_job_with_an_id_is_always_read(value):
    assert SynchronizationJob.parse({"id": "1", **value}).id == "1"
