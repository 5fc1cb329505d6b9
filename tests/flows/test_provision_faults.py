"""Whatever the tenant does and whichever answer is lost: one application a key, everything once, in order."""

import pytest

from flows.steps.idempotency import WaitLimits, use_wait_limits
from graph_emulator import FaultRule
from tests.estates import AWS, DATABRICKS, NON_GALLERY, estate, fleet, instance
from tests.flows.provisioning import provision, tenant, token
from tests.proof.world import world

pytestmark = pytest.mark.usefixtures("without_prefect")

__all__ = ["tenant", "token"]


@pytest.mark.parametrize("profile", ["laggy", "flaky", "lossy", "expiring"])
def test_whatever_the_tenant_does_there_is_one_application_a_key(tmp_path, profile):
    wanted = fleet(*(instance(f"k{n}", each) for n, each in enumerate(["Box", DATABRICKS, AWS, NON_GALLERY])))
    with world(tmp_path, profile=profile, seed=3) as tenant, use_wait_limits(WaitLimits(interval_seconds=0.1)):
        tenant.apply(wanted)
        tenant.emulator.controls.clear_faults()
        outcome = tenant.apply(wanted)
        assert outcome.failed == 0
        assert {tag: len(found) for tag, found in tenant.applications().items()} == {
            f"entra-fleet:contoso:k{n}": 1 for n in range(4)
        }
        assert all(len(jobs) == 1 for jobs in tenant.jobs().values())
        for operations in tenant.operations_by_principal().values():
            assert operations.index("put_secrets") > operations.index("validate_credentials")
            assert operations.index("start_job") > operations.index("put_secrets")


# Each of them at every request of a run: tests/proof/test_fault_matrix.py.
@pytest.mark.parametrize(("fault", "after_commit"), [(503, True), (404, True), ("reset", False)])
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


@pytest.mark.prefect
async def test_a_start_whose_answer_is_lost_is_not_repeated(tmp_path):
    lost = FaultRule("status", status=503, operation="start_job", occurrence=1, retry_after="0", after_commit=True)
    with estate(tmp_path / "tenant", faults=[lost]) as tenant:
        state, outcome = await provision(fleet(instance("one")))
        assert state.name == "Completed"
        assert outcome.instances[0].job_state in {"initial-cycle", "steady", "degraded"}
        assert len(tenant.requests("start_job")) == 1
