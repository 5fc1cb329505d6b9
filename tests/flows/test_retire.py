import pytest

from flows.configuration.environment import add_prefect_variables, environment
from flows.errors import StepFailed
from flows.plan.diff import UnknownKey
from flows.provision import provision_fleet
from flows.retire import retire_instances
from flows.store import open_store
from graph_emulator import FaultRule
from tests.estates import TENANT, estate, fleet, instance
from tests.proof.invariants import assert_one_job_each
from tests.proof.world import world
from tests.tenant.crowds import settle

pytestmark = pytest.mark.usefixtures("without_prefect")

FLEET = fleet(instance("a"), instance("b"))
IN_ORDER = ["pause_job", "delete_job", "delete_application"]


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served:
        for key in ("a", "b", "orphan"):
            settle(served.emulator, key, f"App {key}")
        served.forget()
        yield served


def tags(tenant):
    return sorted(tag.removeprefix("entra-fleet:contoso:") for tag in tenant.applications())


def binned(tenant):
    return sorted(each.value["displayName"] for each in tenant.emulator.tenant.directory.deleted.values())


def application_ids(tenant, key):
    return [each["id"] for each in tenant.applications()[f"entra-fleet:contoso:{key}"]]


def writes(tenant):
    return [record.operation for record in tenant.requests(writes=True)]


async def retire(*keys, wanted=FLEET, **parameters):
    state = await retire_instances(wanted, list(keys), **parameters, return_state=True)
    return state, await state.aresult(raise_on_failure=False)


async def test_the_job_is_paused_and_deleted_and_the_application_goes_to_the_recycle_bin(tenant):
    state, outcome = await retire("a")
    assert (state.name, outcome.summary) == ("Completed", {"retired": 1, "purged": 0, "unchanged": 0, "failed": 0})
    assert writes(tenant) == IN_ORDER
    assert (tags(tenant), binned(tenant)) == (["b", "orphan"], ["App a", "App a"])


async def test_a_second_time_nothing_is_left_to_do(tenant):
    await retire("a")
    tenant.forget()
    state, outcome = await retire("a")
    assert (state.name, outcome.summary["unchanged"], writes(tenant)) == ("Completed", 1, [])


async def test_what_is_no_longer_in_the_file_is_found_by_its_mark(tenant):
    _, outcome = await retire("orphan")
    assert (outcome.summary["retired"], tags(tenant)) == (1, ["a", "b"])
    _, outcome = await retire("orphan")
    assert outcome.summary["unchanged"] == 1


async def test_a_key_that_is_nowhere_is_said_before_anything_is_retired(tenant):
    state = await retire_instances(FLEET, ["a", "typo"], return_state=True)
    with pytest.raises(UnknownKey) as unknown:
        await state.aresult()
    assert "typo" in unknown.value.message
    assert writes(tenant) == []


async def test_an_application_whose_creation_was_cut_short_is_found_by_its_unique_name(tenant):
    tenant.emulator.controls.edit(
        application_ids(tenant, "a")[0], {"displayName": "App a [entra-fleet:contoso:a]", "tags": []}
    )
    _, outcome = await retire("a")
    assert (outcome.summary["retired"], tags(tenant)) == (1, ["b", "orphan"])


async def test_a_service_principal_without_its_application_is_retired_too(tenant):
    directory = tenant.emulator.tenant.directory
    gone = directory.live["application"].pop(application_ids(tenant, "a")[0])
    _, outcome = await retire("a")
    assert (outcome.summary["retired"], writes(tenant)) == (1, [*IN_ORDER[:2], "delete_service_principal"])
    assert gone.partner.id in directory.deleted


@pytest.mark.parametrize("stranger", [[], ["entra-fleet:theirs:a"]])
async def test_what_does_not_bear_the_fleets_mark_is_left_alone(tenant, stranger):
    (theirs,) = application_ids(tenant, "a")
    tenant.emulator.controls.edit(theirs, {"tags": stranger})
    state, outcome = await retire("a")
    failure = outcome.instances[0].failure
    assert (state.name, failure.code, writes(tenant)) == ("Failed", "NotOurs", [])
    _, outcome = await retire("a", application_id=theirs)
    assert str(outcome.instances[0].failure) == (
        f"The application {theirs} does not have the ownership tag of a in fleet contoso.\n"
        "It was not changed: only applications with the fleet's tag are retired. Delete it in the portal if necessary."
    )
    assert writes(tenant) == []


async def test_of_two_bearers_of_a_mark_one_is_retired_by_its_id(tenant):
    settle(tenant.emulator, "a", "App a")
    first, second = application_ids(tenant, "a")
    tenant.forget()
    _, outcome = await retire("a", "orphan")
    failure = outcome.instances[0].failure
    assert (failure.code, outcome.summary["retired"]) == ("TwoApplications", 1)
    assert first in failure.message
    assert second in failure.message
    assert "entra-fleet retire FLEET --only a --application-id ID" in failure.hint
    _, outcome = await retire("a", application_id=second.upper())
    assert (outcome.summary["retired"], application_ids(tenant, "a")) == (1, [first])
    assert (await retire("a", application_id=second))[1].summary["unchanged"] == 1
    assert (await retire("a", application_id=second, purge=True))[1].summary["purged"] == 1
    assert application_ids(tenant, "a") == [first]
    with add_prefect_variables({"TOKEN": "good"}):
        applied = await provision_fleet(fleet(instance("a")), dry_run=True)
    assert [str(each.action) for each in applied.instances] == ["none"]


async def test_a_large_part_of_the_fleet_goes_only_by_force(tenant):
    for number in range(7):
        settle(tenant.emulator, f"k{number}", f"App k{number}")
    tenant.forget()
    keys = [f"k{number}" for number in range(5)]
    state = await retire_instances(FLEET, keys, return_state=True)
    with pytest.raises(StepFailed) as refused:
        await state.aresult()
    assert refused.value.code == "TooManyRetired"
    assert "5 of 10 instances (50 %)" in refused.value.message
    assert "--force" in refused.value.hint
    assert writes(tenant) == []
    _, outcome = await retire(*keys, force=True)
    assert outcome.summary["retired"] == 5


@pytest.mark.prefect
async def test_purging_removes_what_was_retired_and_nothing_else(tenant):
    await retire("b")
    tenant.forget()
    _, outcome = await retire("a", purge=True)
    assert (outcome.summary["purged"], binned(tenant)) == (1, ["App b", "App b"])
    assert writes(tenant) == [*IN_ORDER, "purge_deleted", "purge_deleted"]
    _, outcome = await retire("b", "a", purge=True)
    assert outcome.summary == {"retired": 0, "purged": 1, "unchanged": 1, "failed": 0}
    assert (binned(tenant), tags(tenant)) == ([], ["orphan"])


async def test_of_several_generations_the_last_one_is_purged(tenant):
    await retire("a")
    settle(tenant.emulator, "a", "App a, the second")
    tenant.emulator.controls.advance(5)
    await retire("a")
    await retire("a", purge=True)
    assert binned(tenant) == ["App a", "App a"]


# Each of them at every request of a run: tests/proof/test_fault_matrix.py.
@pytest.mark.parametrize(("fault", "after_commit"), [(503, True), (404, True), (404, False), ("reset", False)])
@pytest.mark.parametrize("operation", [*IN_ORDER, "purge_deleted"])
async def test_an_answer_that_is_lost_changes_nothing_in_the_end(tenant, operation, fault, after_commit):
    effect = {"effect": "reset"} if fault == "reset" else {"effect": "status", "status": fault, "retry_after": "0"}
    tenant.emulator.controls.add_faults(
        [FaultRule(**effect, operation=operation, occurrence=1, after_commit=after_commit)]
    )
    state, outcome = await retire("a", purge=True)
    assert (state.name, outcome.summary["purged"]) == ("Completed", 1)
    assert (tags(tenant), binned(tenant)) == (["b", "orphan"], [])
    assert_one_job_each(tenant)
    assert any(record.fault for record in tenant.requests(operation))


async def test_no_job_is_left_behind_on_the_word_of_one_replica(tenant):
    tenant.emulator.controls.advance(3600)
    # Not the first one: the client asks for that again, to see whether jobs can be read in batches.
    tenant.emulator.controls.add_faults([FaultRule("status", status=404, operation="list_jobs", occurrence=2)])
    _, outcome = await retire("a", "b", force=True)
    assert (outcome.summary["retired"], sorted(writes(tenant))) == (2, sorted(2 * IN_ORDER))


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", [*IN_ORDER, "purge_deleted"])
async def test_a_run_that_ends_between_any_two_calls_is_finished_by_the_next(tenant, operation, after_commit):
    # A refusal that nothing repeats ends the run of the instance there, like a crash.
    rule = FaultRule("status", status=400, operation=operation, occurrence=1, after_commit=after_commit)
    tenant.emulator.controls.add_faults([rule])
    state, outcome = await retire("a", purge=True)
    assert (state.name, outcome.instances[0].failure.step.partition("-")[0]) == ("Failed", operation.partition("_")[0])
    state, outcome = await retire("a", purge=True)
    assert (state.name, outcome.failed) == ("Completed", 0)
    assert (tags(tenant), binned(tenant)) == (["b", "orphan"], [])
    tenant.forget()
    _, outcome = await retire("a", purge=True)
    assert (outcome.summary["unchanged"], writes(tenant)) == (1, [])


@pytest.mark.parametrize("profile", ["calm", "laggy"])
def test_a_retired_key_can_come_back_while_its_namesake_is_in_the_recycle_bin(tmp_path, profile):
    wanted = fleet(instance("a"))
    with world(tmp_path, profile=profile, seed=3) as tenant:
        for _ in range(2):
            outcome = tenant.apply(wanted)
            assert outcome.summary["created"] == 1
            while tenant.run(tenant.doing(retire_instances, wanted, ["a"])).failed:
                pass
            assert tags(tenant) == []
        outcome = tenant.apply(wanted)
        assert (outcome.summary["created"], len(application_ids(tenant, "a"))) == (1, 1)
        assert len(binned(tenant)) == 4


async def test_the_journal_keeps_what_was_retired_and_the_store_forgets_its_fingerprints(tenant):
    (principal,) = [sp for sp, jobs in tenant.jobs().items() if jobs][:1]
    with open_store(environment().store_url) as store:
        store.fingerprints.keep(TENANT, principal, {"SecretToken": "x"})
        store.fingerprints.keep(TENANT, "another", {"SecretToken": "x"})
    await retire("a", change="CHG-9")
    with open_store(environment().store_url) as store:
        (run,) = store.journal.runs()
        (change,) = store.journal.changes(run.id)
        known = store.fingerprints.known(TENANT)
    assert (run.command, run.ticket, run.outcome) == ("retire", "CHG-9", "completed")
    assert (change.action, change.outcome, change.service_principal_id) == ("retire", "retired", principal)
    assert (change.fields[0].field, change.fields[0].before, change.fields[0].after) == (
        "application",
        "App a",
        "deleted",
    )
    assert known == {("another", "SecretToken")}
