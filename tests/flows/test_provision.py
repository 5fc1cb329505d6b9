"""From a fleet file to running jobs."""

import pytest

from flows.configuration.environment import add_prefect_variables, environment
from flows.store import open_store
from tests.estates import AWS, DATABRICKS, NON_GALLERY, TENANT, fleet, instance
from tests.flows.provisioning import provision, tenant, token

pytestmark = pytest.mark.usefixtures("without_prefect")

__all__ = ["tenant", "token"]

IN_ORDER = ["validate_credentials", "create_job", "put_secrets", "start_job"]


@pytest.mark.prefect
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
    assert (tenant.on_wire(), len(tenant.requests())) == (17, 26)


async def test_a_second_apply_writes_nothing_also_with_an_empty_store(tenant, tmp_path):
    wanted = fleet(
        *(instance(f"k{n}", each) for n, each in enumerate(["Box", DATABRICKS, AWS])), defaults={"notes": "n"}
    )
    await provision(wanted)
    tenant.forget()
    with add_prefect_variables({"ENTRA_FLEET_STORE": f"sqlite:///{tmp_path / 'empty.db'}"}):
        state, outcome = await provision(wanted)
    assert (state.name, outcome.summary["unchanged"]) == ("Completed", 3)
    assert tenant.requests(writes=True) == []


async def test_a_dry_run_reads_and_writes_nothing_and_reads_no_secret(tenant):
    missing = instance("one", credentials={"SecretToken": "${env:NOT_SET}"})
    state, plan = await provision(fleet(missing), dry_run=True)
    assert state.message == "1 to create, 0 to update, 0 in conflict. 6 write requests"
    assert [str(each.action) for each in plan.instances] == ["create"]
    assert tenant.requests(writes=True) == []


async def test_only_the_keys_asked_for_are_applied(tenant):
    _, outcome = await provision(fleet(instance("one"), instance("two")), only=["two"])
    assert [each.key for each in outcome.instances] == ["two"]
    assert list(tenant.applications()) == ["entra-fleet:contoso:two"]


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


@pytest.mark.prefect
async def test_fifty_instances_cost_at_most_twenty_calls_to_prefect_and_nine_each_to_graph(tenant, prefect_calls):
    with prefect_calls() as calls:
        state, _ = await provision(fleet(*(instance(f"k{n}") for n in range(50))), concurrency=20)
    assert state.name == "Completed"
    assert 0 < len(calls) <= 20
    # Six of them are writes; the reads are shared with those of other instances.
    assert tenant.on_wire() <= 9 * 50


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
    assert (run.tenant_id, run.fleet, run.outcome, run.ticket) == (TENANT, "contoso", "completed", "CHG-1")
    assert (run.actor_app_id, bool(run.plan_digest), bool(run.flow_run_id)) == (
        tenant.emulator.settings.client_id,
        True,
        True,
    )
    assert (change.key, change.outcome, change.job_id) == ("one", "created", outcome.instances[0].job_id)
