import pytest
from prometheus_client import generate_latest

from flows.configuration.environment import add_prefect_variables, environment
from flows.monitor import monitor_fleet
from flows.monitoring.instances import read_instances, unmanaged_key
from flows.monitoring.metrics import build_registry
from flows.monitoring.quarantine import QuarantineEvent
from flows.monitoring.user_history import read_user_history
from flows.provision import provision_fleet
from flows.react import react_to_quarantine
from flows.report.content import build_report
from flows.report.html import render_html
from flows.run.events import build_event
from flows.store import open_store
from flows.watch_tenant import watch_tenant
from tests.estates import TENANT, estate, fleet, instance
from tests.store.events import failed

pytestmark = pytest.mark.usefixtures("without_prefect")

FLEET = fleet(instance("box"))


@pytest.fixture
def tenant(tmp_path):
    settings = {"estate": 200, "cycle_seconds": 2400.0, "entry_failure_share": 0.0}
    with estate(tmp_path / "tenant", **settings) as served, add_prefect_variables({"TOKEN": "good"}):
        yield served


async def watch(**parameters):
    state = await watch_tenant(**parameters, return_state=True)
    return state, await state.aresult(raise_on_failure=False)


def stored():
    return open_store(environment().store_url)


def job_ids(tenant):
    return {job["id"] for jobs in tenant.jobs().values() for job in jobs}


async def test_every_job_of_the_tenant_is_watched_and_nothing_is_written(tenant):
    state, seen = await watch()
    assert {each.health.job_id for each in seen.readings} == job_ids(tenant)
    assert (state.name, len(seen.unwell)) == ("PartiallyCompleted", 1)
    assert tenant.requests(writes=True) == []
    with stored() as store:
        latest = store.jobs.latest(TENANT, "")
        assert {each.job_id for each in latest} == job_ids(tenant)
        (held,) = [each for each in latest if each.state == "quarantined"]
        (episode,) = [each for each in store.job_episodes.of_fleet(TENANT, "") if each.kind == "quarantine"]
        assert (episode.job_id, episode.began_at) == (held.job_id, held.since)
        document = seen.as_json()
    (shown,) = [each for each in document["instances"] if each["state"] == "quarantined"]
    assert (shown["fleet"], shown["key"], shown["job_id"]) == (None, None, held.job_id)
    assert shown["display_name"].endswith("Snowflake for Microsoft Entra ID")
    assert shown["triage"]["proposal"]["commands"] == []


async def test_a_second_look_keeps_nothing_new(tenant):
    await watch()
    with stored() as store:
        before = store.jobs.latest(TENANT, ""), store.job_episodes.of_fleet(TENANT, "")
    tenant.forget()
    await watch()
    with stored() as store:
        assert (store.jobs.latest(TENANT, ""), store.job_episodes.of_fleet(TENANT, "")) == before
    assert tenant.on_wire() == 3


async def test_the_job_of_an_instance_is_its_fleets_and_a_second_one_nobodys(tenant):
    await provision_fleet(FLEET)
    await monitor_fleet(FLEET)
    entry = next(each for each in tenant.emulator.tenant.directory.live["servicePrincipal"].values() if is_ours(each))
    entry.template = tenant.emulator.tenant.gallery[GOOGLE]
    second = tenant.emulator.tenant.jobs.create(entry, "gsuite")
    _, seen = await watch()
    ours = [each for each in seen.readings if each.target.service_principal_id == entry.id]
    assert {(each.target.fleet, each.health.job_id == second.id) for each in ours} == {("contoso", False), (None, True)}
    with stored() as store:
        assert [each.key for each in store.jobs.latest(TENANT, "contoso")] == ["box"]
        assert unmanaged_key(entry.id, second.id) in {each.key for each in store.jobs.latest(TENANT, "")}
        applications = [
            each for each in build_report(store, days=1).applications if each.service_principal_id == entry.id
        ]
    assert {each.instance.fleet for each in applications} == {"contoso", ""}


async def test_where_nobody_has_watched_which_of_two_jobs_is_ours_neither_is(tenant):
    await provision_fleet(FLEET)
    entry = next(each for each in tenant.emulator.tenant.directory.live["servicePrincipal"].values() if is_ours(each))
    entry.template = tenant.emulator.tenant.gallery[GOOGLE]
    tenant.emulator.tenant.jobs.create(entry, "gsuite")
    _, seen = await watch()
    assert {each.target.fleet for each in seen.readings} == {None}


async def test_a_job_that_is_deleted_ends_its_episode_without_having_recovered(tenant):
    await watch()
    with stored() as store:
        (held,) = [each for each in store.jobs.latest(TENANT, "") if each.state == "quarantined"]
    tenant.emulator.controls.act_on_job(held.job_id, "delete")
    state, _ = await watch()
    assert state.name == "Completed"
    with stored() as store:
        (episode,) = [each for each in store.job_episodes.of_fleet(TENANT, "") if each.kind == "quarantine"]
        assert episode.ended_at == episode.end_told_at is not None
        assert held.key not in {each.key for each in read_instances(store)}
        removed = [each for each in store.jobs.latest(TENANT, "") if each.key == held.key]
    assert [each.state for each in removed] == ["removed"]
    await watch()
    with stored() as store:
        assert [each for each in store.jobs.latest(TENANT, "") if each.key == held.key] == removed


async def test_the_report_has_each_of_several_jobs_by_the_name_of_its_application(tenant):
    await watch()
    with stored() as store:
        report = build_report(store, days=1)
    names = {each.name for each in report.applications}
    assert {name.rpartition(" (")[2] for name in names if "Cloud Sync" in name} == {
        "AD2AADProvisioning)",
        "AD2AADPasswordHash)",
    }
    page = render_html(report)
    assert report.fleets == []
    assert "--only" not in page.partition('<h2 id="errors">')[0]


async def test_the_jobs_of_nobody_are_among_the_metrics_until_they_are_deleted(tenant):
    await watch()
    with stored() as store:
        (held,) = [each for each in store.jobs.latest(TENANT, "") if each.state == "quarantined"]
        text = generate_latest(build_registry(store)).decode()
    labels = f'fleet="",key="{held.key}",tenant_id="{TENANT}"'
    assert f"entra_fleet_job_quarantined_since_timestamp_seconds{{{labels}}} " in text
    states = [line for line in text.splitlines() if line.startswith("entra_fleet_job_state{")]
    assert {line.partition('key="')[2].partition('"')[0].partition("/")[2] for line in states} == job_ids(tenant)
    assert f'entra_fleet_sweep_timestamp_seconds{{fleet="",tenant_id="{TENANT}"}}' in text
    tenant.emulator.controls.act_on_job(held.job_id, "delete")
    await watch()
    with stored() as store:
        assert held.key not in generate_latest(build_registry(store)).decode()


async def test_each_job_of_an_application_has_its_own_episodes_and_triage_and_why_names_both(tenant):
    """Cloud Sync has two jobs on one service principal: each is looked at by itself, everywhere."""
    principal, ids = next(
        (principal, {job["id"] for job in jobs})
        for principal, jobs in tenant.jobs().items()
        if {job["templateId"] for job in jobs} >= {"AD2AADProvisioning", "AD2AADPasswordHash"}
    )
    (second,) = [each for each in ids if each.startswith("AD2AADPasswordHash")]
    tenant.emulator.controls.quarantine(second)
    _, seen = await watch()
    states = {each.health.job_id: each for each in seen.readings if each.target.service_principal_id == principal}
    assert set(states) == ids
    assert {job_id for job_id, each in states.items() if each.triage} == {second}
    with stored() as store:
        episodes = store.job_episodes.of_fleet(TENANT, "")
        assert {each.job_id for each in episodes if each.kind == "quarantine" and each.job_id in ids} == {second}
        person = {"sourceIdentity": {"id": "u1", "displayName": "Adele", "identityType": "User"}}
        store.harvests.save(TENANT, [failed("1", "X", "y", servicePrincipal={"id": principal}, **person)])
        (identity,) = store.identities.find("u1", 2)
        history = read_user_history(store, identity, read_instances(store), everywhere=True)
    (entry,) = history.as_json()["applications"]
    # The job in quarantine first, and the other one beside it.
    assert (entry["job_state"], entry["key"]) == ("quarantined", None)
    assert {each["job_id"] for each in entry["other_jobs"]} == ids - {second}


@pytest.mark.prefect
async def test_a_quarantine_of_nobody_is_explained_and_never_restarted(tenant):
    await watch()
    with stored() as store:
        (episode,) = [each for each in store.job_episodes.of_fleet(TENANT, "") if each.kind == "quarantine"]
    event = build_event(episode, "quarantined")
    assert (event.payload["fleet"], event.payload["key"]) == (None, None)
    tenant.forget()
    state = await react_to_quarantine(QuarantineEvent(**event.payload), FLEET, restart=True, return_state=True)
    assert "no fleet manages this job" in state.message
    assert tenant.on_wire() == 0


def is_ours(entry):
    return any(tag.startswith("entra-fleet:") for tag in entry.value["tags"])


GOOGLE = "01303a13-8322-4e06-bee5-80d612907131"
