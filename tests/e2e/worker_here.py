"""A worker whose runs are threads of this process: a real one starts a Python for each, at two seconds of work."""

import asyncio
from contextlib import contextmanager, suppress
from contextvars import copy_context
from threading import Event, Thread
from uuid import uuid4

import anyio
import httpx
from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectHTTPStatusError, PrefectSignal
from prefect.flow_engine import load_flow_and_flow_run, run_flow
from prefect.flows import EntrypointType
from prefect.logging.handlers import APILogWorker
from prefect.workers.base import BaseJobConfiguration, BaseWorker, BaseWorkerResult

from flows.cli.deploy.deploy import format_engine, make_work_pool
from flows.provision import provision_fleet
from flows.shard import provision_shard
from tests.proof.prefect_aside import prefect_api_at

LOOK_SECONDS = 0.2


class WorkerHere(BaseWorker):
    """Prefect's own worker, but for where it runs what it takes; it cancels nothing."""

    type = "here"
    job_configuration = BaseJobConfiguration

    async def run(self, flow_run, configuration, task_status=anyio.TASK_STATUS_IGNORED):
        task_status.started(1)
        await anyio.to_thread.run_sync(run_here, flow_run.id)
        return BaseWorkerResult(identifier=str(flow_run.id), status_code=0)


def run_here(run_id):
    """What `python -m prefect.engine` does in a process of its own."""
    flow_run, flow = load_flow_and_flow_run(run_id)
    # How it ended is in the state of the run.
    with suppress(Exception, PrefectSignal):
        asyncio.run(run_flow(flow, flow_run=flow_run))


@contextmanager
def worker_here(api_url, pool, limit=None):
    """Have a worker look after a work pool, with a limit on its runs at a time."""
    ended = Event()

    async def work():
        async with WorkerHere(work_pool_name=pool, limit=limit, name=f"here-{uuid4()}") as worker:
            while not ended.is_set():
                # A server that is restarted is back soon.
                with suppress(httpx.TransportError, PrefectHTTPStatusError):
                    await worker.get_and_submit_flow_runs()
                await anyio.sleep(LOOK_SECONDS)

    with prefect_api_at(api_url):
        thread = Thread(target=copy_context().run, args=(asyncio.run, work()))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        # What is still to be sent belongs to this server.
        APILogWorker.drain_all(timeout=5)
        EventsWorker.drain_all()


def deploy_here(api_url, pool):
    """Make a work pool, and the deployments in it that provisioning takes; `prefect deploy` takes five seconds."""
    with prefect_api_at(api_url):
        asyncio.run(_deploy(pool))


async def _deploy(pool):
    async with get_client() as client:
        await make_work_pool(client, pool, format_engine())
    for name, flow in (("on-demand", provision_fleet), ("shard", provision_shard)):
        made = await flow.ato_deployment(
            f"{name}-{pool}", work_pool_name=pool, entrypoint_type=EntrypointType.MODULE_PATH
        )
        await made.aapply()
