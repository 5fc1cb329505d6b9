"""The outcome of a command that writes, as text or JSON."""

from typing import TYPE_CHECKING

import typer

from flows.cli.arguments.canary import show_rollout
from flows.cli.arguments.options import Output
from flows.cli.errors import FAILED
from flows.cli.output.console import print_json, show_failure, stdout_console
from flows.formatting.text import format_count

if TYPE_CHECKING:
    from flows.run.outcome import FleetOutcome


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
    from rich.text import Text

    from flows.cli.output.tables import outcome_table

    console = stdout_console()
    if any(each.outcome != "unchanged" for each in outcome.instances):
        console.print(outcome_table(outcome))
    counts = format_count(outcome.summary)
    console.print(f"{outcome.fleet}: {counts or 'no instances'}; {outcome.requests} requests, {outcome.seconds:.1f} s.")
    for each in outcome.instances:
        if each.pending:
            console.print(Text(f"{each.key}: pending until a later apply: {', '.join(each.pending)}"), soft_wrap=True)
        if each.failure:
            show_failure(each.key, each.failure)
    if outcome.rollout:
        show_rollout(outcome.rollout)
