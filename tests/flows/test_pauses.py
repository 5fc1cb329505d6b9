"""Whose pause it is decides whether the fleet file lifts it."""

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.harvest import harvest_audits
from flows.monitor import monitor_fleet
from tests.estates import estate, estate_behind, fleet, instance
from tests.flows.provisioning import provision, tenant, token, writes

pytestmark = pytest.mark.usefixtures("without_prefect")

__all__ = ["tenant", "token"]

RUNNING = fleet(instance("one"))


async def test_our_own_pause_is_lifted_when_the_file_says_running(tenant, tmp_path):
    await provision(RUNNING)
    tenant.forget()
    _, outcome = await provision(fleet(instance("one", job="paused")))
    assert (outcome.instances[0].job_state, writes(tenant)) == ("paused", ["pause_job"])
    # Another machine cannot know whose pause it is.
    with add_prefect_variables({"ENTRA_FLEET_STORE": f"sqlite:///{tmp_path / 'empty.db'}"}):
        _, plan = await provision(RUNNING, dry_run=True)
    assert plan.instances[0].condition.startswith("paused by someone; resume with --force")
    tenant.forget()
    _, outcome = await provision(RUNNING)
    assert (outcome.summary["updated"], writes(tenant)) == (1, ["start_job"])


@pytest.mark.prefect
async def test_somebody_elses_pause_is_lifted_on_request_only(tenant):
    _, outcome = await provision(RUNNING)
    tenant.emulator.controls.act_on_job(outcome.instances[0].job_id, "pause")
    tenant.forget()
    _, outcome = await provision(RUNNING)
    assert (outcome.summary["unchanged"], outcome.instances[0].job_state) == (1, "paused")
    assert writes(tenant) == []
    await provision(RUNNING, force=True)
    assert writes(tenant) == ["start_job"]


@pytest.fixture
def dated(tmp_path):
    """A tenant whose answers tell its own time."""
    with estate_behind(tmp_path / "tenant", seconds=0) as served:
        yield served


async def test_somebody_elses_pause_has_a_name_once_the_audit_log_tells(dated):
    controls, ten_minutes = dated.emulator.controls, 600
    _, outcome = await provision(RUNNING)
    await monitor_fleet(RUNNING, until="settled", interval_seconds=0.1)
    # The store keeps a look only where it saw something new, as another cycle is.
    controls.advance(6 * ten_minutes)
    await monitor_fleet(RUNNING, return_state=True)
    controls.advance(ten_minutes)
    user = list(dated.emulator.tenant.people.users.values())[2]
    controls.act_as(user["id"])
    controls.act_on_job(outcome.instances[0].job_id, "pause")
    controls.advance(ten_minutes)
    await monitor_fleet(RUNNING, return_state=True)
    await harvest_audits()
    _, plan = await provision(RUNNING, dry_run=True)
    # Somebody's record may still be on its way.
    assert plan.instances[0].as_json()["health"]["changed_by"] is None
    controls.advance(4 * ten_minutes)
    await harvest_audits()
    _, plan = await provision(RUNNING, dry_run=True)
    found = plan.instances[0].as_json()["health"]
    assert (found["paused_by"], found["changed_by"]["actor"], found["changed_by"]["source"]) == (
        "someone",
        user["userPrincipalName"],
        "directory",
    )
    assert plan.instances[0].condition.startswith(f"paused by {user['userPrincipalName']} on 20")


@pytest.fixture
def unfinished(tmp_path):
    """A tenant whose initial cycles last, however slow this machine is."""
    with estate(tmp_path / "tenant", initial_cycle_seconds=3600.0) as served:
        yield served


@pytest.mark.parametrize(
    ("reason", "forced"),
    [("EncounteredQuarantineException", ["validate_job_credentials", "start_job"]), ("TooManyDeletes", [])],
)
async def test_a_quarantined_job_is_not_started_and_held_deletions_never_are(unfinished, reason, forced):
    tenant = unfinished
    _, outcome = await provision(RUNNING)
    tenant.emulator.controls.quarantine(outcome.instances[0].job_id, reason)
    tenant.forget()
    _, plan = await provision(RUNNING, dry_run=True)
    assert plan.instances[0].condition.startswith(f"quarantined: {reason} since 20")
    await provision(RUNNING)
    assert writes(tenant) == []
    await provision(RUNNING, force=True)
    assert writes(tenant) == forced


async def test_monitoring_finds_what_a_rename_has_not_come_to_yet(tenant):
    await provision(fleet(instance("before"), fleet="old"))
    renamed = fleet(instance("after", renamed_from="before"), fleet="new", renamed_from="old")
    state = await monitor_fleet(renamed, return_state=True)
    (reading,) = (await state.aresult(raise_on_failure=False)).readings
    assert (reading.target.key, reading.health.state != "missing") == ("after", True)
