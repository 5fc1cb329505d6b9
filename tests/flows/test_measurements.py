"""What runs write down for metrics: drift, sweeps, expiry of credentials, requests."""

from datetime import UTC, datetime

import pytest

from flows.configuration.environment import environment
from flows.monitor import monitor_fleet
from flows.store import open_store
from tests.estates import fleet, instance
from tests.flows.provisioning import provision, tenant, token

pytestmark = pytest.mark.usefixtures("without_prefect")

__all__ = ["tenant", "token"]


def measured():
    with open_store(environment().store_url) as store:
        return {(each.fleet, each.key, each.name): each.value for each in store.measurements.all()}


async def test_runs_measure_drift_sweeps_expiry_and_requests(tenant):
    wanted = fleet(instance("one", credentials_expire="2027-05-01"), instance("two"))
    await provision(wanted)
    assert measured()["contoso", "", "drift"] == 2
    application = next(iter(tenant.emulator.tenant.directory.live["application"]))
    tenant.emulator.controls.edit(application, {"displayName": "Renamed"})
    await provision(wanted, dry_run=True)
    await monitor_fleet(wanted, return_state=True)
    found = measured()
    assert found["contoso", "", "drift"] == 1
    assert found["contoso", "one", "credentials-expire"] == datetime(2027, 5, 1, tzinfo=UTC).timestamp()
    assert ("contoso", "", "sweep") in found
    parts = {record.batch for record in tenant.emulator.requests if record.batch is not None}
    sent = [each for each in tenant.emulator.requests if each.path.startswith("/v1.0/") and each.batch is None]
    assert parts
    assert found["", "", "graph-requests"] == len(sent)
    assert found["", "", "graph-throttled"] == 0
    await monitor_fleet(fleet(instance("one"), instance("two")), return_state=True)
    assert ("contoso", "one", "credentials-expire") not in measured()
    assert {each[0] for each in measured()} == {"", "contoso"}
