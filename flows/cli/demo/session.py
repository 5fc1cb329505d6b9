"""A demo session: the embedded tenant, a Prefect server, and the three flows in sequence."""

import asyncio
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from flows.cli.commands.inventory import look_through
from flows.cli.demo.fleet import write_demo_fleet, write_subsidiaries
from flows.cli.demo.result import DemoResult
from flows.cli.output.console import show_progress
from flows.cli.processes.prefect_server import PrefectServer, new_auth_string
from flows.cli.processes.run_flow import run_flow_against
from flows.configuration.environment import add_prefect_variables
from flows.fleet_file.loader import read_fleet
from flows.harvest import harvest_logs
from flows.monitor import monitor_fleet
from flows.provision import provision_fleet
from flows.store import EventFilter, open_store
from graph_emulator import EmulatedCloud, Emulator, EmulatorSettings
from graph_emulator.cloud import subsidiaries

_SETTLE_MINUTES = 5.0
_LOOK_SECONDS = 0.5
_ESTATE = 200
"""Service principals that are there before the fleet: what the inventory finds beside it."""
_CYCLE_SECONDS = 3600.0
"""Time between cycles: a cycle between harvest and comparison would make them differ."""


class DemoSession:
    """Everything a demo needs, running in its own directory.

    Args:
        directory: Where its files go.
        seed: The same seed produces the same tenant.
        profile: How the tenant behaves.
        target_tenants: How many tenants of subsidiaries there are beside it.

    Raises:
        EmulatorError: There is no such profile.
    """

    def __init__(self, directory: Path, seed: int, profile: str, target_tenants: int = 0) -> None:
        self._directory = directory
        settings = EmulatorSettings(seed=seed, profile=profile, cycle_seconds=_CYCLE_SECONDS, estate=_ESTATE)
        self._targets = subsidiaries(settings, target_tenants)
        # A tenant that is alone accepts every target, so that it needs no cloud.
        self._cloud = EmulatedCloud([settings, *self._targets]) if self._targets else None
        self._emulator = self._cloud[settings.tenant_id] if self._cloud else Emulator(settings)
        self._running = ExitStack()
        self._store_url = f"sqlite:///{directory / 'store.db'}"
        self.prefect_url = ""
        self.prefect_sign_in = ""
        self.tenant_url = ""

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self._server = PrefectServer(self._directory / "prefect", auth_string=new_auth_string(), keeps_log=False)
            starting.callback(self._server.stop)
            door = self._cloud or self._emulator
            served = starting.enter_context(door.serve(port=0, directory=self._directory))
            variables = {**served.environment, "ENTRA_FLEET_STORE": self._store_url}
            starting.enter_context(add_prefect_variables(variables))
            self.prefect_url, self.tenant_url = self._server.url, served.url
            self.prefect_sign_in = self._server.api.auth_string or ""
            # Only now: if one of them fails to start, the others are stopped.
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()

    def run(self, instances: int, concurrency: int) -> DemoResult:
        """Provision a fleet, wait until its jobs have settled, harvest their events, and look through the tenant."""
        tenant_id = self._emulator.settings.tenant_id
        if self._targets:
            path = write_subsidiaries(self._directory, tenant_id, self._targets)
        else:
            path = write_demo_fleet(self._directory, tenant_id, instances, self.tenant_url)
        fleet = read_fleet(str(path))
        parameters = {"fleet": fleet.to_object()}
        began = datetime.now(UTC) - timedelta(minutes=1)
        with show_progress("starting a Prefect server"), self._server.required():
            self._server.wait()
            outcome = self._run(provision_fleet, {**parameters, "concurrency": concurrency})
            waiting = {"until": "settled", "timeout_minutes": _SETTLE_MINUTES, "interval_seconds": _LOOK_SECONDS}
            seen = self._run(monitor_fleet, {**parameters, **waiting})
            # Until every event can be read, or the comparison would miss the last ones.
            time.sleep(self._log_lag_seconds())
            self._run(harvest_logs, {"since": began})
            inventory = asyncio.run(look_through(None, lambda *_: None))
        events = EventFilter(tenant_id=fleet.tenant_id, since=began)
        with open_store(self._store_url) as store:
            counts, errors = store.events.counts(events), store.events.top_error_codes(events)
        return DemoResult(
            fleet, outcome, seen, counts, errors, self.tenant_state()["targets"], inventory, self._guests()
        )

    def _guests(self) -> dict[str, int]:
        """Return the number of guests in each target tenant, by its name."""
        tenants = self._cloud.tenants.values() if self._cloud else ()
        counts = {each.settings.tenant_name: len(each.controls.guests()) for each in tenants}
        return {each.tenant_name: counts[each.tenant_name] for each in self._targets}

    def tenant_state(self) -> dict[str, Any]:
        """Return the state of the tenant."""
        return self._emulator.controls.state()

    def _log_lag_seconds(self) -> float:
        """Return the maximum delay until an event appears in the log."""
        settings = self._emulator.settings
        late = settings.late_event_seconds if settings.late_event_share else 0.0
        return settings.log_latency_seconds + late + 1.0

    def _run(self, flow: Any, parameters: dict[str, Any]) -> Any:
        return run_flow_against(self._server.api, flow, parameters)
