import json

from flows.fleet_file.models import Instance
from flows.plan.job_settings import build_job_settings, settings_equal


def instance(**fields):
    return Instance(key="k", display_name="K", template="Box", **fields)


def test_what_the_file_does_not_name_is_not_set():
    assert build_job_settings(instance(), {"SyncAll": "true"}) == {}


def test_the_named_settings_are_graph_keys():
    named = instance(
        scope="all", skip_out_of_scope_deletions=True, notification_email="a@b.example", delete_threshold=7
    )
    settings = build_job_settings(named, {})
    assert settings["SyncAll"] == "true"
    assert settings["SkipOutOfScopeDeletions"] == "True"
    assert json.loads(settings["SyncNotificationSettings"]) == {
        "Enabled": True,
        "Recipients": "a@b.example",
        "DeleteThresholdEnabled": True,
        "DeleteThresholdValue": 7,
    }


def test_notification_settings_of_others_are_kept():
    there = {"SyncNotificationSettings": '{"HumanResourcesLookaheadQueryEnabled":true,"DeleteThresholdValue":500}'}
    settings = build_job_settings(instance(delete_threshold=7), there)
    assert json.loads(settings["SyncNotificationSettings"]) == {
        "HumanResourcesLookaheadQueryEnabled": True,
        "DeleteThresholdEnabled": True,
        "DeleteThresholdValue": 7,
    }


def test_a_text_that_is_no_json_is_replaced():
    settings = build_job_settings(instance(delete_threshold=7), {"SyncNotificationSettings": "?"})
    assert json.loads(settings["SyncNotificationSettings"])["DeleteThresholdValue"] == 7


def test_settings_are_compared_by_what_they_mean():
    assert settings_equal("true", "True")
    assert settings_equal('{"a":1,"b":2}', '{ "b": 2, "a": 1 }')
    assert not settings_equal('{"a":1}', '{"a":2}')
    assert not settings_equal("true", "false")
