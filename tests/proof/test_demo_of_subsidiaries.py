"""The fleet of `entra-fleet demo --cross-tenant`: what the flows report is what the tenants hold."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from flows.cli.demo.fleet import write_subsidiaries
from flows.cli.demo.result import DemoResult
from flows.fleet_file.loader import read_fleet
from flows.harvest import harvest_logs
from flows.monitor import monitor_fleet
from flows.store import EventFilter, open_store
from graph_emulator import EmulatorSettings
from graph_emulator.cloud import subsidiaries
from tests.estates import QUICK
from tests.proof.world import world as a_world

pytestmark = pytest.mark.usefixtures("without_prefect")


@pytest.mark.parametrize("profile", ["calm", "laggy", "lossy"])
def test_users_of_one_tenant_are_guests_of_five(tmp_path, profile):
    home = EmulatorSettings(**(QUICK | {"profile": profile, "cycle_seconds": 3600.0}))
    targets = subsidiaries(home, 5)
    variables = {
        f"{each.variable_prefix}_AZURE_{name}": value
        for each in targets
        for name, value in (("CLIENT_ID", each.client_id), ("CLIENT_SECRET", each.client_secret))
    }
    with a_world(tmp_path, targets=targets, variables=variables, profile=profile, cycle_seconds=3600.0) as world:
        wanted = read_fleet(str(write_subsidiaries(tmp_path, world.emulator.settings.tenant_id, targets))).to_object()
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
        created = {key: counts.get("success", 0) for key, counts in result.events.items()}
        assert created == {
            each.variable_prefix.lower(): len(world.cloud[each.tenant_id].controls.guests()) for each in targets
        }
        assert min(created.values()) > 0
