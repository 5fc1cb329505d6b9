import asyncio

import pytest

from flows.configuration.sign_in import open_client
from flows.errors import StepFailed
from flows.fleet_file.loader import fleet_from_object
from flows.plan.diff import diff_fleet
from flows.steps.application import (
    create_application,
    ensure_sole_application,
    ensure_still_sole,
    find_application,
    name_and_tag,
)
from flows.steps.readiness import wait_until_ready
from flows.tenant.observe import observe_fleet
from tests.estates import estate, fleet, instance

WANTED = fleet_from_object(fleet(instance("one")))


async def planned(graph):
    (plan,) = diff_fleet(WANTED, await observe_fleet(graph, WANTED)).instances
    return plan


async def made(graph):
    """What one run does up to the point where it looks for a second one."""
    plan = await planned(graph)
    placed = await create_application(graph, plan)
    ready = await wait_until_ready(graph, plan, placed)
    await name_and_tag(graph, plan, placed, ready)
    return plan, placed, ready


async def test_two_runs_that_do_not_see_each_other_are_both_stopped(tmp_path):
    with estate(tmp_path / "tenant", replication_lag_seconds=1.0) as tenant:
        async with open_client(None) as (one, _), open_client(None) as (other, _):
            runs = await asyncio.gather(made(one), made(other))
            ids = " and ".join(sorted(placed.application_id for _, placed, _ in runs))
            for graph, (plan, placed, _) in zip((one, other), runs, strict=True):
                with pytest.raises(StepFailed) as failed:
                    await ensure_sole_application(graph, plan, placed)
                assert failed.value.code == "TwoApplications"
                assert failed.value.message == f"2 applications match one: {ids}."
            assert (await planned(one)).conflict.code == "TwoApplications"
            assert tenant.requests("create_job") == []


async def test_a_sole_bearer_may_go_on(tmp_path):
    with estate(tmp_path / "tenant"):
        async with open_client(None) as (graph, _):
            plan, placed, ready = await made(graph)
            await ensure_sole_application(graph, plan, placed)
            await ensure_still_sole(graph, plan, placed, ready.schedule_second_look())


async def test_who_finds_the_application_leaves_the_second_look_to_who_made_it(tmp_path):
    with estate(tmp_path / "tenant"):
        async with open_client(None) as (graph, _):
            plan, _, _ = await made(graph)
            again = await wait_until_ready(graph, plan, await create_application(graph, plan))
            assert again.schedule_second_look() is None


async def test_a_run_finds_what_another_made_meanwhile(tmp_path):
    with estate(tmp_path / "tenant") as tenant:
        async with open_client(None) as (graph, _):
            plan = await planned(graph)
            first = await create_application(graph, plan)
            assert await create_application(graph, plan) == first
            assert len(tenant.requests("instantiate")) == 1


async def test_the_mark_keeps_the_tags_of_others(tmp_path):
    with estate(tmp_path / "tenant") as tenant:
        async with open_client(None) as (graph, _):
            _, placed, _ = await made(graph)
            await graph.applications.patch(placed.application_id, {"tags": ["HideApp", "entra-fleet:contoso:old"]})
            await name_and_tag(graph, await planned(graph), placed)
        (application,) = tenant.emulator.controls.state()["applications"]
        assert application["tags"] == ["HideApp", "entra-fleet:contoso:one"]


async def test_the_mark_keeps_the_tags_that_were_there_when_it_was_ready(tmp_path):
    with estate(tmp_path / "tenant") as tenant:
        async with open_client(None) as (graph, _):
            plan = await planned(graph)
            placed = await create_application(graph, plan)
            tenant.emulator.controls.edit(placed.application_id, {"tags": ["HideApp"]})
            await name_and_tag(graph, plan, placed, await wait_until_ready(graph, plan, placed))
        (application,) = tenant.emulator.controls.state()["applications"]
        assert application["tags"] == ["HideApp", "entra-fleet:contoso:one"]


async def test_what_another_fleet_marked_since_the_plan_is_left_alone(tmp_path):
    with estate(tmp_path / "tenant") as tenant:
        async with open_client(None) as (graph, _):
            plan, placed, _ = await made(graph)
            theirs = ["entra-fleet:theirs:one"]
            tenant.emulator.controls.edit(placed.application_id, {"tags": theirs})
            with pytest.raises(StepFailed) as failed:
                await name_and_tag(graph, plan, placed)
            assert failed.value.code == "MarkedByAnother"
        (application,) = tenant.emulator.controls.state()["applications"]
        assert application["tags"] == theirs


async def test_what_was_deleted_since_the_plan_is_said_to_be_gone(tmp_path):
    with estate(tmp_path / "tenant") as tenant:
        async with open_client(None) as (graph, _):
            plan = await planned(graph)
            with pytest.raises(StepFailed) as failed:
                await find_application(graph, plan)
        assert failed.value.code == "ApplicationGone"
        assert tenant.requests(writes=True) == []
