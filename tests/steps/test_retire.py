"""What a retirement does when the tenant is another one by the time it deletes."""

import pytest

from flows.configuration.sign_in import open_client
from flows.errors import StepFailed
from flows.plan.retirement import Retirement
from flows.steps.retire import delete_application, purge
from graph_client.errors import NotFound
from graph_emulator import FaultRule
from tests.estates import estate
from tests.tenant.crowds import settle


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served:
        settle(served.emulator, "a", "App a")
        served.forget()
        yield served


def plan_of(tenant):
    (application,) = tenant.applications()["entra-fleet:contoso:a"]
    return Retirement("a", frozenset({"contoso"}), application_id=application["id"])


@pytest.mark.parametrize("tags", [[], ["entra-fleet:theirs:a"]], ids=["no tag", "another fleet's"])
async def test_what_somebody_took_over_since_the_plan_is_not_deleted(tenant, tags):
    plan = plan_of(tenant)
    tenant.emulator.controls.edit(plan.application_id, {"tags": tags})
    async with open_client(None) as (graph, _):
        with pytest.raises(StepFailed) as refused:
            await delete_application(graph, plan)
    assert (refused.value.code, tenant.requests(writes=True)) == ("NotOurs", [])


async def test_one_that_stays_whatever_is_deleted_is_said_after_three_deletions(tenant):
    tenant.emulator.controls.add_faults([FaultRule("status", operation="delete_application", status=404)])
    async with open_client(None) as (graph, _):
        with pytest.raises(StepFailed) as failed:
            await delete_application(graph, plan_of(tenant))
    assert failed.value.code == "StillThere"
    assert len(tenant.requests("delete_application")) == 3


@pytest.mark.parametrize("refusals", [2, None], ids=["for a moment", "for good"])
async def test_what_the_bin_does_not_let_go_of_is_asked_for_again(tenant, refusals):
    plan = plan_of(tenant)
    async with open_client(None) as (graph, _):
        await delete_application(graph, plan)
        rule = FaultRule("status", operation="purge_deleted", status=404, times=refusals)
        tenant.emulator.controls.add_faults([rule])
        if refusals:
            await purge(graph, plan)
            assert plan.application_id not in tenant.emulator.tenant.directory.deleted
        else:
            with pytest.raises(NotFound):
                await purge(graph, plan)
    assert len(tenant.requests("purge_deleted")) == 3
