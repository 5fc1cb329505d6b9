"""What nobody could confirm about Graph, both ways, with answers lost on top of it."""

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.provision import provision_fleet
from graph_emulator import FaultRule, both_ways
from tests.estates import AWS, DATABRICKS, estate, fleet, instance
from tests.proof.world import world

pytestmark = pytest.mark.usefixtures("without_prefect")

LOST = [
    FaultRule("status", operation="instantiate", occurrence=1, status=503, retry_after="0", after_commit=True),
    FaultRule("reset", operation="instantiate", occurrence=3),
    FaultRule("reset", operation="patch_application", occurrence=1, after_commit=True),
    FaultRule("status", operation="create_job", occurrence=1, status=504, retry_after="0", after_commit=True),
    FaultRule("reset", operation="put_secrets", occurrence=2, after_commit=True),
    FaultRule("status", operation="start_job", occurrence=1, status=503, retry_after="0", after_commit=True),
    FaultRule("status", operation="list_jobs", occurrence=2, status=404),
]
KEYS = {"box": "Box", "databricks": DATABRICKS, "aws": AWS}


async def provision(wanted):
    return await (await provision_fleet(wanted, return_state=True)).aresult(raise_on_failure=False)


@pytest.mark.parametrize("switched", both_ways(), ids=str)
def test_the_invariants_hold_whatever_graph_turns_out_to_do(tmp_path, switched):
    wanted = fleet(*(instance(key, template) for key, template in KEYS.items()))
    with world(tmp_path, **switched) as tenant:
        tenant.emulator.controls.add_faults(LOST)
        tenant.apply(wanted)
        outcome = tenant.apply(wanted)
        assert outcome.failed == 0, [str(each.failure) for each in outcome.instances]
        assert {tag: len(found) for tag, found in tenant.applications().items()} == {
            f"entra-fleet:contoso:{key}": 1 for key in KEYS
        }
        assert {len(jobs) for jobs in tenant.jobs().values()} == {1}
        assert {jobs[0]["schedule"]["state"] for jobs in tenant.jobs().values()} == {"Active"}
        for operations in tenant.operations_by_principal().values():
            validated = min(operations.index(each) for each in operations if each.startswith("validate"))
            assert validated < operations.index("put_secrets") < operations.index("start_job")
        tenant.forget()
        tenant.apply(wanted)
        assert tenant.requests(writes=True) == []


@pytest.mark.parametrize(
    "switched",
    [{"validate_failure_status": status} for status in (400, 401, 500)],
    ids=["400", "401", "500"],
)
async def test_a_rejected_credential_is_never_saved_whatever_its_answer(tmp_path, switched):
    with estate(tmp_path / "tenant", **switched) as tenant, add_prefect_variables({"TOKEN": "wrong"}):
        outcome = await provision(fleet(instance("one")))
        assert outcome.instances[0].failure.step == "validate-credentials"
        assert len(tenant.requests("validate_credentials")) == 1
        assert tenant.requests("put_secrets") + tenant.requests("start_job") == []


@pytest.mark.prefect
async def test_where_credentials_cannot_be_saved_nothing_is_started(tmp_path):
    beta = add_prefect_variables({"TOKEN": "good", "ENTRA_FLEET_API_VERSION": "beta"})
    with estate(tmp_path / "tenant", secrets_api="removed from beta") as tenant, beta:
        outcome = await provision(fleet(instance("one")))
        assert outcome.instances[0].failure.step in {"validate-credentials", "save-credentials"}
        assert tenant.requests("start_job") == []
