"""`entra-fleet up`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.deploy.command import FleetsOption, NotifyOption
from flows.cli.errors import BadUsage
from flows.cli.output.console import print_note, stderr_console, stdout_console

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
    print_note(*machine.remarks)
    running = "" if worker else "; without a worker here, flows run only once one is started elsewhere"
    console = stdout_console()
    console.print(f"entra-fleet is up{running}. Ctrl-C stops it.", soft_wrap=True)
    for label, text in machine.facts():
        console.print(f"{label:<9}{text}", soft_wrap=True)
    console.file.flush()
