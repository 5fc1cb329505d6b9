"""react-to-quarantine: explain why a job is in quarantine and what to do, and restart it where that can help."""

import asyncio
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.configuration.environment import environment
from flows.control_jobs import control_jobs
from flows.fleet_file.loader import FleetParameter, read_fleet
from flows.monitoring import quarantine
from flows.monitoring.instances import unmanaged_key
from flows.monitoring.quarantine import QuarantineEvent, QuarantineReaction, choose_reaction
from flows.run.artifacts import publish_quarantine
from flows.run.context import send_notification
from flows.run.journal import FleetOutcome
from flows.run.redaction import install_log_filter
from flows.store import require_store
from flows.tasks.mapped import redacted_task


def _name() -> str:
    event = flow_run.parameters.get("event")
    return f"quarantine {event.get('key') if isinstance(event, dict) else getattr(event, 'key', '')}"


@flow(name="react-to-quarantine", flow_run_name=_name, persist_result=False)
async def react_to_quarantine(
    event: QuarantineEvent,
    fleet: FleetParameter | None = None,
    tenant: str | None = None,
    restart: bool = False,
    notify: str | None = None,
) -> State:
    """Explain why the job is in quarantine and what to do; restart it if requested and useful.

    Args:
        event: Payload of the event entra-fleet.job.quarantined.
        fleet: Path or content of the fleet file; needed only for a restart.
        tenant: EntraTenant block to sign in with; needed only for a restart.
        restart: Restart the job where that can help: not if deletions are held back or credentials are rejected.
        notify: Notification block, as TYPE/NAME.
    """
    install_log_filter()
    reaction = await triage_quarantine(event)
    done, failed = await _restart(reaction, event, fleet, tenant) if restart else ("", False)
    await publish_quarantine(event, reaction.note(done))
    get_run_logger().info("%s", reaction.summary)
    sent = await send_note(notify, reaction.subject, reaction.message(done)) if notify else True
    text = f"{reaction.summary} {done}".strip()
    # Not a failure of the flow: the explanation is there, but a person has to look.
    if failed or not sent:
        return Completed(
            name="PartiallyCompleted", message=text if sent else f"{text} The notification could not be sent."
        )
    return Completed(message=text)


@redacted_task("triage-quarantine", task_run_name="triage · {event.key}")
async def triage_quarantine(event: QuarantineEvent) -> QuarantineReaction:
    """Join the quarantine with the failures of its cycles in the store."""
    return await asyncio.to_thread(_triaged, event)


@redacted_task("notify")
async def send_note(block: str, subject: str, text: str) -> bool:
    """Send the note to a notification block; return whether it was accepted."""
    return await send_notification(block, subject, text)


def _triaged(event: QuarantineEvent) -> QuarantineReaction:
    with require_store(environment().store_url) as store:
        observed = store.jobs.latest(event.tenant_id, event.fleet or "")
        key = event.key or unmanaged_key(event.service_principal_id, event.job_id)
        job = next((each for each in observed if each.key == key and each.job_id == event.job_id), None)
        # An automation may run minutes after the event: the job may have recovered.
        held = job is not None and job.state == "quarantined"
        found = quarantine.triage_quarantine(store, event.key, job.service_principal_id, job) if job and held else None
    return choose_reaction(event.fleet, event.key or event.job_id, job, found)


async def _restart(
    reaction: QuarantineReaction, event: QuarantineEvent, fleet: str | dict[str, Any] | None, tenant: str | None
) -> tuple[str, bool]:
    """Restart the job; return what was done, or why not, and whether it failed."""
    if reaction.restart_refused:
        return f"Not restarted: {reaction.restart_refused}", False
    if fleet is None or event.key is None:
        return "Not restarted: no fleet file was given.", True
    desired = await asyncio.to_thread(read_fleet, fleet)
    # The automation names one fleet file, but events come from every fleet of the server.
    if (desired.fleet, desired.tenant_id) != (event.fleet, event.tenant_id):
        return f"Not restarted: the fleet file defines {desired.fleet}, but the event is about {event.fleet}.", True
    state = await control_jobs(fleet, "restart", tenant, [event.key], return_state=True)
    outcome = await state.aresult(raise_on_failure=False)
    if not isinstance(outcome, FleetOutcome):
        return f"Not restarted: {outcome}", True
    (instance,) = outcome.instances
    if instance.failure:
        return f"Not restarted: {instance.failure}", True
    return f"Job {instance.outcome}.", False
