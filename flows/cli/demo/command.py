"""`entra-fleet demo`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from flows.cli.arguments.options import Output, OutputOption
from flows.cli.errors import FAILED
from flows.cli.output.console import aside, person, print_json
from flows.cli.processes.temporary_directory import temporary_directory

if TYPE_CHECKING:
    from flows.cli.demo.result import Rehearsal
    from flows.cli.demo.session import Stage


def command(
    instances: Annotated[int, typer.Option(min=1, max=500, help="Size of the fleet.")] = 12,
    seed: Annotated[int, typer.Option(help="The same seed gives the same tenant.")] = 1,
    profile: Annotated[str, typer.Option(help="How the tenant behaves: calm, laggy, flaky, lossy …")] = "calm",
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Instances worked on at once.")] = 10,
    keep: Annotated[bool, typer.Option("--keep", help="Keep everything running, and its files, until Ctrl-C.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Provision a fleet on an embedded tenant, watch it, harvest its events and sum them up."""
    from flows.cli.demo.session import Stage
    from graph_emulator import EmulatorError

    try:
        with _directory(keep) as directory, Stage(directory, seed, profile) as stage:
            rehearsal = stage.rehearse(instances, concurrency)
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


def _show(rehearsal: "Rehearsal", profile: str, seed: int, differences: list[str]) -> None:
    from flows.cli.demo.table import rehearsal_table, summary_grid

    console = person()
    console.print(Text.assemble("\n", ("entra-fleet demo", "bold"), f": profile {profile}, seed {seed}\n"))
    console.print(rehearsal_table(rehearsal))
    console.print()
    console.print(summary_grid(rehearsal, differences))


def _keep(stage: "Stage", directory: Path) -> None:
    from signal import pause

    lines = {
        "Prefect UI": stage.prefect_url,
        "sign in": f"with {stage.prefect_sign_in}",
        "tenant": f"{stage.tenant_url}/_emulator/state",
        "files": str(directory),
    }
    for label, text in lines.items():
        aside().print(f"{label:<13}{text}", markup=False, soft_wrap=True)
    aside().print("Ctrl-C ends it.")
    pause()
