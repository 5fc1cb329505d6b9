"""What a roll-out in waves, and a try, leave in the Prefect UI."""

import json
import time

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, TaskRunFilter, TaskRunFilterName

from flows.on_demand import provision_on_demand
from flows.provision import provision_fleet
from tests.artifacts.test_tables import artifact
from tests.estates import estate, fleet, instance
from tests.tenant.crowds import settle

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

KEYS = ("a", "b")
NAME = "waving"
EVIL = "<img src=x> | **bold**"


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant", cycle_seconds=3600.0) as served:
        for key in KEYS:
            principal = settle(served.emulator, key, f"App {key}")
            served.emulator.controls.edit(principal, {"tags": [f"entra-fleet:{NAME}:{key}"]})
        for (application,) in list(served.applications().values()):
            key = application["displayName"].removeprefix("App ")
            served.emulator.controls.edit(application["id"], {"tags": [f"entra-fleet:{NAME}:{key}"]})
        yield served


async def task_run_named(name, flow_run_id):
    """The task runs of that name once they have ended, which the server records a moment later."""
    until = time.monotonic() + 20
    while True:
        async with get_client() as client:
            found = await client.read_task_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])),
                task_run_filter=TaskRunFilter(name=TaskRunFilterName(any_=[name])),
            )
        ended = found and all(each.state and each.state.is_final() for each in found)
        if ended or time.monotonic() > until:
            return found


async def test_a_held_rollout_shows_its_waves_and_why(tenant):
    document = fleet(*(instance(key, notes="changed") for key in KEYS), fleet=NAME)
    rules = {"timeout_minutes": 0.001, "interval_seconds": 0.05, "log_minutes": 0}
    state = await provision_fleet(document, canary=1, canary_rules=rules, return_state=True)
    assert (state.name, state.type.value) == ("CanaryHeld", "FAILED")
    waves = await artifact(f"{NAME}-waves")
    (row,) = json.loads(waves.data)
    assert (row["wave"], row["key"], row["outcome"]) == ("1 (canaries)", "a", "updated")
    assert row["verdict"] == "no cycle completed within 0.001 minutes"
    assert "- wave 2 of 2 (the rest): 1 instance, pending" in waves.description
    assert "To continue, run apply again with --force" in waves.description
    (judged,) = await task_run_named("wave 1 of 2 (canaries)", state.state_details.flow_run_id)
    assert judged.state_name == "Failed"


async def test_a_try_shows_steps_and_attributes_and_no_markup_of_others(tenant):
    who = next(each for each in tenant.emulator.tenant.people.users.values() if each["accountEnabled"])
    who["displayName"] = EVIL
    document = fleet(*(instance(key) for key in KEYS), fleet=NAME)
    await provision_on_demand(document, ["a"], users=[who["id"]], return_state=True)
    shown = (await artifact(f"{NAME}-on-demand")).data
    assert "| type | status | step | what | details |" in shown
    assert "| Import | Success | EntryImport |" in shown
    assert "<img" not in shown
    assert "**bold**" not in shown
