"""What `up` runs on this machine: started in order, watched, and stopped in reverse order."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import psutil
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.flow_runs import arun_deployment
from prefect.settings import PREFECT_API_URL
from prefect.states import Crashed

from flows.cli.demo.fleet import write_demo_fleet
from flows.cli.deploy.deploy import POOL, deploy, format_deployed, format_engine
from flows.cli.deploy.prefect_yaml import prefect_yaml, read_fleets_file
from flows.cli.errors import CommandFailed
from flows.cli.processes.child import Child
from flows.cli.processes.isolation import require_usable_proxies
from flows.cli.processes.prefect_server import PrefectApi, PrefectServer
from flows.cli.processes.process_tree import is_running
from flows.cli.up.home import Home
from flows.configuration.blocks import EntraTenant
from flows.configuration.environment import EnvironmentIncomplete, environment
from flows.run.prefect_pages import read_all
from flows.store import upgrade_store
from graph_emulator import Emulator, EmulatorSettings

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a stop was requested."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._settled = False

    def wait(self, seconds: float) -> bool:
        """Wait for a while; return whether a stop was requested."""
        return self._wanted.wait(seconds)

    def settle(self) -> None:
        """Treat signals as stop requests for `wait` from here on, not as interruptions."""
        self._settled = True

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        again = self._wanted.is_set()
        self._wanted.set()
        # A second signal during startup does not interrupt the cleanup after the first.
        if not (self._settled or again):
            raise KeyboardInterrupt


@contextmanager
def until_stop_requested() -> Iterator[StopRequest]:
    """Yield the stop request that both signals set; the first signal interrupts startup."""
    stop = StopRequest()
    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_LOOK_SECONDS = 1.0
_WORKER_STOP_SECONDS = 30.0
_RUN_STOP_SECONDS = 15.0
_WORKER_START_SECONDS = 60.0
_WORKER_QUERY_SECONDS = "3"


class Stack:
    """A worker, and a Prefect server unless PREFECT_API_URL names one.

    Args:
        directory: Directory for database, keys and logs.
        port: The server's port; 0 picks a free one.

    Raises:
        CommandFailed: The directory cannot be used.
    """

    def __init__(self, directory: Path, port: int) -> None:
        self._home = Home(directory)
        self._port = port
        self._running = ExitStack()
        self._children: list[Child] = []
        self._server: PrefectServer | None = None
        self._worker_variables: dict[str, str] = {}
        self._directory = Path.cwd()
        self._api = PrefectApi("")
        self._provision = "provision-fleet/on-demand"
        self.remarks: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()

    def start_server(self, say: Callable[[str], None]) -> None:
        """Start a server, or use the one at PREFECT_API_URL.

        Raises:
            CommandFailed: The port or the directory is in use, the server did not start, or a proxy cannot be used.
        """
        require_usable_proxies()
        if not PREFECT_API_URL.value():
            self._require_free_port()
        self._running.enter_context(self._home.held())
        if url := PREFECT_API_URL.value():
            self._api = PrefectApi(url)
            self.remarks.append(f"Using the Prefect server at PREFECT_API_URL, {self._api.address}.")
            return
        say("starting a Prefect server")
        home = self._home
        self._server = PrefectServer(home.directory, self._port, home.auth_string(), home.server_variables())
        self._running.callback(self._server.stop)
        self._server.wait()
        self._children.append(self._server.child)
        self._api = self._server.api

    def serve_tenant(self) -> Path:
        """Serve an embedded tenant with an example fleet; return its fleets file."""
        self._directory = self._home.path("tenant")
        self._worker_variables = self._running.enter_context(serve_embedded_tenant(self._directory, self._api))
        self._provision = DEPLOYMENT
        return self._directory / "fleets.toml"

    def deploy(self, fleets: Path | None, notify: str | None) -> None:
        """Create blocks, work pool, deployments and automations, and upgrade the store.

        Raises:
            CommandFailed: The fleets file is invalid, or Prefect created no deployments.
            StoreError: The store cannot be used.
        """
        # Before anything that writes to it is deployed.
        upgrade_store(self._worker_variables.get("ENTRA_FLEET_STORE") or environment().store_url)
        file = read_fleets_file(fleets) if fleets else None
        if file:
            self._provision = f"provision-fleet/on-demand-{next(iter(file.fleets))}"
        document = prefect_yaml(file, notify)
        to_tell = notify or (file.notify if file else None)
        log_file = self._home.path("deploy.log")
        # A server that `up` has started has no other worker, so its runs may name this Python.
        engine = format_engine() if self._server else None
        self.remarks += format_deployed(deploy(self._api, document, to_tell, log_file, self._directory, engine))
        # Without a block a flow signs in from the worker's environment, which is this one.
        if file is None or any(entry.reader is None for entry in file.fleets.values()):
            self._check_sign_in()

    def start_worker(self) -> None:
        """Start a worker, and wait until the server has registered it.

        Raises:
            CommandFailed: It did not start.
        """
        if self._server:
            # This home is locked and its server had no other worker, so whatever has no process is dead.
            with self._api.used():
                asyncio.run(crash_dead_runs(POOL))
        variables = {
            **self._api.variables,
            **self._worker_variables,
            "PREFECT_WORKER_QUERY_SECONDS": _WORKER_QUERY_SECONDS,
        }
        # A stable name: the UI lists every name ever used.
        arguments = ["worker", "start", "--pool", POOL, "--name", socket.gethostname(), "--install-policy", "never"]
        worker = Child("prefect", arguments, self._home.path("worker.log"), variables)
        self._running.callback(worker.stop, _WORKER_STOP_SECONDS)
        # A worker that ends kills its runs, which Prefect would show as Running; stopped first, they end as Crashed.
        self._running.callback(worker.end_children, _RUN_STOP_SECONDS)
        log = worker.log_file
        # The log of earlier starts says "started!" as well.
        begun = log.stat().st_size
        worker.wait_until(lambda: b"started!" in log.read_bytes()[begun:], _WORKER_START_SECONDS)
        self._children.append(worker)

    def provision_example(self) -> None:
        """Provision the example fleet, so that the schedules have something to check."""
        with self._api.used():
            asyncio.run(_run(self._provision))

    def watch(self, stop: StopRequest) -> None:
        """Wait until a stop is requested.

        Raises:
            CommandFailed: A child process ended unexpectedly.
        """
        while not stop.wait(_LOOK_SECONDS):
            for child in self._children:
                child.require()

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield the connection details, each with its label."""
        ui = self._api.address.removesuffix("/api")
        yield "UI", ui
        if self._server:
            yield "sign in", f"with the credentials in {self._home.auth_file}"
            yield "shell", f". {self._home.write_environment(self._api)}    # for prefect and entra-fleet"
        yield "first", f"Deployments → {self._provision.partition('/')[2]} → Run → Quick run, then open its artifacts"
        yield "blocks", f"{ui}/v2/blocks/catalog: Entra tenant, App credentials"
        yield "files", str(self._home.directory)

    def _require_free_port(self) -> None:
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self._port))
            except OSError:
                raise CommandFailed(
                    f"Port {self._port} is in use, perhaps by another entra-fleet up.",
                    "Stop that one, or choose another --port.",
                ) from None
            self._port = probe.getsockname()[1]

    def _check_sign_in(self) -> None:
        try:
            environment().sign_in_method()
        except EnvironmentIncomplete as error:
            way_out = f"{error.hint} Or configure blocks with --fleets.".lstrip()
            self.remarks.append(f"The worker cannot sign in to a tenant yet. {error.message} {way_out}")


async def _run(deployment: str) -> None:
    await arun_deployment(deployment, timeout=0, as_subflow=False)


BLOCK = "embedded"
DEPLOYMENT = "provision-fleet/on-demand-demo"
_INSTANCES = 8
_FLEETS = """\
[fleets.demo]
fleet = "fleet.yaml"
reader = "embedded"
writer = "embedded"
timezone = "UTC"

[fleets.demo.schedules]
sweep = 60

[schedules]
harvest = 120
"""


@contextmanager
def serve_embedded_tenant(directory: Path, api: PrefectApi) -> Iterator[dict[str, str]]:
    """Serve a tenant, save its sign-in as a block, and yield the worker's environment variables.

    Args:
        directory: Where its files go, including the store: an old store would not match a new tenant.
        api: The server that stores the block.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    for old in directory.glob("store.db*"):
        old.unlink()
    emulator = Emulator(EmulatorSettings())
    with emulator.serve(port=0, directory=directory) as served:
        settings = emulator.settings
        write_demo_fleet(directory, settings.tenant_id, _INSTANCES, served.url)
        (directory / "fleets.toml").write_text(_FLEETS, "utf-8")
        block = EntraTenant(
            tenant_id=settings.tenant_id,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            graph_url=served.url,
            authority=served.url,
            ca_file=str(served.ca_file.resolve()),
        )
        with api.used():
            asyncio.run(_save(block))
        yield {"ENTRA_FLEET_STORE": f"sqlite:///{directory / 'store.db'}", "ENTRA_FLEET_TARGETS": "localhost"}


async def _save(block: EntraTenant) -> None:
    # The tenant has another port at each start.
    await block.save(BLOCK, overwrite=True)


_BEGUN = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_WHY = "Its worker was killed. Run it again: it continues where this run stopped."


async def crash_dead_runs(pool: str) -> int:
    """Mark the runs of a work pool whose processes have ended as crashed, and return how many.

    Prefect would keep them Running, with their concurrency slots, until their heartbeat is missed. Call this before a
    worker is started, on a server that has no other: a run without a process was left before it had one.
    """
    begun = FlowRunFilter.model_validate({"state": {"type": {"any_": _BEGUN}}})
    async with get_client() as client:
        found = await read_all(
            client.read_flow_runs,
            # An order that does not change while pages are read.
            sort=FlowRunSort.ID_DESC,
            flow_run_filter=begun,
            work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [pool]}}),
        )
        dead = [run for run in found if not _has_process(run)]
        for run in dead:
            await client.set_flow_run_state(run.id, Crashed(message=_WHY), force=True)
    return len(dead)


def _has_process(run: FlowRun) -> bool:
    pid = _pid_of(run)
    try:
        return pid is not None and is_running(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def _pid_of(run: FlowRun) -> int | None:
    # Some versions of Prefect write HOST:PID.
    number = (run.infrastructure_pid or "").rpartition(":")[2]
    return int(number) if number.isdecimal() else None
