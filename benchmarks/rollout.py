"""A new fleet against the embedded tenant under Microsoft's documented limits, in virtual time.

It is the steps of an apply without Prefect around them, so that nothing but Graph and its pacing takes time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

from benchmarks.fleets import fleet_of
from benchmarks.virtual_time import run
from flows.reconcile.diff import diff
from flows.reconcile.fleet_file import fleet_from_object
from flows.reconcile.observe import observe
from flows.reconcile.plan import InstancePlan
from flows.reconcile.references import Secret
from flows.reconcile.steps import application, credentials, job
from graph_client import GraphClient, GraphSettings, StaticTokens
from graph_emulator import Clock, Emulator, EmulatorSettings
from graph_emulator.clock import FROZEN_START


@dataclass(frozen=True)
class Rollout:
    """What a new fleet took.

    Args:
        instances: How many instances have a started job.
        writes: Writes that were done.
        on_wire: Requests, a batch as one.
        calls: Requests, a batch as what it carries.
        throttled: The share of all answers that were a 429, between 0 and 1.
        seconds: From the first request to the last answer, by the tenant's clock.
    """

    instances: int
    writes: int
    on_wire: int
    calls: int
    throttled: float
    seconds: float


def roll_out(
    instances: int,
    *,
    concurrency: int,
    tenant: dict[str, Any] | None = None,
    client: dict[str, Any] | None = None,
) -> Rollout:
    """Apply a new fleet to a new tenant that throttles.

    Args:
        instances: Its size.
        concurrency: Instances worked on at once.
        tenant: Settings of the emulator beside `throttling`.
        client: Settings of the client.
    """
    return run(_roll_out(instances, concurrency, tenant or {}, client or {}))


async def _roll_out(instances: int, concurrency: int, tenant: dict[str, Any], client: dict[str, Any]) -> Rollout:
    loop = asyncio.get_running_loop()
    settings = EmulatorSettings(throttling=True, latency_seconds=0.05, **tenant)
    emulator = Emulator(settings, Clock(lambda: FROZEN_START + loop.time()))
    fleet = fleet_from_object(fleet_of(instances))
    async with signed_in_to(emulator, **client) as graph:
        plans = diff(fleet, await observe(graph, fleet)).instances
        places = asyncio.Semaphore(concurrency)
        await asyncio.gather(*(_in_turn(places, graph, plan) for plan in plans))
    asked = [record for record in emulator.requests if record.path.startswith("/v1.0/")]
    records = [record for record in asked if record.operation != "batch"]
    jobs = emulator.state()["jobs"].values()
    return Rollout(
        instances=sum(found["schedule"]["state"] == "Active" for (found,) in jobs),
        writes=sum(record.method != "GET" and record.status < 400 for record in records),
        on_wire=sum(record.batch is None for record in asked),
        calls=len(records),
        throttled=sum(record.status == 429 for record in records) / len(records),
        seconds=loop.time(),
    )


@asynccontextmanager
async def signed_in_to(emulator: Emulator, **changes: Any) -> AsyncIterator[GraphClient]:
    """A client of this emulator on the running loop's time, with some settings changed."""
    async with httpx.AsyncClient(transport=emulator.transport()) as door:
        form = {
            "grant_type": "client_credentials",
            "client_id": emulator.settings.client_id,
            "client_secret": emulator.settings.client_secret,
            "scope": "https://graph.microsoft.com/.default",
        }
        url = f"https://login.microsoftonline.com/{emulator.settings.tenant_id}/oauth2/v2.0/token"
        token = (await door.post(url, data=form)).json()["access_token"]
    clock = asyncio.get_running_loop().time
    settings = GraphSettings(**changes)
    async with GraphClient(settings, StaticTokens(token), transport=emulator.transport(), clock=clock) as graph:
        yield graph


async def _in_turn(places: asyncio.Semaphore, graph: GraphClient, plan: InstancePlan) -> None:
    async with places:
        await provision(graph, plan)


async def provision(graph: GraphClient, plan: InstancePlan) -> None:
    """The steps of `flows/provision.py`."""
    values = {key: Secret(SecretStr("a good token")) for key in plan.instance.credentials}
    placed = await application.create_application(graph, plan)
    template_id = job.choose_template(plan, await application.wait_until_ready(graph, placed))
    await application.name_and_mark(graph, plan, placed)
    await credentials.validate_credentials(graph, plan, placed.service_principal_id, template_id, values)
    job_id = await job.create_job(graph, plan, placed, template_id)
    await credentials.save_credentials(graph, plan, placed.service_principal_id, values)
    await job.start_job(graph, placed.service_principal_id, job_id)
