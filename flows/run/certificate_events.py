"""Prefect events about signing certificates: one for each that is staged, for what hands it to the other side."""

from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

import httpx
from prefect.client.orchestration import get_client
from prefect.events import Event, Resource
from prefect.logging import get_run_logger

from flows.plan.outcome import InstanceOutcome
from flows.run import job_events

STAGED = "entra-fleet.certificate.staged"


async def emit_staged_events(tenant_id: str, fleet: str, outcomes: Sequence[InstanceOutcome]) -> None:
    """Tell Prefect of every certificate that is staged now.

    A certificate has the same event each time, of which Prefect keeps one: a Prefect that cannot be reached is told by
    the next run.
    """
    events = [build_staged_event(tenant_id, fleet, each) for each in outcomes if each.staged_certificate]
    if not events:
        return
    async with get_client() as client:
        try:
            await job_events.send_events(client, events)
        except httpx.HTTPError as error:
            get_run_logger().warning("Prefect took no events, the next run will tell: %s", error)


def build_staged_event(tenant_id: str, fleet: str, outcome: InstanceOutcome) -> Event:
    """Return the event of a staged certificate; the same each time it is asked for."""
    staged = outcome.staged_certificate
    if staged is None:
        raise ValueError("no certificate is staged")
    place = f"{tenant_id}.{outcome.service_principal_id}"
    return Event(
        id=uuid5(NAMESPACE_URL, f"entra-fleet:{place}/certificate/{staged.thumbprint}/staged"),
        event=STAGED,
        resource=Resource(
            {
                "prefect.resource.id": f"entra-fleet.certificate.{place}",
                "prefect.resource.name": outcome.key,
                "entra-fleet.fleet": fleet,
                "entra-fleet.key": outcome.key,
            }
        ),
        payload={
            "tenant_id": tenant_id,
            "fleet": fleet,
            "key": outcome.key,
            "service_principal_id": outcome.service_principal_id,
            "app_id": outcome.app_id,
            **staged.as_json(),
        },
    )
