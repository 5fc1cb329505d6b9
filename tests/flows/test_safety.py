"""What a run refuses as a whole, and what stops it early."""

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.plan.safety import PlanChanged, PlanRefused
from tests.estates import estate, fleet, instance
from tests.flows.provisioning import provision, tenant, token, writes

pytestmark = pytest.mark.usefixtures("without_prefect")

__all__ = ["tenant", "token"]


def many(count, **fields):
    return [instance(f"k{n}", **fields) for n in range(count)]


@pytest.mark.prefect
async def test_a_plan_that_changes_too_much_of_what_runs_is_refused_with_zero_writes(tenant):
    await provision(fleet(*many(10)))
    tenant.forget()
    changed = fleet(*many(5, notes="new"), *many(10)[5:])
    state, refusal = await provision(changed)
    assert (state.name, writes(tenant), type(refusal)) == ("Failed", [], PlanRefused)
    assert "5 of 10 instances (50 %)" in refusal.message
    assert "--force" in refusal.hint
    _, outcome = await provision(changed, force=True)
    assert (outcome.summary["updated"], writes(tenant)) == (5, ["patch_application"] * 5)


async def test_what_an_earlier_run_left_unfinished_is_finished_without_force(tenant):
    with add_prefect_variables({"TOKEN": "a wrong token"}):
        await provision(fleet(*many(6)))
    assert len(tenant.applications()) == 6
    _, outcome = await provision(fleet(*many(6)))
    assert outcome.summary["updated"] == 6


async def test_only_the_plan_that_was_reviewed_is_carried_out(tenant):
    _, plan = await provision(fleet(instance("one")), dry_run=True)
    state, refusal = await provision(fleet(instance("one", notes="slipped in")), plan_digest=plan.digest)
    assert (state.name, writes(tenant), type(refusal)) == ("Failed", [], PlanChanged)
    assert "contoso" in refusal.message
    assert [each.key for each in refusal.plan.instances] == ["one"]
    _, outcome = await provision(fleet(instance("one")), plan_digest=plan.digest)
    assert outcome.summary["created"] == 1


async def test_an_exceeded_quota_stops_the_run_early(tmp_path):
    with estate(tmp_path / "tenant", object_quota=6) as tenant:
        state, outcome = await provision(fleet(*many(8)), concurrency=1)
        assert (state.name, outcome.summary["created"], outcome.failed) == ("PartiallyCompleted", 3, 5)
        asked = [record for record in tenant.requests("instantiate") if record.status == 403]
        assert len(asked) == 1
    refused, *unbegun = [each.failure for each in outcome.instances if each.failure]
    assert {each.code for each in (refused, *unbegun)} == {"Directory_QuotaExceeded"}
    assert str(unbegun[0]) == (
        "k4 was not begun: the directory takes no more objects.\n"
        "an app-only caller may be limited to 250 directory objects (deleted ones count for 30 days): "
        "purge deletedItems, or use another identity or an administrator's"
    )


async def test_a_renamed_fleet_is_marked_anew_with_one_write_each(tenant):
    await provision(fleet(*many(6), fleet="old"))
    tenant.forget()
    renamed = fleet(*many(6), fleet="new", renamed_from="old")
    _, outcome = await provision(renamed)
    assert (outcome.summary["updated"], writes(tenant)) == (6, ["patch_application"] * 6)
    assert sorted(tenant.applications()) == [f"entra-fleet:new:k{n}" for n in range(6)]
    tenant.forget()
    await provision(renamed)
    assert writes(tenant) == []


async def test_a_deleted_instance_is_reported_and_can_come_back_anew(tenant):
    _, outcome = await provision(fleet(instance("one"), instance("two")))
    gone = outcome.instances[0].application_id
    tenant.emulator.controls.delete(gone)
    _, plan = await provision(fleet(instance("one"), instance("two")), dry_run=True)
    (deleted,) = plan.as_json()["deleted"]
    assert (deleted["key"], deleted["application_id"], deleted["display_name"]) == ("one", gone, "App one")
    assert str(plan.instances[0].action) == "create"
    assert len(tenant.requests("list_deleted_applications")) == 2
    _, outcome = await provision(fleet(instance("one"), instance("two")))
    assert outcome.instances[0].application_id != gone
    _, plan = await provision(fleet(instance("one"), instance("two")), dry_run=True)
    assert plan.deleted == ()
    assert len(tenant.requests("list_deleted_applications")) == 3
