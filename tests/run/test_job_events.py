"""What Prefect is told of jobs: asked of a real Prefect server."""

import asyncio
import time

import pytest
from prefect.client.orchestration import get_client

from flows.configuration.environment import add_prefect_variables, environment
from flows.monitor import monitor_fleet
from flows.provision import provision_fleet
from flows.run import events
from flows.store import open_store
from tests.estates import TENANT, estate, fleet, instance

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

FLEET = fleet(instance("box"), fleet="told")
PATIENCE_SECONDS = 200


@pytest.fixture
async def tenant(tmp_path):
    quick = {"entry_failure_share": 0.0, "seed": int(time.time())}
    with estate(tmp_path / "tenant", **quick) as served, add_prefect_variables({"TOKEN": "good"}):
        await provision_fleet(FLEET)
        yield served


async def monitor(**parameters):
    state = await monitor_fleet(FLEET, interval_seconds=0.1, **parameters, return_state=True)
    return await state.aresult(raise_on_failure=False)


async def told(tenant, expected):
    """The events of the job that Prefect keeps, as soon as there are as many as expected."""
    ((job,),) = tenant.jobs().values()
    resource = f"entra-fleet.job.{TENANT}.{job['id']}"
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with get_client() as client:
        while True:
            body = {"filter": {"resource": {"id": [resource]}, "order": "ASC"}}
            found = (await client.request("POST", "/events/filter", json=body)).json()["events"]
            if len(found) >= expected or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.2)


def words(events):
    return [event["event"] for event in events]


async def test_one_quarantine_is_one_alert_and_one_recovery(tenant):
    ((job,),) = tenant.jobs().values()
    await monitor(until="settled")
    tenant.emulator.controls.quarantine(job["id"], "EncounteredQuarantineException")
    for _ in range(3):
        await monitor()
    tenant.emulator.controls.act_on_job(job["id"], "restart")
    await monitor(until="settled")
    await monitor()
    expected = ["entra-fleet.job.steady", "entra-fleet.job.quarantined", "entra-fleet.job.recovered"]
    events = await told(tenant, len(expected))
    assert words(events) == expected
    alert = events[1]
    principal = next(iter(tenant.jobs()))
    assert alert["resource"]["entra-fleet.key"] == alert["resource"]["prefect.resource.name"] == "box"
    assert alert["resource"]["entra-fleet.fleet"] == "told"
    assert (alert["payload"]["reason"], alert["payload"]["episode"]) == ("EncounteredQuarantineException", "quarantine")
    assert (alert["payload"]["key"], alert["payload"]["service_principal_id"]) == ("box", principal)
    assert {related["prefect.resource.role"] for related in alert["related"]} >= {"flow", "flow-run"}


async def test_a_run_that_died_before_the_store_knew_sends_the_same_event_again_and_prefect_keeps_one(
    tenant, monkeypatch
):
    sent = []
    send = events.send_events

    async def send_and_die(client, events):
        await send(client, events)
        sent.extend(events)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(events, "send_events", send_and_die)
        with pytest.raises(KeyboardInterrupt):
            await monitor(until="settled")
    with open_store(environment().store_url) as store:
        (episode,) = store.job_episodes.untold(TENANT, "told")
    assert events.build_event(episode, "steady").id == sent[0].id
    await monitor()
    await monitor()
    with open_store(environment().store_url) as store:
        assert store.job_episodes.untold(TENANT, "told") == []
    assert [event["id"] for event in await told(tenant, 1)] == [str(sent[0].id)]


async def test_a_prefect_that_takes_no_events_stops_no_sweep_and_is_told_by_the_next(tenant, monkeypatch):
    await monitor(until="settled")
    ((job,),) = tenant.jobs().values()
    tenant.emulator.controls.quarantine(job["id"], "TooManyDeletes")
    with monkeypatch.context() as patched:
        patched.setattr(events, "_PATH", "/events/nowhere")
        (reading,) = (await monitor()).readings
        assert reading.health.state == "quarantined"
    await monitor()
    assert words(await told(tenant, 2)) == ["entra-fleet.job.steady", "entra-fleet.job.quarantined"]
