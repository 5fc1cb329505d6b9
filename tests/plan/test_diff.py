import pytest

from flows.fleet_file.loader import fleet_from_object
from flows.plan.diff import UnknownKey, diff_fleet
from flows.plan.plan import Action
from flows.tenant.instance_state import Observed, ObservedInstance
from flows.tenant.ownership_tag import OwnershipTag
from flows.tenant.templates import TemplateProblem
from graph_client.models import ApplicationTemplate, SynchronizationJob

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
BOX = ApplicationTemplate(id="box-id", displayName="Box", supportedProvisioningTypes=["sync"])
SAVED = {"SecretToken": "*"}


def fleet(**fields):
    instance = {
        "key": "one",
        "display_name": "Box One",
        "template": "Box",
        "credentials": {"SecretToken": "${env:TOKEN}"},
    }
    return fleet_from_object({"fleet": "f", "tenant_id": TENANT, "instances": [instance | fields]})


def job(code="Active", schedule="Active", **status):
    steady = "2026-01-01T00:00:00Z" if code == "Active" else "0001-01-01T00:00:00Z"
    return SynchronizationJob.model_validate(
        {
            "id": "box.1",
            "templateId": "BoxOutDelta",
            "schedule": {"state": schedule},
            "status": {"code": code, "steadyStateFirstAchievedTime": steady, **status},
        }
    )


def held(**changes):
    fields = {
        "application_id": "app-1",
        "service_principal_id": "sp-1",
        "app_id": "appid-1",
        "display_name": "Box One",
        "service_principal_name": "Box One",
        "template_id": "box-id",
        "tags": (OwnershipTag("f", "one").tag,),
        "marked": True,
        "jobs": (job(),),
        "secrets": SAVED,
    }
    return ObservedInstance(**(fields | changes))


def plan_one(wanted, *items, namesakes=None, problems=None, templates=None, **options):
    observed = Observed({"one": items} if items else {}, namesakes or {}, templates or {"Box": BOX}, problems or {})
    (planned,) = diff_fleet(wanted, observed, **options).instances
    return planned


def fields_of(planned):
    return [change.field for change in planned.changes]


def test_what_is_not_there_is_created_with_six_writes():
    planned = plan_one(fleet(scope="all"))
    assert planned.action is Action.CREATE
    assert planned.writes == 6
    assert fields_of(planned) == [
        "application",
        "mark",
        "display_name",
        "job",
        "credentials.SecretToken",
        "credentials.SyncAll",
        "job_state",
    ]


def test_what_is_as_wanted_needs_nothing():
    planned = plan_one(fleet(), held())
    assert (planned.action, planned.writes, planned.health.state) == (Action.NONE, 0, "steady")


def test_a_rename_is_one_write():
    planned = plan_one(fleet(display_name="Box Uno"), held())
    assert (planned.action, fields_of(planned), planned.writes) == (Action.UPDATE, ["display_name"], 1)


def test_an_instance_whose_rename_never_happened_is_adopted():
    unfinished = held(
        display_name=OwnershipTag("f", "one").unique_name("Box One"), marked=False, tags=(), jobs=(), secrets={}
    )
    planned = plan_one(fleet(), unfinished)
    assert planned.action is Action.ADOPT
    assert fields_of(planned) == ["mark", "display_name", "credentials.SecretToken", "job", "job_state"]
    assert planned.writes == 5


@pytest.mark.parametrize(
    ("state", "found", "expected"),
    [
        ("running", job("NotConfigured", "Disabled"), ["job_state"]),
        ("running", job("Paused", "Disabled"), ["job_state"]),
        ("running", job("Paused", "Disabled", steadyStateFirstAchievedTime="2026-01-01T00:00:00Z"), []),
        ("running", job("Quarantine"), []),
        ("running", job("NotRun"), []),
        ("paused", job("Active"), ["job_state"]),
        ("paused", job("NotConfigured", "Disabled"), []),
        ("unmanaged", job("NotConfigured", "Disabled"), []),
    ],
)
def test_a_job_is_started_only_if_it_never_ran_and_paused_only_if_it_runs(state, found, expected):
    assert fields_of(plan_one(fleet(job=state), held(jobs=(found,)))) == expected


def test_a_key_that_the_tenant_lacks_is_saved_and_a_masked_one_is_left_alone():
    wanted = fleet(credentials={"SecretToken": "${env:TOKEN}", "BaseAddress": "https://a.example"})
    assert fields_of(plan_one(wanted, held())) == ["credentials.BaseAddress"]
    assert fields_of(plan_one(wanted, held(secrets=SAVED | {"BaseAddress": "https://a.example"}))) == []


def test_a_literal_that_changed_shows_before_and_after():
    wanted = fleet(credentials={"SecretToken": "${env:TOKEN}", "BaseAddress": "https://b.example"})
    (change,) = plan_one(wanted, held(secrets=SAVED | {"BaseAddress": "https://a.example"})).changes
    assert (change.field, change.before, change.after) == (
        "credentials.BaseAddress",
        "https://a.example",
        "https://b.example",
    )


def test_a_reference_is_never_compared_with_what_the_tenant_shows():
    wanted = fleet(credentials={"SecretToken": "${env:TOKEN}", "BaseAddress": "${env:ADDRESS}"})
    assert plan_one(wanted, held(secrets=SAVED | {"BaseAddress": "https://a.example"})).action is Action.NONE


def test_secrets_that_may_not_be_read_are_taken_for_saved_once_the_job_has_run():
    assert plan_one(fleet(scope="all"), held(secrets=None)).action is Action.NONE
    unstarted = held(secrets=None, jobs=(job("NotConfigured", "Disabled"),))
    assert fields_of(plan_one(fleet(), unstarted)) == ["credentials.SecretToken", "job_state"]


def test_credentials_are_saved_again_only_on_request():
    assert plan_one(fleet(), held()).action is Action.NONE
    assert fields_of(plan_one(fleet(), held(), save_all=True)) == ["credentials.SecretToken"]


def test_two_bearers_of_one_mark_are_a_conflict_that_names_both():
    planned = plan_one(fleet(), held(), held(application_id="app-2"))
    assert (planned.action, planned.conflict.code, planned.writes) == (Action.CONFLICT, "TwoApplications", 0)
    assert "app-1 and app-2" in planned.conflict.message


def test_a_namesake_that_is_not_ours_is_a_conflict():
    planned = plan_one(fleet(), namesakes={("box-id", "Box One"): ("theirs",)})
    assert (planned.action, planned.conflict.code) == (Action.CONFLICT, "NameTaken")
    assert "theirs" in planned.conflict.message
    assert planned.conflict.hint == (
        "To adopt it, run: entra-fleet adopt --template Box. Otherwise give this instance another display_name."
    )


def test_a_namesake_made_from_another_template_is_none():
    assert plan_one(fleet(), namesakes={("other-id", "Box One"): ("theirs",)}).action is Action.CREATE


def test_another_template_than_the_one_it_was_made_from_is_a_conflict():
    assert plan_one(fleet(), held(template_id="other-id")).conflict.code == "OtherTemplate"


def test_a_template_that_cannot_be_used_is_a_conflict():
    problem = TemplateProblem("TemplateNotFound", "no such template", "look again")
    planned = plan_one(fleet(), problems={"Box": problem}, templates={"Other": BOX})
    assert (planned.action, planned.conflict.code, planned.conflict.hint) == (
        Action.CONFLICT,
        "TemplateNotFound",
        "look again",
    )


def test_a_marked_application_without_an_instance_is_an_orphan():
    observed = Observed({"gone": (held(),)}, {}, {"Box": BOX}, {})
    plan = diff_fleet(fleet(), observed)
    assert [(orphan.key, orphan.application_id) for orphan in plan.orphans] == [("gone", "app-1")]


def test_only_narrows_the_plan_but_makes_no_orphans():
    observed = Observed({"one": (held(),)}, {}, {"Box": BOX}, {})
    plan = diff_fleet(fleet(), observed, only=["one"])
    assert [planned.key for planned in plan.instances] == ["one"]
    assert plan.orphans == ()


def test_a_key_the_file_does_not_have_is_refused():
    with pytest.raises(UnknownKey, match="two"):
        diff_fleet(fleet(), Observed({}, {}, {"Box": BOX}, {}), only=["two"])


def test_a_misspelt_key_is_answered_with_the_one_that_was_meant():
    with pytest.raises(UnknownKey) as refused:
        diff_fleet(fleet(), Observed({}, {}, {"Box": BOX}, {}), only=["onne"])
    assert "one?" in refused.value.hint


def test_the_json_is_that_of_the_contract():
    document = plan_one(fleet(), held()).as_json()
    assert document["key"] == "one"
    assert document["action"] == "none"
    assert document["changes"] == []
    assert document["health"]["state"] == "steady"
