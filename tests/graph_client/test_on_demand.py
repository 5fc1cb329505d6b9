"""provisionOnDemand: what is sent, and what is made of answers of every shape, the malformed ones included."""

import json

import httpx
import pytest

from graph_client.errors import Throttled, TransportFailed, UnreadableAnswer
from graph_client.models import OnDemandAnswer
from tests.graph_client.doubles import Script, answer, client

TYPE_NAME = "Microsoft.Identity.Health.CPP.Common.DataContracts.SyncFabric.StatusInfo"
IMPORT = {"name": "EntryImport", "type": "Import", "status": "Success", "description": "Retrieved User 'Ada'"}
SKIP = {
    "name": "EntrySynchronizationSkip",
    "type": "Export",
    "status": "Skipped",
    "description": "Both already match.",
    "details": {"SkipReason": "RedundantExport"},
}
FAIL = {"name": "EntryExportAdd", "type": "Export", "status": "Failure", "details": {"ErrorCode": "EntryConflict"}}
SUMMARY = {
    "action": "Create",
    "changeId": "c-1",
    "modifiedProperties": [{"displayName": "title", "oldValue": None, "newValue": "Boss"}],
    "provisioningSteps": [IMPORT, {"name": "EntryExportAdd", "type": "Export", "status": "Success"}],
    "statusInfo": {"status": "Success", "errorCode": None},
    "targetIdentity": {"id": "t-1", "type": "User"},
}


def pair(key, value):
    """An answer: whatever is no text is JSON within one."""
    return {name: v if isinstance(v, str) else json.dumps(v) for name, v in (("key", key), ("value", value))}


def key(result, **details):
    return {"result": result, "details": details}


# fmt: off
TABLE = {
    "a summary": (pair(key("Success", errorCode=""), SUMMARY), "success", "create", None, 2),
    "a summary in a list": (pair(TYPE_NAME, [SUMMARY]), "success", "create", None, 2),
    "bare steps": (pair(key("Skipped", errorCode="RedundantExport"), [IMPORT, SKIP]),
                   "skipped", None, "RedundantExport", 2),
    "bare steps below the name of a type": (pair(TYPE_NAME, [IMPORT, SKIP]), "skipped", None, "RedundantExport", 2),
    "a failure told by its step alone": (pair(TYPE_NAME, [IMPORT, FAIL]), "failure", None, "EntryConflict", 2),
    "a group": (pair(key("Success"), "{}"), "success", None, None, 0),
    "a group below the name of a type": (pair(TYPE_NAME, "{}"), None, None, None, 0),
    "a flat failure": (pair(TYPE_NAME, {"statusInfo": {"status": "failure", "errorCode": "X"}}),
                       "failure", None, "X", 0),
    "encoded three times": (pair(json.dumps(json.dumps(key("Success"))), "[]"), "success", None, None, 0),
    "HTML": (pair("<html>", "<html>Bad gateway</html>"), None, None, None, 0),
    "nothing": ({}, None, None, None, 0),
    "nulls": ({"key": None, "value": None}, None, None, None, 0),
    "objects where texts are documented": ({"key": key("Success"), "value": [IMPORT]}, "success", None, None, 1),
    "numbers": ({"key": 7, "value": 8}, None, None, None, 0),
    "steps that are none": (pair(key("Failure"), [1, "x", None, IMPORT]), "failure", None, None, 1),
    "wrong types within": (pair({"result": ["x"], "details": 3}, {"provisioningSteps": "no", "action": {}}),
                           None, None, None, 0),
    "cut off": (pair('{"result":"Succ', '[{"name":"Entry'), None, None, None, 0),
    "a bottomless list": (pair(key("Success"), "[" * 100_000), "success", None, None, 0),
}
# fmt: on


@pytest.mark.parametrize(("value", "result", "action", "code", "steps"), TABLE.values(), ids=TABLE)
def test_whatever_comes_is_read_as_far_as_it_goes(value, result, action, code, steps):
    told = OnDemandAnswer.parse(value)
    assert (told.result, told.action, told.error_code, len(told.steps)) == (result, action, code, steps)


def test_the_summary_tells_attributes_target_and_change():
    told = OnDemandAnswer.parse(pair(key("Success"), SUMMARY))
    (title,) = told.modified_properties
    assert (title.display_name, title.old_value, title.new_value) == ("title", None, "Boss")
    assert (told.change_id, told.target_id) == ("c-1", "t-1")
    assert [(step.name, step.type, step.status) for step in told.steps] == [
        ("EntryImport", "Import", "Success"),
        ("EntryExportAdd", "Export", "Success"),
    ]


def test_reason_and_recommendation_are_found_wherever_they_stand():
    words = {"errorMessage": "no", "recommendedAction": "ask", "additionalDetails": "line 7"}
    by_key = OnDemandAnswer.parse(pair(key("Failure", **words), []))
    assert (by_key.reason, by_key.recommended_action, by_key.additional_details) == ("no", "ask", "line 7")
    by_step = OnDemandAnswer.parse(pair(TYPE_NAME, [IMPORT, SKIP]))
    assert (by_step.reason, by_step.recommended_action) == ("Both already match.", None)
    status = {"status": "Failure", "reason": "why", "recommendedAction": "mend it"}
    by_summary = OnDemandAnswer.parse(pair(TYPE_NAME, {**SUMMARY, "statusInfo": status}))
    assert (by_summary.result, by_summary.reason, by_summary.recommended_action) == ("failure", "why", "mend it")


def test_step_types_of_the_log_are_taken_too():
    told = OnDemandAnswer.parse(pair(TYPE_NAME, [{"name": "x", "provisioningStepType": "export"}]))
    assert told.steps[0].type == "export"


async def test_one_user_is_one_request():
    script = Script(answer(200, pair(key("Success"), SUMMARY)))
    async with client(script) as graph:
        await graph.synchronization.provision_on_demand("sp", "job.1", "rule#V2", "u-1")
    (request,) = script.requests
    assert request.url.path == "/v1.0/servicePrincipals/sp/synchronization/jobs/job.1/provisionOnDemand"
    subject = {"objectId": "u-1", "objectTypeName": "User"}
    assert script.bodies() == [{"parameters": [{"ruleId": "rule#V2", "subjects": [subject]}]}]


async def test_a_group_comes_with_its_members():
    script = Script(answer(200, pair(key("Success"), "{}")))
    async with client(script) as graph:
        await graph.synchronization.provision_on_demand("sp", "j", "r", "g", "Group", member_ids=("a", "b"))
    members = [{"objectId": each, "objectTypeName": "User"} for each in ("a", "b")]
    subject = {"objectId": "g", "objectTypeName": "Group", "links": {"members": members}}
    assert script.bodies() == [{"parameters": [{"ruleId": "r", "subjects": [subject]}]}]


@pytest.mark.parametrize(
    ("lost", "error"),
    [
        (answer(503), Exception),
        (answer(429, None, **{"Retry-After": "1"}), Throttled),
        (httpx.ReadTimeout("slow"), TransportFailed),
        (httpx.Response(200, content=b"<html>"), UnreadableAnswer),
    ],
    ids=["503", "429", "timeout", "html"],
)
async def test_it_is_never_repeated_by_the_client(lost, error):
    script = Script(lost)
    async with client(script) as graph:
        with pytest.raises(error) as failed:
            await graph.synchronization.provision_on_demand("sp", "j", "r", "u")
    assert len(script.requests) == 1
    assert failed.value.may_have_happened


async def test_rules_say_what_they_provision():
    mapping = [{"sourceObjectName": "User", "enabled": True}, {"sourceObjectName": "Group", "enabled": False}]
    rules = [{"id": "r-1", "objectMappings": mapping}, {"name": "no id"}, "no rule", {"id": "r-2"}]
    script = Script(answer(200, {"synchronizationRules": rules}))
    async with client(script) as graph:
        found = await graph.synchronization.rules("sp", "j")
    assert [rule.id for rule in found] == ["r-1", "r-2"]
    assert [found[0].source_of(kind) for kind in ("user", "group", "Worker")] == ["User", None, None]


async def test_a_schema_without_rules_has_none():
    async with client(Script(answer(200, {"synchronizationRules": None}))) as graph:
        assert await graph.synchronization.rules("sp", "j") == ()
