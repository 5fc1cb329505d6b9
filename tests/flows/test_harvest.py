from datetime import UTC, datetime, timedelta

import pytest

from flows.configuration.environment import add_prefect_variables, environment
from flows.harvest import harvest_audits, harvest_logs
from flows.monitor import monitor_fleet
from flows.provision import provision_fleet
from flows.store import EventFilter, open_store
from graph_client.errors import Forbidden
from graph_emulator import FaultRule
from tests.estates import AWS, TENANT, estate, estate_behind, fleet, instance

pytestmark = pytest.mark.usefixtures("without_prefect")

FLEET = fleet(instance("aws", AWS), instance("box"))
AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture(params=["v1.0", "beta"])
async def tenant(tmp_path, request):
    versioned = add_prefect_variables({"TOKEN": "good", "ENTRA_FLEET_API_VERSION": request.param})
    with estate(tmp_path / "tenant") as served, versioned:
        await provision_fleet(FLEET)
        await monitor_fleet(FLEET, until="settled", interval_seconds=0.1)
        yield served


async def harvest(**parameters):
    state = await harvest_logs(**parameters, return_state=True)
    return state, await state.aresult(raise_on_failure=False)


def stored():
    with open_store(environment().store_url) as store:
        counts = store.events.counts(EventFilter(tenant_id=TENANT))
    return {(each.service_principal_id, each.status): each.count for each in counts}


def held(tenant):
    events = tenant.emulator.controls.state()["events"]
    return {(principal, status): n for principal, counts in events.items() for status, n in counts.items()}


@pytest.mark.prefect
async def test_each_event_is_kept_once(tenant):
    _, first = await harvest(since=AN_HOUR_AGO)
    _, again = await harvest(since=AN_HOUR_AGO)
    assert stored() == held(tenant)
    assert (again.new, again.read, first.gaps) == (0, sum(held(tenant).values()), ())


async def test_who_changed_what_is_kept_once_and_role_imports_with_it(tenant):
    # The audit log shows a record a little later than it was written.
    tenant.emulator.controls.advance(60)
    state = await harvest_audits(since=AN_HOUR_AGO, return_state=True)
    again = await (await harvest_audits(return_state=True)).aresult()
    with open_store(environment().store_url) as store:
        records = list(store.audits.records(TENANT))
    activities = {each.activity for each in records}
    assert activities >= {"Add provisioning configuration", "Enable/start provisioning configuration", "Import"}
    assert (len(records), again.new) == (again.read, 0)
    assert (await state.aresult()).new > 0
    assert {each.actor_id for each in records if each.activity != "Import"} == {
        tenant.emulator.controls._service.sign_in.object_id(tenant.emulator.settings.clients[0])
    }


async def test_role_imports_of_aws_are_no_provisioning_events(tenant):
    await harvest(since=AN_HOUR_AGO)
    aws = next(principal for principal, jobs in tenant.jobs().items() if jobs[0]["id"].startswith("aws"))
    assert [principal for principal, _ in stored() if principal == aws] == []


async def test_events_of_other_applications_are_dropped(tenant):
    await provision_fleet(fleet(instance("box"), fleet="other"))
    principal = next(
        application["id"]
        for application in tenant.emulator.controls.state()["servicePrincipals"]
        if any(tag.startswith("entra-fleet:other") for tag in application["tags"])
    )
    directory = tenant.emulator.tenant.directory.live
    for kind in ("application", "servicePrincipal"):
        for entry in directory[kind].values():
            entry.value["tags"] = [tag for tag in entry.value["tags"] if not tag.startswith("entra-fleet:other")]
    await monitor_fleet(FLEET, until="settled", interval_seconds=0.1)
    await harvest(since=AN_HOUR_AGO)
    assert principal not in {found for found, _ in stored()}


def principal_of(tenant, key="box"):
    return tenant.applications()[f"entra-fleet:contoso:{key}"], next(
        each for each, jobs in tenant.jobs().items() if jobs[0]["id"].lower().startswith(key)
    )


async def test_the_last_events_of_an_application_that_was_retired_are_kept(tenant):
    await harvest(since=AN_HOUR_AGO)
    ((application,), principal) = principal_of(tenant)
    before = held(tenant)
    tenant.emulator.controls.preload_events(principal, 40, over_seconds=60.0)
    tenant.emulator.controls.delete(application["id"])
    _, result = await harvest()
    assert result.new == 40
    assert stored() == held(tenant) != before


async def test_all_applications_are_kept_if_asked_for(tenant):
    principal = tenant.emulator.tenant.directory.live["servicePrincipal"]
    before = {found for found, _ in held(tenant)}
    ((application,), box) = principal_of(tenant)
    tenant.emulator.controls.edit(application["id"], {"tags": [], "displayName": "Somebody else's"})
    tenant.emulator.controls.edit(box, {"tags": []})
    _, ours = await harvest(since=AN_HOUR_AGO)
    _, everything = await harvest(since=AN_HOUR_AGO, all_applications=True)
    assert (ours.new, ours.dropped > 0, box in principal) == (0, True, True)
    assert ({found for found, _ in stored()}, everything.dropped) == (before, 0)


async def test_how_far_is_read_again_is_a_parameter(tenant):
    await harvest(since=AN_HOUR_AGO)
    _, principal = principal_of(tenant)
    tenant.emulator.controls.preload_events(principal, 100, over_seconds=36_000.0)
    _, usual = await harvest()
    _, wide = await harvest(overlap_minutes=660)
    assert (0 < usual.new < 10, usual.new + wide.new) == (True, 100)


@pytest.mark.prefect
async def test_a_log_that_cannot_be_read_is_said_in_three_lines_and_no_traceback(tenant, caplog):
    tenant.emulator.controls.add_faults([FaultRule("status", operation="list_provisioning_events", status=403)])
    with pytest.raises(Forbidden):
        await (await harvest_logs(return_state=True)).aresult()
    assert "ProvisioningLog.Read.All" in caplog.text
    assert "Traceback" not in caplog.text


async def test_the_watermark_is_by_the_clock_of_the_tenant(tmp_path):
    with estate_behind(tmp_path / "behind", hours=3) as tenant, add_prefect_variables({"TOKEN": "good"}):
        await provision_fleet(FLEET)
        await monitor_fleet(FLEET, until="settled", interval_seconds=0.1)
        _, first = await harvest()
        _, second = await harvest()
    there = datetime.fromtimestamp(tenant.emulator.clock.now(), UTC)
    assert there - timedelta(minutes=5) < first.watermark <= second.watermark <= there + timedelta(seconds=2)
    assert second.rewound_from is None
