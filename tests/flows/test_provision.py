import pytest

from flows.environment import environment, with_variables
from flows.provision import provision_fleet
from flows.reconcile.steps.patience import Patience
from flows.store import open_store
from graph_emulator import FaultRule
from tests.estates import AWS, DATABRICKS, NON_GALLERY, TENANT, estate, fleet, instance

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

IN_ORDER = ["validate_credentials", "create_job", "put_secrets", "start_job"]


@pytest.fixture(autouse=True)
def token():
    with with_variables({"TOKEN": "a good token"}):
        yield


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served:
        yield served


async def provision(wanted, **parameters):
    state = await provision_fleet(wanted, **parameters, return_state=True)
    return state, await state.aresult(raise_on_failure=False)


async def test_each_kind_of_instance_ends_with_a_started_job(tenant):
    wanted = fleet(*(instance(f"k{n}", each) for n, each in enumerate([AWS, "Box", DATABRICKS, NON_GALLERY])))
    state, outcome = await provision(wanted)
    assert (state.name, outcome.summary["created"]) == ("Completed", 4)
    applications = tenant.applications()
    assert {tag: [a["displayName"] for a in found] for tag, found in applications.items()} == {
        f"entra-fleet:contoso:k{n}": [f"App k{n}"] for n in range(4)
    }
    jobs = tenant.jobs()
    for each in outcome.instances:
        (job,) = jobs[each.service_principal_id]
        assert (job["id"], job["schedule"]["state"]) == (each.job_id, "Active")
        assert each.job_state == "initial-cycle"


async def test_nothing_starts_before_its_credentials_were_validated_and_saved(tenant):
    await provision(fleet(*(instance(f"k{n}") for n in range(5))))
    assert list(tenant.operations_by_principal().values()) == [IN_ORDER] * 5


async def test_a_new_instance_takes_six_writes(tenant):
    await provision(fleet(instance("one")))
    writes = [record.operation for record in tenant.requests(writes=True)]
    assert writes == ["instantiate", "patch_application", *IN_ORDER]
    assert (tenant.on_wire(), len(tenant.requests())) == (17, 24)


async def test_a_second_apply_writes_nothing_also_with_an_empty_store(tenant, tmp_path):
    wanted = fleet(
        *(instance(f"k{n}", each) for n, each in enumerate(["Box", DATABRICKS, AWS])), defaults={"notes": "n"}
    )
    await provision(wanted)
    tenant.forget()
    with with_variables({"ENTRA_FLEET_STORE": f"sqlite:///{tmp_path / 'empty.db'}"}):
        state, outcome = await provision(wanted)
    assert (state.name, outcome.summary["unchanged"]) == ("Completed", 3)
    assert tenant.requests(writes=True) == []


async def test_a_rejected_credential_stops_that_instance_and_no_other(tenant):
    bad = instance("bad", credentials={"SecretToken": "${env:BAD}"})
    with with_variables({"BAD": "a wrong token"}):
        state, outcome = await provision(fleet(instance("a"), bad, instance("z")))
    assert state.name == "PartiallyCompleted"
    assert [each.outcome for each in outcome.instances] == ["created", "failed", "created"]
    failure = outcome.instances[1].failure
    assert (failure.step, failure.code) == (
        "validate-credentials",
        "SystemForCrossDomainIdentityManagementCredentialValidationFailure",
    )
    assert "401 Unauthorized: the access token is invalid or has been revoked" in failure.message
    assert failure.hint == "Nothing was saved and the job was not started. Correct the credentials, then apply again."
    assert failure.request_id
    assert outcome.instances[1].service_principal_id not in tenant.jobs()
    assert "a wrong token" not in str(failure)


async def test_a_corrected_credential_is_finished_by_the_next_apply(tenant):
    wanted = fleet(instance("one"))
    with with_variables({"TOKEN": "a wrong token"}):
        await provision(wanted)
    state, outcome = await provision(wanted)
    assert (state.name, outcome.instances[0].outcome) == ("Completed", "updated")
    assert len(tenant.applications()) == 1


async def test_if_all_fail_the_run_fails(tenant):
    with with_variables({"TOKEN": "a wrong token"}):
        state, _ = await provision(fleet(instance("one")))
    assert (state.name, state.message) == ("Failed", "1 failed")
    assert len(tenant.applications()) == 1


async def test_a_reference_that_leads_nowhere_stops_the_instance_before_anything_is_made(tenant):
    missing = instance("one", credentials={"SecretToken": "${env:NOT_SET}"})
    _, outcome = await provision(fleet(missing, instance("two")))
    failure = outcome.instances[0].failure
    assert str(failure) == (
        "one: credentials.SecretToken: ${env:NOT_SET}: the environment variable is not set\n"
        "Set NOT_SET where the flow runs, or correct the reference."
    )
    assert list(tenant.applications()) == ["entra-fleet:contoso:two"]


async def test_a_dry_run_reads_and_writes_nothing_and_reads_no_secret(tenant):
    missing = instance("one", credentials={"SecretToken": "${env:NOT_SET}"})
    state, plan = await provision(fleet(missing), dry_run=True)
    assert state.message == "6 writes to do: 1 create"
    assert [str(each.action) for each in plan.instances] == ["create"]
    assert tenant.requests(writes=True) == []


async def test_only_the_keys_asked_for_are_applied(tenant):
    _, outcome = await provision(fleet(instance("one"), instance("two")), only=["two"])
    assert [each.key for each in outcome.instances] == ["two"]
    assert list(tenant.applications()) == ["entra-fleet:contoso:two"]


async def test_users_and_groups_are_assigned_once(tenant):
    state = tenant.emulator.state()
    assigned = [{"user": state["users"][0]["id"]}, {"group": state["groups"][0]["id"], "role": "User"}]
    wanted = fleet(instance("one", scope="assigned", assignments=assigned))
    _, outcome = await provision(wanted)
    (found,) = tenant.emulator.state()["assignments"].values()
    assert {each["principalId"] for each in found} == {state["users"][0]["id"], state["groups"][0]["id"]}
    tenant.forget()
    _, outcome = await provision(wanted)
    assert (outcome.summary["unchanged"], tenant.requests(writes=True)) == (1, [])


async def test_owners_are_added_once(tenant):
    owner = tenant.emulator.state()["users"][3]["id"]
    wanted = fleet(instance("one", owners=[owner]))
    _, outcome = await provision(wanted)
    application = outcome.instances[0].application_id
    assert tenant.emulator.state()["owners"][application].count(owner) == 1
    tenant.forget()
    await provision(wanted)
    assert tenant.requests(writes=True) == []


async def test_a_role_that_does_not_exist_is_named_and_the_job_is_not_started(tenant):
    user = tenant.emulator.state()["users"][0]["id"]
    _, outcome = await provision(fleet(instance("one", assignments=[{"user": user, "role": "Emperor"}])))
    failure = outcome.instances[0].failure
    assert (failure.step, failure.code) == ("assign-principals", "RoleNotFound")
    assert failure.message == "one has no role 'Emperor' to assign to."
    assert tenant.requests("start_job") == []


async def test_a_role_that_the_connector_has_yet_to_import_waits_for_a_later_apply(tenant):
    user = tenant.emulator.state()["users"][0]["id"]
    state, _ = await provision(fleet(instance("one", AWS, assignments=[{"user": user, "role": "Admin,Idp"}])))
    assert (state.name, tenant.requests("assign")) == ("Completed", [])


async def test_a_renamed_key_and_display_name_is_one_patch(tenant):
    await provision(fleet(instance("old")))
    tenant.forget()
    _, outcome = await provision(fleet(instance("new", renamed_from="old", display_name="App renamed")))
    assert outcome.summary["updated"] == 1
    assert [record.operation for record in tenant.requests(writes=True)] == ["patch_application"]
    (found,) = tenant.applications()["entra-fleet:contoso:new"]
    assert found["displayName"] == "App renamed"


async def test_a_namesake_that_is_not_ours_is_left_alone(tenant):
    await provision(fleet(instance("one"), fleet="theirs"))
    (theirs,) = tenant.applications()["entra-fleet:theirs:one"]
    tenant.forget()
    state, outcome = await provision(fleet(instance("one")))
    # The mark of another fleet makes it somebody's; a namesake without any mark is nobody's, and a conflict.
    assert (state.name, outcome.summary["created"]) == ("Completed", 1)
    assert [record.path for record in tenant.requests(writes=True) if theirs["id"] in record.path] == []


@pytest.mark.parametrize("profile", ["laggy", "flaky", "lossy", "expiring"])
async def test_whatever_the_tenant_does_there_is_one_application_a_key(tmp_path, profile):
    wanted = fleet(*(instance(f"k{n}", each) for n, each in enumerate(["Box", DATABRICKS, AWS, NON_GALLERY])))
    with estate(tmp_path / "tenant", patience=Patience(interval_seconds=0.1), profile=profile, seed=3) as tenant:
        await provision(wanted)
        tenant.emulator.faults.clear()
        _, outcome = await provision(wanted)
        assert outcome.failed == 0
        assert {tag: len(found) for tag, found in tenant.applications().items()} == {
            f"entra-fleet:contoso:k{n}": 1 for n in range(4)
        }
        assert all(len(jobs) == 1 for jobs in tenant.jobs().values())
        for operations in tenant.operations_by_principal().values():
            assert operations.index("put_secrets") > operations.index("validate_credentials")
            assert operations.index("start_job") > operations.index("put_secrets")


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fault", [503, 404, "reset"])
@pytest.mark.parametrize(
    "operation", ["instantiate", "patch_application", "validate_credentials", "create_job", "put_secrets", "start_job"]
)
async def test_a_write_whose_answer_is_lost_is_done_once(tmp_path, operation, fault, after_commit):
    effect = {"effect": "reset"} if fault == "reset" else {"effect": "status", "status": fault, "retry_after": "0"}
    rule = FaultRule(**effect, operation=operation, occurrence=1, after_commit=after_commit)
    wanted = fleet(instance("one"))
    with estate(tmp_path / "tenant", faults=[rule]) as tenant:
        await provision(wanted)
        _, outcome = await provision(wanted)
        assert outcome.failed == 0
        assert {tag: len(found) for tag, found in tenant.applications().items()} == {"entra-fleet:contoso:one": 1}
        ((job,),) = tenant.jobs().values()
        assert job["schedule"]["state"] == "Active"
        assert any(record.fault for record in tenant.requests(operation))
        tenant.forget()
        await provision(wanted)
        assert tenant.requests(writes=True) == []


async def test_a_start_whose_answer_is_lost_is_not_repeated(tmp_path):
    lost = FaultRule("status", status=503, operation="start_job", occurrence=1, retry_after="0", after_commit=True)
    with estate(tmp_path / "tenant", faults=[lost]) as tenant:
        state, outcome = await provision(fleet(instance("one")))
        assert state.name == "Completed"
        assert outcome.instances[0].job_state in {"initial-cycle", "steady", "degraded"}
        assert len(tenant.requests("start_job")) == 1


async def test_fifty_instances_cost_at_most_twenty_calls_to_prefect_and_nine_each_to_graph(tenant, prefect_calls):
    with prefect_calls() as calls:
        state, _ = await provision(fleet(*(instance(f"k{n}") for n in range(50))), concurrency=20)
    assert state.name == "Completed"
    assert 0 < len(calls) <= 20
    # Six of them are writes; the reads are shared with those of other instances.
    assert tenant.on_wire() <= 9 * 50


async def test_an_application_without_credentials_is_not_started(tenant):
    _, outcome = await provision(fleet(instance("one", credentials={}, scope="assigned")))
    failure = outcome.instances[0].failure
    assert failure.step == "validate-saved-credentials"
    assert failure.message.startswith(
        "The fleet file names no credentials for one, and those in the tenant do not work"
    )
    assert tenant.requests("start_job") == []


async def test_an_application_authorized_elsewhere_is_started_with_what_is_saved(tenant):
    await provision(fleet(instance("one", job="unmanaged")))
    tenant.forget()
    _, outcome = await provision(fleet(instance("one", credentials={})))
    assert outcome.summary["updated"] == 1
    assert [record.operation for record in tenant.requests(writes=True)] == ["validate_job_credentials", "start_job"]


async def test_a_masked_credential_that_the_file_does_not_name_is_not_erased(tenant):
    both = {"SecretToken": "${env:TOKEN}", "Password": "${env:TOKEN}"}
    await provision(fleet(instance("one", credentials=both)))
    tenant.forget()
    _, outcome = await provision(fleet(instance("one")), save_credentials=True)
    failure = outcome.instances[0].failure
    assert (failure.step, failure.code) == ("save-credentials", "CredentialWouldBeLost")
    assert "Password" in failure.message
    assert tenant.requests("put_secrets") == []


async def test_what_the_tenant_holds_in_the_clear_is_kept(tenant):
    await provision(fleet(instance("one", credentials={"SecretToken": "${env:TOKEN}", "Domain": "contoso"})))
    tenant.forget()
    await provision(fleet(instance("one", delete_threshold=9)), save_credentials=True)
    (saved,) = tenant.requests("put_secrets")
    values = {pair["key"]: pair["value"] for pair in saved.body["value"]}
    assert (values["Domain"], values["SyncAll"]) == ("contoso", "true")
    assert '"DeleteThresholdValue":9' in values["SyncNotificationSettings"]


async def test_the_synchronization_template_is_the_one_named_or_the_obvious_one(tenant):
    sap = "SAP Cloud Identity Services"
    login = {"BaseAddress": "https://sap.example.net", "UserName": "u", "Password": "${env:TOKEN}"}
    unclear = instance("unclear", sap, credentials=login)
    wrong = instance("wrong", sap, credentials=login, synchronization_template="nope")
    right = instance("right", sap, credentials=login, synchronization_template="sapCloudIdentityServices")
    _, outcome = await provision(fleet(unclear, wrong, right))
    codes = [each.failure.code if each.failure else None for each in outcome.instances]
    assert codes[1:] == ["SynchronizationTemplateNotFound", None]
    assert codes[0] in {"SynchronizationTemplateUnclear", None}
    assert outcome.instances[2].job_id.startswith("sapCloudIdentityServices.")


async def test_the_journal_says_who_applied_what(tenant):
    _, outcome = await provision(fleet(instance("one")), change="CHG-1")
    with open_store(environment().store_url) as store:
        (run,) = store.journal.runs()
        (change,) = store.journal.changes(run.id)
    assert (run.tenant_id, run.fleet, run.outcome, run.ticket) == (TENANT, "contoso", "done", "CHG-1")
    assert (run.actor_app_id, bool(run.plan_digest), bool(run.flow_run_id)) == (
        tenant.emulator.settings.client_id,
        True,
        True,
    )
    assert (change.key, change.outcome, change.job_id) == ("one", "created", outcome.instances[0].job_id)
