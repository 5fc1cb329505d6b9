"""What happens when a job goes into quarantine: a note, a restart only where it can help, a message."""

from datetime import UTC, datetime

import pytest
from prefect.artifacts import Artifact
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.blocks.system import Secret

from flows.configuration.environment import add_prefect_variables
from flows.monitor import monitor_fleet
from flows.provision import provision_fleet
from flows.react import react_to_quarantine
from tests.e2e.machine import Webhook
from tests.estates import TENANT, estate, fleet, instance
from tests.proof.prefect_aside import prefect_aside

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

FLEET = fleet(instance("box"))
ESCROWS = "EncounteredTotalEscrowThreshold"


@pytest.fixture
async def tenant(tmp_path):
    with estate(tmp_path / "tenant", entry_failure_share=0.0) as served, add_prefect_variables({"TOKEN": "good"}):
        # Prefect is needed for what comes after.
        with prefect_aside():
            await provision_fleet(FLEET)
            await monitor_fleet(FLEET, until="settled", interval_seconds=0.1)
        yield served


def job_of(tenant):
    ((job,),) = tenant.jobs().values()
    return job


async def quarantined(tenant, reason):
    """The payload of the event, when a sweep has seen the quarantine."""
    job = job_of(tenant)
    tenant.emulator.controls.quarantine(job["id"], reason)
    with prefect_aside():
        await monitor_fleet(FLEET)
    tenant.forget()
    return event(job_id=job["id"], reason=reason)


def event(**fields):
    began = datetime.now(UTC).isoformat()
    known = {"fleet": "contoso", "key": "box", "tenant_id": TENANT, "job_id": "none", "began_at": began}
    return {**known, "episode": "quarantine", "reason": None, "error_code": None, **fields}


async def react(payload, **parameters):
    state = await react_to_quarantine(payload, **parameters, return_state=True)
    return state, (await Artifact.get("quarantine-contoso-box")).data


async def test_a_quarantine_is_explained_from_the_store_without_signing_in(tenant):
    payload = await quarantined(tenant, "EncounteredQuarantineException")
    with add_prefect_variables({"AZURE_CLIENT_SECRET": "wrong"}):
        state, note = await react(payload)
    assert state.name == "Completed"
    assert note.startswith("# contoso: box is in quarantine\n")
    assert "## What to do" in note
    assert 'rotate-credentials with {"only": ["box"]}' in note
    assert tenant.requests() == []


async def test_a_job_is_restarted_where_that_can_help_and_somebody_asks_for_it(tenant):
    payload = await quarantined(tenant, ESCROWS)
    state, note = await react(payload, fleet=FLEET)
    assert tenant.requests(writes=True) == []
    state, note = await react(payload, fleet=FLEET, restart=True)
    assert (state.name, [record.operation for record in tenant.requests(writes=True)]) == ("Completed", ["restart_job"])
    assert "**Job restarted.**" in note


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("TooManyDeletes", "deletions are held back, and only a person lets them through."),
        (
            "EncounteredQuarantineException",
            "the credentials are to be renewed or tried first; a restart would not change that.",
        ),
    ],
)
async def test_a_job_is_never_restarted_where_that_would_harm_or_not_help(tenant, reason, why):
    payload = await quarantined(tenant, reason)
    state, note = await react(payload, fleet=FLEET, restart=True)
    assert state.name == "Completed"
    assert f"**Not restarted: {why}**" in note
    assert tenant.requests(writes=True) == []


async def test_a_job_that_has_recovered_meanwhile_is_left_alone(tenant):
    payload = await quarantined(tenant, ESCROWS)
    tenant.emulator.controls.act_on_job(payload["job_id"], "restart")
    with prefect_aside():
        await monitor_fleet(FLEET, until="settled", interval_seconds=0.1)
    state, note = await react(payload, fleet=FLEET, restart=True)
    assert (state.name, tenant.requests(writes=True)) == ("Completed", [])
    assert "in quarantine no longer" in note


@pytest.mark.parametrize("fields", [{"job_id": "another"}, {"key": "circle"}, {"fleet": "fabrikam"}])
async def test_an_event_about_a_job_that_nobody_knows_does_nothing(tenant, fields):
    payload = await quarantined(tenant, ESCROWS)
    state = await react_to_quarantine({**payload, **fields}, fleet=FLEET, restart=True, return_state=True)
    assert (state.type.value, tenant.requests()) == ("COMPLETED", [])
    assert "no sweep has seen this job" in state.message


async def test_a_restart_with_the_file_of_another_fleet_is_refused(tenant):
    payload = await quarantined(tenant, ESCROWS)
    state, note = await react(payload, fleet={**FLEET, "fleet": "fabrikam"}, restart=True)
    assert state.name == "PartiallyCompleted"
    assert "the fleet file defines fabrikam, but the event is about contoso" in note
    assert tenant.requests() == []


async def test_a_restart_that_graph_refuses_is_in_the_note(tenant):
    payload = await quarantined(tenant, ESCROWS)
    tenant.emulator.controls.delete(next(iter(tenant.jobs())))
    state, note = await react(payload, fleet=FLEET, restart=True)
    assert state.name == "PartiallyCompleted"
    assert "**Not restarted: " in note


@pytest.fixture
async def webhook():
    receiver = Webhook()
    body = {"title": "{{subject}}", "text": "{{body}}"}
    block = CustomWebhookNotificationBlock(name="hook", url=receiver.url, json_data=body)
    await block.save("hook", overwrite=True)
    yield receiver
    receiver.close()


async def test_somebody_is_told(tenant, webhook):
    payload = await quarantined(tenant, ESCROWS)
    state, note = await react(payload, notify="custom-webhook/hook")
    assert state.name == "Completed"
    (message,) = webhook.taken
    assert message["title"] == "contoso: box is in quarantine"
    assert message["text"].splitlines()[0].startswith("box: ")
    assert "## What to do" in note


@pytest.mark.parametrize(
    "block", ["custom-webhook/gone", "custom-webhook/nobody", "secret/no-notification", "nonsense"]
)
async def test_nobody_there_to_be_told_stops_nothing_and_shows_no_address(tenant, prefect_log, block):
    gone = CustomWebhookNotificationBlock(name="gone", url="http://127.0.0.1:1/token-4711")
    await gone.save("gone", overwrite=True)
    await Secret(value="x").save("no-notification", overwrite=True)
    payload = await quarantined(tenant, ESCROWS)
    state, note = await react(payload, notify=block)
    assert state.name == "PartiallyCompleted"
    assert state.message.endswith("The notification could not be sent.")
    assert "## What to do" in note
    assert f"The block {block} " in prefect_log.text
    assert "token-4711" not in prefect_log.text
