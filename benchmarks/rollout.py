"""A new fleet against the embedded tenant under Microsoft's documented limits, in virtual time.

It is the steps of an apply without Prefect around them, so that nothing but Graph and its pacing takes time.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from benchmarks.fleets import fleet_of
from benchmarks.virtual_time import run
from flows.credentials.references import Secret
from flows.fleet_file.loader import fleet_from_object
from flows.monitoring.sweep import Target, sweep_jobs
from flows.plan.diff import diff_fleet
from flows.plan.plan import InstancePlan
from flows.steps import application, credentials, job
from flows.tenant.observe import observe_fleet
from graph_client import GraphClient, GraphSettings, StaticTokens
from graph_emulator import Clock, Emulator, EmulatorSettings
from graph_emulator.clock import FROZEN_START
from graph_emulator.wire.problems import Request, Response
from graph_emulator.wire.request_log import RequestRecord


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
        again_on_wire: Requests on the wire of a second apply.
        again_writes: What it would write.
        sweep_on_wire: Requests on the wire of a sweep of all jobs.
        busy_seconds: Processor time of the roll-out, the emulator's not included.
    """

    instances: int
    writes: int
    on_wire: int
    calls: int
    throttled: float
    seconds: float
    again_on_wire: int
    again_writes: int
    sweep_on_wire: int
    busy_seconds: float


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
    fleet, began = fleet_from_object(fleet_of(instances)), time.process_time()
    answering = _timed(emulator)
    async with signed_in_to(emulator, **client) as graph:
        plans = diff_fleet(fleet, await observe_fleet(graph, fleet)).instances
        places = asyncio.Semaphore(concurrency)
        await asyncio.gather(*(_in_turn(places, graph, plan) for plan in plans))
        # The emulator answers in this process, so its time is taken away.
        busy, seconds = time.process_time() - began - sum(answering), loop.time()
        asked = _asked(emulator)
        again = diff_fleet(fleet, await observe_fleet(graph, fleet))
        applied = _asked(emulator)
        watched = [Target(each.key, each.service_principal_id) for each in again.instances]
        await sweep_jobs(graph, fleet.fleet, watched, now=datetime.fromtimestamp(emulator.clock.now(), UTC))
        swept = _asked(emulator)
    calls = [record for record in asked if record.operation != "batch"]
    return Rollout(
        instances=sum(
            found["schedule"]["state"] == "Active" for (found,) in emulator.controls.state()["jobs"].values()
        ),
        writes=sum(record.method != "GET" and record.status < 400 for record in calls),
        on_wire=_on_wire(asked),
        calls=len(calls),
        throttled=sum(record.status == 429 for record in calls) / len(calls),
        seconds=seconds,
        again_on_wire=_on_wire(applied) - _on_wire(asked),
        again_writes=again.writes,
        sweep_on_wire=_on_wire(swept) - _on_wire(applied),
        busy_seconds=busy,
    )


def _timed(emulator: Emulator) -> list[float]:
    """The processor time of each answer of the emulator, as they come."""
    taken: list[float] = []
    handle = emulator.handle

    def timed(request: Request) -> Response:
        began = time.process_time()
        try:
            return handle(request)
        finally:
            taken.append(time.process_time() - began)

    emulator.handle = timed
    return taken


def _asked(emulator: Emulator) -> list[RequestRecord]:
    return [record for record in emulator.requests if record.path.startswith("/v1.0/")]


def _on_wire(records: list[RequestRecord]) -> int:
    return sum(record.batch is None for record in records)


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
    await application.name_and_tag(graph, plan, placed)
    await credentials.validate_credentials(graph, plan, placed.service_principal_id, template_id, values)
    job_id = (await job.create_job(graph, plan, placed, template_id)).id
    validated = await credentials.save_credentials(graph, plan, placed.service_principal_id, values)
    await job.start_job(graph, credentials.Start(plan.key, placed.service_principal_id, job_id, validated))
