"""The demo on a tenant of any character: it agrees with what is there, and a second apply finishes what is left."""

import asyncio
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from flows.cli.commands.inventory import look_through
from flows.cli.demo.fleet import write_demo_fleet
from flows.cli.demo.result import DemoResult, find_sign_on
from flows.configuration.environment import add_prefect_variables
from flows.errors import StepFailed
from flows.fleet_file.loader import read_fleet
from flows.harvest import harvest_logs
from flows.monitor import monitor_fleet
from flows.store import EventFilter, open_store
from graph_client.errors import GraphError
from graph_emulator import PROFILES
from tests.proof import invariants
from tests.proof.looks import assert_all_is_well
from tests.proof.world import world as a_world

INSTANCES = 4
SEEDS = range(1, 6)


@pytest.fixture
def make_world(tmp_path):
    """Opens a tenant of a character, with the demo's fleet for it, as the tests of a world name it."""

    @contextmanager
    def open_world(profile, seed):
        directory = tmp_path / str(seed)
        directory.mkdir()
        with a_world(directory, profile=profile, seed=seed) as world:
            path = write_demo_fleet(directory, world.emulator.settings.tenant_id, INSTANCES)
            yield world, read_fleet(str(path)).to_object() | {"fleet": "contoso"}

    return open_world


@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.parametrize("profile", ["hostile", "laggy", "lossy"])
def test_what_the_flows_report_is_what_the_tenant_holds(make_world, profile, seed):
    with make_world(profile, seed) as (world, wanted):
        began = datetime.fromtimestamp(world.emulator.clock.now(), UTC) - timedelta(minutes=1)
        outcome = world.apply(wanted)
        watching = {"until": "settled", "timeout_minutes": 5.0, "interval_seconds": 0.5}
        seen = world.run(world.doing(monitor_fleet, wanted, **watching))
        world.run(asyncio.sleep(60.0))
        world.run(world.doing(harvest_logs, since=began))
        with open_store(f"sqlite:///{world.store}") as store:
            counts = store.events.counts(EventFilter(tenant_id=wanted["tenant_id"], since=began))
        result = DemoResult(read_fleet(wanted), outcome, seen, counts, [])
        assert result.differences(world.emulator.controls.state()) == []


def test_one_apply_sets_up_sign_on_and_provisioning_of_the_first_instance(make_world):
    with make_world("calm", 1) as (world, wanted):
        outcome = world.apply(wanted)
        first = outcome.instances[0]
        state = world.emulator.controls.state()
        principal = next(each for each in state["servicePrincipals"] if each["id"] == first.service_principal_id)
        application = next(each for each in state["applications"] if each["id"] == first.application_id)
        sso = wanted["instances"][0]["sso"]
        assert (first.key, principal["preferredSingleSignOnMode"]) == ("aws-1", "saml")
        assert set(sso["identifiers"]) <= set(application["identifierUris"])
        assert set(sso["reply_urls"]) <= set(application["web"]["redirectUris"])
        assert sso["roles"][0]["value"] in {each["value"] for each in principal["appRoles"]}
        assert [job["schedule"]["state"] for job in state["jobs"][first.service_principal_id]] == ["Active"]
        with add_prefect_variables({"ENTRA_FLEET_STORE": f"sqlite:///{world.store}"}):
            inventory = world.run(look_through(None, lambda *_: None))
        ends_at = (world.read_utc_now() + timedelta(days=3 * 365 - 2)).date()
        ((key, shown),) = find_sign_on(DemoResult(read_fleet(wanted), outcome, None, [], [], inventory=inventory))
        assert (key, shown.date() >= ends_at) == ("aws-1", True)
        assert world.apply(wanted).summary["unchanged"] == INSTANCES


@pytest.mark.parametrize(
    "profile", [pytest.param("hostile", marks=pytest.mark.long), "hostile+lossy", "hostile+flaky+throttled"]
)
def test_a_second_apply_finishes_what_the_first_left(make_world, profile):
    left = {seed: finished_by_a_second_apply(make_world, profile, seed) for seed in SEEDS}
    # Or nothing was proved.
    assert any(left.values()), left


@pytest.mark.parametrize("profile", sorted(PROFILES.keys() - {"hostile"}))
def test_a_first_apply_leaves_nothing(make_world, profile):
    assert finished_by_a_second_apply(make_world, profile, 1) == []


def finished_by_a_second_apply(make_world, profile, seed):
    """The failures of a first apply of the demo's fleet, each of which a second one in peace has got over."""
    with make_world(profile, seed) as (world, wanted):
        try:
            left = [str(each.failure) for each in world.apply(wanted).instances if each.failure]
        except (GraphError, StepFailed) as error:
            left = [str(error)]
        invariants.assert_token_stayed_home(world)
        world.emulator.controls.clear_faults()
        second = world.apply(wanted)
        assert [str(each.failure) for each in second.instances if each.failure] == []
        assert_all_is_well(world, dict.fromkeys((each["key"] for each in wanted["instances"]), "Active"))
    return left
