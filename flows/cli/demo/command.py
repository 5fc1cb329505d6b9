"""`entra-fleet demo`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from flows.cli.errors import FAILED
from flows.cli.options import Output, OutputOption
from flows.cli.output.console import print_json, stderr_console, stdout_console
from flows.cli.processes.temporary_directory import temporary_directory

if TYPE_CHECKING:
    from flows.cli.demo.result import DemoResult
    from flows.cli.demo.session import DemoSession

_INSTANCES, _SUBSIDIARIES = 12, 5


def command(
    instances: Annotated[
        int | None,
        typer.Option(min=1, max=500, help="Number of instances: by default 12, or 5 with --cross-tenant."),
    ] = None,
    cross_tenant: Annotated[
        bool, typer.Option("--cross-tenant", help="Synchronize users into the tenants of subsidiaries.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed produces the same tenant.")] = 1,
    profile: Annotated[str, typer.Option(help="Fault profile of the tenant: calm, laggy, flaky, lossy …")] = "calm",
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Instances processed in parallel.")] = 10,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep everything running until Ctrl-C, and keep its files.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Provision a fleet on an embedded tenant, monitor it, harvest its events, and show what else is there."""
    from flows.cli.demo.session import DemoSession
    from graph_emulator import EmulatorError

    count = instances or (_SUBSIDIARIES if cross_tenant else _INSTANCES)
    try:
        with (
            _directory(keep) as directory,
            DemoSession(directory, seed, profile, count if cross_tenant else 0) as stage,
        ):
            rehearsal = stage.run(count, concurrency)
            differences = rehearsal.differences(stage.tenant_state())
            if output is Output.JSON:
                print_json({**rehearsal.as_json(), "differences": differences})
            else:
                _show(rehearsal, profile, seed, differences)
            if keep:
                _keep(stage, directory)
    except EmulatorError as error:
        raise typer.BadParameter(str(error)) from None
    if rehearsal.outcome.failed or rehearsal.seen.unwell or differences:
        raise typer.Exit(FAILED)


@contextmanager
def _directory(keep: bool) -> Iterator[Path]:
    if keep:
        yield Path(mkdtemp(prefix="entra-fleet-demo-"))
        return
    with temporary_directory("demo") as directory:
        yield directory


def _show(rehearsal: "DemoResult", profile: str, seed: int, differences: list[str]) -> None:
    from flows.cli.demo.result import print_instances, summary_grid
    from flows.cli.output.inventory import print_jobs

    console = stdout_console()
    console.print(Text.assemble("\n", ("entra-fleet demo", "bold"), f": profile {profile}, seed {seed}\n"))
    print_instances(rehearsal, console)
    console.print()
    console.print(summary_grid(rehearsal, differences))
    if rehearsal.inventory:
        unmanaged = replace(rehearsal.inventory, rows=[row for row in rehearsal.inventory.rows if row.fleet is None])
        console.print("\nWhat entra-fleet inventory finds beside the fleet:\n")
        print_jobs(unmanaged)


def _keep(stage: "DemoSession", directory: Path) -> None:
    from signal import pause

    lines = {
        "Prefect UI": stage.prefect_url,
        "sign in": f"with {stage.prefect_sign_in}",
        "tenant": f"{stage.tenant_url}/_emulator/state",
        "files": str(directory),
    }
    for label, text in lines.items():
        stderr_console().print(f"{label:<13}{text}", markup=False, soft_wrap=True)
    stderr_console().print("Press Ctrl-C to stop.")
    pause()
