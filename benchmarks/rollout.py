"""New fleets against the embedded tenant under Microsoft's documented limits, in virtual time.

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

from benchmarks.measure import Figure, run
from benchmarks.tenant import QUICK, fleet_of
from flows.credentials.references import Secret
from flows.fleet_file.loader import fleet_from_object
from flows.monitoring.sweep import Target, sweep_jobs
from flows.plan.diff import diff_fleet
from flows.plan.plan import InstancePlan
from flows.run.task_runner import Places, leave_place
from flows.steps import application, credentials, job, readiness
from flows.tenant.observe import observe_fleet
from graph_client import GraphClient, GraphSettings, StaticTokens
from graph_emulator import Clock, Emulator, EmulatorSettings
from graph_emulator.clock import FROZEN_START
from graph_emulator.wire.problems import Request, Response
from graph_emulator.wire.request_log import RequestRecord

# As many as a worker may take on, so that the budget is what takes time.
CONCURRENCY = 64
LATENCY_SECONDS = 0.05
SMALL, MEDIUM, LARGE = 100, 1000, 2000


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
        tenant: Settings of the emulator beside `throttling`, or in its place.
        client: Settings of the client.
    """
    return run(_roll_out(instances, concurrency, tenant or {}, client or {}))


async def _roll_out(instances: int, concurrency: int, tenant: dict[str, Any], client: dict[str, Any]) -> Rollout:
    loop = asyncio.get_running_loop()
    settings = EmulatorSettings(**({"throttling": True, "latency_seconds": LATENCY_SECONDS} | tenant))
    emulator = Emulator(settings, Clock(lambda: FROZEN_START + loop.time()))
    fleet, began = fleet_from_object(fleet_of(instances)), time.process_time()
    answering = _timed(emulator)
    async with signed_in_to(emulator, **client) as graph:
        plans = diff_fleet(fleet, await observe_fleet(graph, fleet)).instances
        places = Places(concurrency)
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


async def _in_turn(places: Places, graph: GraphClient, plan: InstancePlan) -> None:
    async with places.take_place():
        await provision(graph, plan, second_look=True)


async def provision(graph: GraphClient, plan: InstancePlan, *, second_look: bool = False) -> None:
    """The steps of `flows/provision.py`.

    Args:
        graph: A signed-in client.
        plan: Of a new instance.
        second_look: Whether to look for another run's application before the start; it takes a second.
    """
    values = {key: Secret(SecretStr("a good token")) for key in plan.instance.credentials}
    placed = await application.create_application(graph, plan)
    async with leave_place():
        ready = await readiness.wait_until_ready(graph, plan, placed)
    template_id = ready.template_id
    await application.name_and_tag(graph, plan, placed, ready)
    look_again_at = ready.schedule_second_look()
    await credentials.validate_credentials(graph, plan, placed.service_principal_id, template_id, values)
    job_id = await job.create_job(graph, plan, placed, template_id)
    validated = await credentials.save_credentials(graph, plan, placed.service_principal_id, values)
    if second_look and look_again_at is not None:
        async with leave_place():
            await application.ensure_still_sole(graph, plan, placed, look_again_at)
    await job.start_job(graph, credentials.Start(plan.key, placed.service_principal_id, job_id, validated))


def growth() -> list[Figure]:
    """New fleets of three sizes: the middle one in full, the others for what an instance of them takes."""
    small, medium, large = (roll_out(size, concurrency=CONCURRENCY) for size in (SMALL, MEDIUM, LARGE))
    return [_waiting(), *_of_a_thousand(medium), *_growth(small, large)]


def _waiting() -> Figure:
    """What an apply waits for beside what a bare script waits for, on a machine that takes no time."""
    taken = roll_out(SMALL, concurrency=10, tenant={"throttling": False, **QUICK}, client={})
    calls = 8 * LATENCY_SECONDS * SMALL / 10
    return Figure(
        f"{SMALL} new instances, ten at once: all waiting, beside that of a bare script's eight calls each",
        "≤ 2 times",
        f"{taken.seconds / calls:.2f} times its {calls:.1f} s",
    )


def _of_a_thousand(taken: Rollout) -> list[Figure]:
    settings = GraphSettings()
    rate = settings.writes_per_window / settings.write_window_seconds
    even = taken.writes / rate
    # The whole budget may be spent at once, and is there again after one window.
    soonest = (taken.writes - 1) // settings.writes_per_window * settings.write_window_seconds
    return [
        Figure(
            f"{taken.instances:,} new instances under the write budget",
            "≤ 1.15 of what it allows",
            f"{taken.seconds:.0f} s by the tenant's clock: {taken.seconds / even:.2f} of {even:.0f} s "
            f"at {rate:g} writes/s, {taken.seconds / soonest:.2f} of the soonest possible, {soonest:.0f} s",
        ),
        Figure("answers 429 among them", "< 1 %", f"{taken.throttled:.2%}"),
        Figure(
            f"second apply of {taken.instances:,}",
            "≤ 120 requests, 0 writes",
            f"{taken.again_on_wire} requests, {taken.again_writes} writes",
        ),
        Figure(f"monitor sweep of {taken.instances:,} jobs", "≤ 55 requests", f"{taken.sweep_on_wire} requests"),
    ]


def _growth(small: Rollout, large: Rollout) -> list[Figure]:
    requests = [taken.on_wire / taken.instances for taken in (small, large)]
    busy = [1000 * taken.busy_seconds / taken.instances for taken in (small, large)]
    return [
        Figure(
            f"requests each, {small.instances:,} and {large.instances:,} new instances",
            "the same",
            f"{requests[0]:.2f} and {requests[1]:.2f}",
        ),
        Figure(
            "processor time each, without the emulator's",
            "the same",
            f"{busy[0]:.0f} and {busy[1]:.0f} ms: ratio {busy[1] / busy[0]:.2f}",
        ),
    ]
