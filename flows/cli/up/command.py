"""`entra-fleet up`."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.demo.fleet import write_demo_fleet
from flows.cli.deploy.command import FleetsOption, NotifyOption
from flows.cli.errors import BadUsage
from flows.cli.output.console import stderr_console, stdout_console
from flows.cli.processes.prefect_server import PrefectApi
from flows.configuration.blocks import EntraTenant
from graph_emulator import Emulator, EmulatorSettings

if TYPE_CHECKING:
    from flows.cli.up.stack import Stack


PORT = 4200
_FLEET = "fleet.yaml"


def command(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the server and its UI; 0 picks a free one.")
    ] = PORT,
    fleets: FleetsOption = None,
    notify: NotifyOption = None,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Also start a worker, which runs the flows.")
    ] = True,
    embedded: Annotated[bool, typer.Option("--embedded", help="Use an embedded tenant with an example fleet.")] = False,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Directory for database, keys and logs.", show_default=False)
    ] = None,
) -> None:
    """Start a Prefect server, deployments and a worker on this machine, until Ctrl-C."""
    from platformdirs import user_data_path

    from flows.cli.up.stack import Stack, until_stop_requested

    if embedded and fleets:
        raise BadUsage("--embedded comes with its own example fleet.", "Leave out --fleets.")
    if worker and not (fleets or embedded or Path(_FLEET).exists()):
        # Cause: Without a fleet file all schedules would fail.
        raise BadUsage(
            f"There is no {_FLEET} in this directory.",
            "Create one with entra-fleet init, name several with --fleets, or try an example with --embedded.",
        )
    home = directory or user_data_path("entra-fleet", appauthor=False) / ("embedded" if embedded else "prefect")
    with until_stop_requested() as stop, Stack(home.resolve(), port) as machine:
        with stderr_console().status("starting") as status:
            machine.start_server(status.update)
            if embedded:
                fleets = machine.serve_tenant()
            status.update("deploying")
            machine.deploy(fleets, notify)
            if worker:
                status.update("starting a worker")
                machine.start_worker()
            if embedded and worker:
                machine.provision_example()
        stop.settle()
        _show(machine, worker)
        machine.watch(stop)
    stderr_console().print("Stopped.")


def _show(machine: "Stack", worker: bool) -> None:
    for line in machine.remarks:
        stderr_console().print(line, soft_wrap=True)
    running = "" if worker else "; without a worker here, flows run only once one is started elsewhere"
    console = stdout_console()
    console.print(f"entra-fleet is up{running}. Ctrl-C stops it.", soft_wrap=True)
    for label, text in machine.facts():
        console.print(f"{label:<9}{text}", soft_wrap=True)
    console.file.flush()


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
    await block.save(BLOCK, overwrite=True)
