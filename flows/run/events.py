"""Prefect events for automations: when an episode of a job begins or ends, and for each certificate that is staged.

The store knows which episodes Prefect has, so that no later sweep sends them again. A run that ends after Prefect has
an event and before the store knows sends it twice; its id is the same then, and Prefect keeps one.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.events import Event, RelatedResource, Resource
from prefect.events.related import related_resources_from_run_context
from prefect.logging import get_run_logger

from flows.formatting import format_iso
from flows.plan.outcome import InstanceOutcome
from flows.store import JobEpisode, Store
from flows.store.job_history import BEGINNINGS, Word

_PATH: Literal["/events"] = "/events"
_EVENTS_AT_ONCE = 100


async def emit_episode_events(store: Store, tenant_id: str, fleet: str) -> None:
    """Tell Prefect of every episode of a fleet that began or ended and was not reported yet.

    A Prefect that cannot be reached stops no sweep: the next one sends them.
    """
    untold = await asyncio.to_thread(store.job_episodes.untold, tenant_id, fleet)
    news = [(episode, word) for episode in untold for word in episode.untold()]
    if not news:
        return
    async with get_client() as client:
        for start in range(0, len(news), _EVENTS_AT_ONCE):
            part = news[start : start + _EVENTS_AT_ONCE]
            try:
                await send_events(client, [build_event(episode, word) for episode, word in part])
            except httpx.HTTPError as error:
                get_run_logger().warning("Prefect took no events, the next sweep will tell: %s", error)
                return
            # Part by part: what Prefect has is not sent again if a later part fails.
            await asyncio.to_thread(store.job_episodes.mark_reported, part, datetime.now(UTC))


def build_event(episode: JobEpisode, word: Word) -> Event:
    """Return the event of what happened in an episode; the same each time it is asked for."""
    seen_at = episode.noticed_at if BEGINNINGS.get(episode.kind) == word else episode.ended_at
    return Event(
        id=_id_of(episode, word),
        event=f"entra-fleet.job.{word}",
        occurred=seen_at or episode.noticed_at,
        resource=Resource(
            {
                "prefect.resource.id": f"entra-fleet.job.{episode.tenant_id}.{episode.job_id}",
                "prefect.resource.name": episode.key,
                "entra-fleet.fleet": episode.fleet,
                "entra-fleet.key": episode.key,
            }
        ),
        payload=_payload(episode),
    )


async def send_events(client: PrefectClient, events: Sequence[Event]) -> None:
    """Send events, related to the run that this is called in.

    Raises:
        httpx.HTTPError: Prefect did not take them.
    """
    # Over HTTP, as Prefect's answer says then that it has them; its own worker would only queue them.
    related: list[RelatedResource] = await related_resources_from_run_context(client)
    bodies = [event.model_copy(update={"related": related}).model_dump(mode="json") for event in events]
    await client.request("POST", _PATH, json=bodies)


def _payload(episode: JobEpisode) -> dict[str, Any]:
    return {
        "tenant_id": episode.tenant_id,
        # An unmanaged job has neither.
        "fleet": episode.fleet or None,
        "key": episode.key if episode.fleet else None,
        "job_id": episode.job_id,
        "service_principal_id": episode.service_principal_id,
        "episode": episode.kind,
        "began_at": format_iso(episode.began_at),
        "ended_at": format_iso(episode.ended_at),
        "reason": episode.reason,
        "error_code": episode.error_code,
    }


def _id_of(episode: JobEpisode, word: Word) -> UUID:
    began = format_iso(episode.began_at)
    # Made of what happened, so that a repeated event has the same id.
    return uuid5(NAMESPACE_URL, f"entra-fleet:{episode.tenant_id}/{episode.job_id}/{episode.kind}/{began}/{word}")


STAGED = "entra-fleet.certificate.staged"


async def emit_staged_events(tenant_id: str, fleet: str, outcomes: Sequence[InstanceOutcome]) -> None:
    """Tell Prefect of every certificate that is staged now.

    A certificate has the same event each time, of which Prefect keeps one: a server that
    cannot be reached now gets it from the next run.
    """
    events = [build_staged_event(tenant_id, fleet, each) for each in outcomes if each.staged_certificate]
    if not events:
        return
    async with get_client() as client:
        try:
            await send_events(client, events)
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
