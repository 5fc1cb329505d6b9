"""Trying an instance on single users and groups: whom, how often Graph is asked, and what is kept."""

import asyncio
import json
from contextlib import contextmanager

import pytest

from flows.configuration.environment import add_prefect_variables, environment
from flows.errors import StepFailed
from flows.harvest import harvest_logs
from flows.monitoring.instances import read_instances
from flows.monitoring.user_history import read_user_history
from flows.on_demand import provision_on_demand
from flows.plan.diff import UnknownKey
from flows.store import open_store
from graph_emulator import FaultRule
from tests.estates import estate, fleet, instance
from tests.tenant.crowds import settle

pytestmark = pytest.mark.usefixtures("without_prefect")

KEYS = ("a", "b")
FLEET = fleet(*(instance(key) for key in KEYS))
STILL = {"start_delay_seconds": 86_400.0, "entry_failure_share": 0.0}
LOOKING = ["list_applications", "list_service_principals", "get_user", "list_jobs", "get_schema", "get_secrets"]


def people(tenant):
    return tenant.emulator.tenant.people


def user(tenant, number=0):
    """Somebody whom nothing stands in the way of."""
    active = [each for each in people(tenant).users.values() if each["accountEnabled"]]
    return active[number]


def group(tenant, size):
    """A group of that many members; Box has one of the first group's name already."""
    known = people(tenant).members
    found = [each for each, members in known.items() if len(members) >= size][1]
    known[found] = tuple(known[found])[:size]
    return found


@contextmanager
def ready(tmp_path, *faults, **settings):
    """A tenant with two instances, whose jobs have not begun to run."""
    with estate(tmp_path / "tenant", faults=faults, **(STILL | settings)) as tenant:
        for key in KEYS:
            settle(tenant.emulator, key, f"App {key}")
        tenant.forget()
        yield tenant


@pytest.fixture
def tenant(tmp_path):
    with ready(tmp_path) as served:
        yield served


async def attempt(*users, only=("a",), **parameters):
    state = await provision_on_demand(FLEET, list(only), users=list(users), **parameters, return_state=True)
    return state, await state.aresult(raise_on_failure=False)


def kept():
    with open_store(environment().store_url) as store:
        found = store.identities.find("", 100)
        return [result for each in found for result in store.on_demand.of(each)]


def operations(tenant):
    return [record.operation for record in tenant.requests()]


@pytest.mark.prefect
async def test_one_user_takes_seven_requests_two_of_them_in_one(tenant):
    who = user(tenant)
    state, outcome = await attempt(who["id"])
    (trial,) = outcome.trials
    assert (state.name, trial.outcome, trial.error_code) == ("Completed", "created", None)
    assert sorted(operations(tenant)) == sorted([*LOOKING, "provision_on_demand"])
    assert tenant.on_wire() == outcome.requests == 6
    assert [step.type for step in trial.steps] == ["Import", "Scoping", "Matching", "Export"]
    attributes = {each.name: (each.before, each.after) for each in trial.modified}
    assert attributes["displayName"] == (None, who["displayName"])
    (sent,) = tenant.requests("provision_on_demand")
    assert sent.body["parameters"][0]["subjects"] == [{"objectId": who["id"], "objectTypeName": "User"}]


@pytest.mark.parametrize("field", ["id", "userPrincipalName", "displayName"])
async def test_whoever_is_named_is_found(tenant, field):
    who = user(tenant)
    _, outcome = await attempt(f" {who[field]} ")
    assert [trial.subject.id for trial in outcome.trials] == [who["id"]]
    assert outcome.trials[0].subject.user_principal_name == who["userPrincipalName"]


async def test_several_users_in_several_instances_come_in_turn_and_twins_once(tenant):
    first, second = user(tenant), user(tenant, 1)
    _, outcome = await attempt(first["id"], second["id"], first["userPrincipalName"], only=KEYS)
    assert [(trial.key, trial.subject.id) for trial in outcome.trials] == [
        (key, who["id"]) for key in KEYS for who in (first, second)
    ]
    assert len(tenant.requests("provision_on_demand")) == 4


@pytest.mark.parametrize("who", ["nobody", "nobody@contoso.com", "11111111-1111-4111-8111-111111111111", ""])
async def test_an_unknown_user_is_no_call(tenant, who):
    state, error = await attempt(who)
    assert state.is_failed()
    assert (type(error), error.code) == (StepFailed, "UserNotFound")
    assert tenant.requests(writes=True) == []
    assert kept() == []


async def test_a_name_that_several_bear_is_refused_with_their_principal_names(tenant):
    one, other = user(tenant), user(tenant, 1)
    other["displayName"] = one["displayName"]
    _, error = await attempt(one["displayName"])
    assert error.code == "UserAmbiguous"
    assert one["userPrincipalName"] in error.message
    assert other["userPrincipalName"] in error.message
    assert tenant.requests(writes=True) == []


async def test_by_id_nobody_has_to_be_allowed_to_read_users(tmp_path):
    roles = ("Application.ReadWrite.All", "Synchronization.ReadWrite.All")
    with ready(tmp_path, directory_reads_by_id_need_permission=True, roles=roles) as tenant:
        who = user(tenant)
        _, outcome = await attempt(who["id"])
        assert (outcome.trials[0].outcome, outcome.trials[0].subject.name) == ("created", None)
        _, error = await attempt(who["displayName"])
        assert "User.Read.All" in str(error)


@pytest.mark.parametrize(("key", "told", "steps"), [("result", "succeeded", 0), ("type name", "created", 4)])
async def test_a_group_comes_with_its_members_and_may_have_no_steps(tmp_path, key, told, steps):
    with ready(tmp_path, on_demand_key=key) as tenant:
        _, outcome = await attempt(groups=[group(tenant, 5)])
        (trial,) = outcome.trials
        assert (trial.outcome, len(trial.steps), len(trial.subject.member_ids)) == (told, steps, 5)
        (sent,) = tenant.requests("provision_on_demand")
        assert len(sent.body["parameters"][0]["subjects"][0]["links"]["members"]) == 5


async def test_a_group_of_six_is_refused_in_words_before_any_call(tenant):
    _, error = await attempt(groups=[group(tenant, 6)])
    assert (error.code, "more than 5 members" in error.message) == ("GroupTooLarge", True)
    assert tenant.requests(writes=True) == []


async def test_what_is_no_group_is_said(tenant):
    for who in ("DBX-PROD-USERS", "11111111-1111-4111-8111-111111111111"):
        _, error = await attempt(groups=[who])
        assert error.code == "GroupNotFound"


async def test_who_is_not_assigned_is_skipped_and_told_what_to_do(tenant):
    from flows.steps.on_demand import format_lines

    principal = next(iter(tenant.jobs()))
    tenant.emulator.controls.edit_secrets(principal, {"SyncAll": "false"})
    state, outcome = await attempt(user(tenant)["id"])
    (trial,) = outcome.trials
    assert (state.name, trial.outcome, trial.error_code) == ("Completed", "skipped", "NotEffectivelyEntitled")
    lines = dict(format_lines(trial))
    assert lines["Microsoft"].startswith("The user or group is not assigned")
    assert lines["code"].endswith(": not assigned")


async def test_a_second_time_nothing_has_to_change(tenant):
    who = user(tenant)["id"]
    await attempt(who)
    _, outcome = await attempt(who)
    assert (outcome.trials[0].outcome, outcome.trials[0].error_code) == ("unchanged", "RedundantExport")


async def test_a_target_that_refuses_is_a_failure_with_its_code(tmp_path):
    with ready(tmp_path, entry_failure_share=1.0) as tenant:
        state, outcome = await attempt(user(tenant)["id"])
        (trial,) = outcome.trials
        assert (state.is_failed(), trial.outcome, bool(trial.error_code)) == (True, "failed", True)
        assert kept()[0].error_code == trial.error_code


async def test_without_application_or_job_it_is_said(tenant):
    principal, (job,) = next(iter(tenant.jobs().items()))
    tenant.emulator.controls.act_on_job(job["id"], "delete")
    _, error = await attempt(user(tenant)["id"])
    assert (error.code, error.hint) == ("JobMissing", "Apply first.")
    tenant.emulator.controls.delete(principal)
    for application in tenant.applications()["entra-fleet:contoso:a"]:
        tenant.emulator.controls.delete(application["id"])
    _, error = await attempt(user(tenant)["id"])
    assert error.code == "NotCreated"
    with pytest.raises(UnknownKey):
        await provision_on_demand(FLEET, ["nope"], users=["x"])


async def test_oauth_wants_the_job_paused_first(tenant):
    principal, (job,) = next(iter(tenant.jobs().items()))
    tenant.emulator.controls.edit_secrets(principal, {"Oauth2AccessToken": "t"})
    _, error = await attempt(user(tenant)["id"])
    assert (error.code, "jobs pause FLEET --only a" in error.hint) == ("PauseFirst", True)
    tenant.emulator.controls.act_on_job(job["id"], "pause")
    _, outcome = await attempt(user(tenant)["id"])
    assert outcome.trials[0].outcome == "created"


EXPECTED = [("created", "created", True), ("created", "succeeded", True), ("created", "skipped", False)]
EXPECTED += [("unchanged", "unchanged", True), ("unchanged", "succeeded", True), ("unchanged", "skipped", False)]
EXPECTED += [("skipped", "skipped", True), ("skipped", "succeeded", False), ("skipped", "unchanged", False)]


@pytest.mark.parametrize(("real", "expected", "met"), EXPECTED)
async def test_what_is_expected_decides_how_the_run_ends(tenant, real, expected, met):
    who = user(tenant)["id"]
    if real == "unchanged":
        await attempt(who)
    if real == "skipped":
        tenant.emulator.controls.edit_secrets(next(iter(tenant.jobs())), {"SyncAll": "false"})
    state, outcome = await attempt(who, expect=expected)
    assert (outcome.trials[0].outcome, state.name) == (real, "Completed" if met else "NotAsExpected")
    assert bool(outcome.unexpected) is not met


async def test_a_failure_may_be_what_is_expected(tmp_path):
    with ready(tmp_path, entry_failure_share=1.0) as tenant:
        state, _ = await attempt(user(tenant)["id"], expect="failed")
        assert state.name == "Completed"


async def test_the_result_is_kept_and_told_beside_the_log_but_not_counted_with_it(tmp_path):
    with ready(tmp_path, log_latency_seconds=0.0) as tenant:
        who = user(tenant)
        await attempt(who["id"])
        (result,) = kept()
        assert (result.key, result.outcome, result.source_name) == ("a", "created", who["displayName"])
        await harvest_logs()
        with open_store(environment().store_url) as store:
            (identity,) = store.identities.find(who["userPrincipalName"])
            story = read_user_history(store, identity, read_instances(store), everywhere=True)
            (chapter,) = story.chapters
            assert (chapter.history.events, chapter.history.failures) == (1, 0)
            assert [(each.result.outcome, each.logged) for each in story.trials] == [("created", True)]
            (run,) = store.journal.runs()
            assert (run.command, run.counts, result.run_id) == ("try", {"tried": 1, "failed": 0}, run.id)


@pytest.mark.parametrize(
    "shape",
    [{"on_demand_key": "result"}, {"on_demand_value": "summary"}, {"on_demand_value": "steps"}],
    ids=str,
)
async def test_whatever_the_shape_of_the_answer_it_says_the_same(tmp_path, shape):
    with ready(tmp_path, **shape) as tenant:
        _, outcome = await attempt(user(tenant)["id"])
        assert (outcome.trials[0].outcome, len(outcome.trials[0].steps)) == ("created", 4)


async def test_an_answer_that_is_lost_is_not_asked_for_again_and_is_not_taken_for_a_success(tmp_path):
    lost = FaultRule("status", status=504, operation="provision_on_demand", occurrence=1, after_commit=True)
    with ready(tmp_path, lost) as tenant:
        state, outcome = await attempt(user(tenant)["id"])
        (trial,) = outcome.trials
        assert (state.is_failed(), trial.outcome, trial.failure.code) == (True, "unknown", "OutcomeUnknown")
        assert len(tenant.requests("provision_on_demand")) == 1
        assert [(each.outcome, each.error_code) for each in kept()] == [("unknown", "OutcomeUnknown")]


async def test_a_throttled_request_is_sent_again_and_the_result_says_so(tmp_path):
    busy = FaultRule("status", status=429, operation="provision_on_demand", occurrence=1, retry_after="0.1")
    with ready(tmp_path, busy) as tenant:
        _, outcome = await attempt(user(tenant)["id"])
        assert (outcome.trials[0].outcome, outcome.trials[0].repeated) == ("created", True)
        assert len(tenant.requests("provision_on_demand")) == 2


@pytest.mark.parametrize("operation", [*LOOKING, "provision_on_demand"])
@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
async def test_a_fault_at_any_call_provisions_nobody_twice(tmp_path, operation, after_commit):
    fault = FaultRule("reset", operation=operation, occurrence=1, after_commit=after_commit)
    with ready(tmp_path, fault) as tenant:
        state, outcome = await attempt(user(tenant)["id"])
        assert len(tenant.requests("provision_on_demand")) == 1
        known = operation != "provision_on_demand"
        assert (state.name, outcome.trials[0].outcome) == (("Completed", "created") if known else ("Failed", "unknown"))


async def test_two_at_once_both_tell_the_truth(tenant):
    who = user(tenant)["id"]
    (_, one), (_, other) = await asyncio.gather(attempt(who), attempt(who))
    assert sorted((one.trials[0].outcome, other.trials[0].outcome)) == ["created", "unchanged"]
    assert len(kept()) == 2


async def test_nothing_secret_is_kept_or_returned(tenant):
    principal = next(iter(tenant.jobs()))
    tenant.emulator.controls.edit_secrets(principal, {"SecretToken": "s3cr3t-value"})
    with add_prefect_variables({"TOKEN": "s3cr3t-value"}):
        _, outcome = await attempt(user(tenant)["id"])
    assert "s3cr3t-value" not in json.dumps(outcome.as_json())
    assert "s3cr3t-value" not in repr(kept())
