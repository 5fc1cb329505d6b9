"""The outcome of a command that writes, as text or JSON."""

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from flows.cli.errors import FAILED
from flows.cli.output.console import Output, name_fleet_file, print_json, show_failure, stderr_console, stdout_console
from flows.formatting import format_count, format_number

if TYPE_CHECKING:
    from flows.rollout.waves import RolloutReport
    from flows.run.journal import FleetOutcome


def report_outcome(outcome: "FleetOutcome", output: Output) -> None:
    """Print an outcome, and end the command if an instance failed."""
    if output is Output.JSON:
        print_json(outcome.as_json())
    else:
        show_outcome(outcome)
    if outcome.failed or (outcome.rollout and outcome.rollout.held):
        raise typer.Exit(FAILED)


def show_outcome(outcome: "FleetOutcome") -> None:
    """Print an outcome as text: failures in full, everything else in one line."""
    from flows.cli.output.tables import print_outcome

    console = stdout_console()
    print_outcome(outcome, console)
    counts = format_count(outcome.summary)
    console.print(f"{outcome.fleet}: {counts or 'no instances'}; {outcome.requests} requests, {outcome.seconds:.1f} s.")
    for each in outcome.instances:
        if each.pending:
            console.print(Text(f"{each.key}: pending until a later apply: {', '.join(each.pending)}"), soft_wrap=True)
        if each.token_expiry:
            console.print(Text(f"{each.key}: {each.token_expiry}"), soft_wrap=True)
        if each.staged_certificate:
            console.print(Text(f"{each.key}: {each.staged_certificate}"), soft_wrap=True)
        if each.failure:
            show_failure(each.key, each.failure)
    if outcome.rollout:
        show_rollout(outcome.rollout)


def show_rollout(report: "RolloutReport") -> None:
    """Print the health checks of each wave, and why the rollout was held."""
    from flows.cli.output.tables import Column, print_table

    console = stdout_console()
    columns = (
        Column("wave"),
        Column("key"),
        Column("job", drop=1),
        Column("new failures", drop=3),
        Column("deletes", drop=2),
        Column("tried", drop=4),
        Column("verdict", prose=True),
    )
    rows = []
    for wave in report.waves:
        for each in wave.verdicts:
            deletes = "?" if each.deletes is None else str(each.deletes)
            verdict = Text("healthy", style="green") if each.good else Text("; ".join(each.reasons), style="red")
            if each.remarks:
                verdict.append(f" ({'; '.join(each.remarks)})", style="dim")
            cells = (f"{wave.number} {wave.label}", each.key, each.state, str(each.failures), deletes)
            rows.append((*cells, "; ".join(each.tried) or "-", verdict))
    print_table(columns, rows, console)
    for wave in report.waves:
        if wave.state == "pending":
            console.print(Text(f"{wave.name}: {format_number(len(wave.members), 'instance')}, not started."))
    for line in report.why():
        stderr_console().print(Text(name_fleet_file(line)), soft_wrap=True)
